"""Display captured models in notebooks as HTML, and in consoles as text."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import msgspec

from bmvis.model.tree import Model
from bmvis.options.definitions import Options
from bmvis.options.parsing import parse_site_options
from bmvis.render.html import assets
from bmvis.render.html.markup import join
from bmvis.render.html.tree import to_html
from bmvis.render.terminal import TerminalTree
from bmvis.render.text import to_text
from bmvis.view.layout import layout

_NUMBERS = itertools.count(1)
"""Numbers for the ids of outputs, which must differ because all cells share one page."""


class Drawing:
    """A drawn tree: HTML as the result of a notebook cell, text from `str()` and `print`."""

    def __init__(self, model: Model, options: Options) -> None:
        self.page = layout(model, options)

    def __str__(self) -> str:
        return to_text(self.page)

    __repr__ = __str__

    def __rich__(self) -> TerminalTree:
        """Return a renderable for Rich."""
        return TerminalTree(self.page)

    def _repr_html_(self) -> str:
        """Return the tree as HTML with its stylesheet. There is no script, because notebooks can forbid scripts."""
        html = join(assets.inline_stylesheets(), to_html(self.page, f"bmvis-{next(_NUMBERS)}"))
        return str(html)  # marimo saves no subclass of `str`

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Return the tree as HTML, and as text for notebooks in a terminal."""
        return {"text/plain": str(self), "text/html": self._repr_html_()}


class Captured(Model, frozen=True, eq=False):
    """The model that `bmvis.capture` returns: a `Model` that notebooks display as a tree.

    It is equal to a `Model` with the same data.

    Examples:
        >>> captured = bmvis.capture(nn.Linear(2, 3))
        >>> captured  # in a notebook: a tree with colors and foldable rows
        root weight:[3, 2] bias:[3]
        <BLANKLINE>
        Linear: 9 parameters, all trainable; float32, 36 bytes
    """

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and msgspec.structs.astuple(self) == msgspec.structs.astuple(other)

    def __ne__(self, other: object) -> bool:  # that of `Model` would be inherited otherwise
        return not self == other

    def __hash__(self) -> int:
        return Model.__hash__(self)

    def draw(self, **options: Any) -> Drawing:
        """Draw the tree with display options.

        Problems that are warnings in a documentation build are Python warnings here, such as a mapping that does not
        match the model.

        Args:
            options: the options of `model-structure` that can be set for a whole site, with `_` instead of `-`.

        Returns:
            The drawn tree. A notebook displays it, and `print` writes it as text.

        Raises:
            OptionError: an option is unknown, or its value is invalid.

        Examples:
            >>> bmvis.capture(nn.Sequential(nn.Linear(2, 3), nn.ReLU())).draw(root_name="net", non_params=True)
            net
            ├── 0 (Linear) weight:[3, 2] bias:[3]
            └── 1 (ReLU)
            <BLANKLINE>
            Sequential: 9 parameters, all trainable; float32, 36 bytes
        """
        written = {name.replace("_", "-"): value for name, value in options.items()}
        drawing = Drawing(self, parse_site_options(written))
        for warning in drawing.page.warnings:
            warnings.warn(warning.report, stacklevel=2)
        return drawing

    def __str__(self) -> str:
        return str(self.draw())

    __repr__ = __str__

    def __rich__(self) -> TerminalTree:
        return self.draw().__rich__()

    def _repr_html_(self) -> str:
        return self.draw()._repr_html_()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return self.draw()._repr_mimebundle_(include, exclude)


def captured(model: Model) -> Captured:
    """Return a model with the same data that notebooks can display."""
    return Captured(**msgspec.structs.asdict(model))
