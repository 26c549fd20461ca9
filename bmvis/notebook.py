"""Display captured models in notebooks as HTML, and in consoles as text."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from typing import Any

import msgspec

from bmvis.model.tree import Model
from bmvis.options.definitions import Options
from bmvis.options.parsing import parse_site_options
from bmvis.render.html import notebook_output
from bmvis.render.html.tree import to_html
from bmvis.render.terminal import TerminalTree
from bmvis.render.text import to_text
from bmvis.view.layout import layout

_DRAWN: Counter[str] = Counter()
"""How often each tree was drawn, by the digest of its HTML."""


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
        """Return the tree as HTML with its styles, and with its script for notebooks that run scripts."""
        anchor = self._anchor()
        # marimo saves no subclass of `str`
        return str(notebook_output.output(to_html(self.page, anchor), anchor))

    def _anchor(self) -> str:
        """Return the id of an output, different from those of all trees on the page of a saved notebook.

        A notebook can be run again in parts, so that a number would not be enough. It is not random, because outputs
        that did not change are compared and committed.
        """
        digest = hashlib.sha256(to_html(self.page, "bmvis").encode()).hexdigest()[:8]
        _DRAWN[digest] += 1
        return f"bmvis-{digest}-{_DRAWN[digest]}"

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


def share_assets(notebook: Any, resources: Any) -> tuple[Any, Any]:
    """Move the styles and scripts of all trees of a notebook to its first one: a preprocessor of nbconvert.

    Args:
        notebook: the notebook, as `nbformat` reads it. It is changed.
        resources: what nbconvert knows about the conversion.

    Returns:
        Both arguments.
    """
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    notebook_output.share_assets([output["data"] for output in outputs if "data" in output])
    return notebook, resources
