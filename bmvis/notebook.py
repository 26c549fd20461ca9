"""A captured model that a notebook draws: the tree of the pages, in the output of a cell; in a console as text."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import msgspec

from bmvis.model.tree import Model
from bmvis.option_parsing import parse_site_options
from bmvis.options import Options
from bmvis.render.html import assets
from bmvis.render.html.markup import join
from bmvis.render.html.tree import to_html
from bmvis.render.terminal import Drawn
from bmvis.render.text import to_text
from bmvis.view.layout import layout

_NUMBERS = itertools.count(1)
"""Each output has its own ids: cells share one page."""


class Drawing:
    """What a notebook shows as a cell's result, and `print` as text."""

    def __init__(self, model: Model, options: Options) -> None:
        self.page = layout(model, options)

    def __str__(self) -> str:
        return to_text(self.page)

    __repr__ = __str__

    def __rich__(self) -> Drawn:
        """Return the tree as Rich prints it."""
        return Drawn(self.page)

    def _repr_html_(self) -> str:
        """Return the tree with its stylesheet, without a script: a notebook's rules may forbid one."""
        return join(assets.inline_stylesheets(), to_html(self.page, f"bmvis-{next(_NUMBERS)}"))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Return the tree as HTML, and as text for a notebook in a terminal."""
        return {"text/plain": str(self), "text/html": self._repr_html_()}


class Captured(Model, frozen=True, eq=False):
    """A model as `bmvis.capture` returns it: the data of `Model`, and equal to it, drawn where a notebook shows it."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and msgspec.structs.astuple(self) == msgspec.structs.astuple(other)

    def __hash__(self) -> int:
        return hash(Model(*msgspec.structs.astuple(self)))

    def draw(self, **options: Any) -> Drawing:
        """Return the tree as the options of `model-structure` say, as in `draw(depth=3, non_params=True)`.

        What a page would warn of is a warning here too, such as a mapping that does not fit.

        Args:
            options: those that a site can have for all its trees, with `_` for `-`.

        Returns:
            What a notebook draws as a cell's result, and `print` writes as text.

        Raises:
            OptionError: an option that there is not, or a value that it does not take.
        """
        written = {name.replace("_", "-"): value for name, value in options.items()}
        drawing = Drawing(self, parse_site_options(written))
        for warning in drawing.page.warnings:
            warnings.warn(warning.report, stacklevel=2)
        return drawing

    def __str__(self) -> str:
        return str(self.draw())

    __repr__ = __str__

    def __rich__(self) -> Drawn:
        return self.draw().__rich__()

    def _repr_html_(self) -> str:
        return self.draw()._repr_html_()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return self.draw()._repr_mimebundle_(include, exclude)


def captured(model: Model) -> Captured:
    """Return the same data as something to draw."""
    return Captured(**msgspec.structs.asdict(model))
