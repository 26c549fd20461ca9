"""The figure that the options of a page select, and those to draw if that one cannot be drawn."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import msgspec

from bmvis import address
from bmvis.errors import BmvisError, FigureError, HighlightError
from bmvis.model.tree import Model
from bmvis.options.definitions import Options
from bmvis.view.figure.figure import Figure
from bmvis.view.figure.layout.checked_drawing import draw_deepest
from bmvis.view.figure.layout.drawing import DrawnFigure
from bmvis.view.figure.levels import MAX_BOXES, Figures

MAX_DRAWN = 150
"""Maximum number of boxes of a figure that is drawn."""
_SIMILAR = {"equal": False, "similar": True, "auto": None}


def chosen_figures(
    model: Model, options: Options, base: Model | None = None, *, most: int = MAX_BOXES
) -> tuple[Iterator[Figure], tuple[BmvisError, ...]]:
    """Return the figure that the options select, followed by those of the levels above it; and what to warn about.

    Each figure is made when it is needed. There is none if the options select none, or if the model has no record of
    its dataflow. `most` is the maximum number of modules and joins of the level `auto`. Edges that only the model or
    only `base` has are marked.
    """
    if not options.flow:
        return iter(()), ()
    flow = model.dataflow
    if flow is None:
        return iter(()), _reasons(model)
    if not flow.operations:
        what = "no output of the model depends on its inputs or parameters, so there is no architecture figure"
        return iter(()), (FigureError(what, hint="change the option inputs, or remove the option flow"),)
    warnings: list[BmvisError] = []
    if base is not None and base.dataflow is None:
        what = f"the dataflow of the base model {base.root.type} is not known, so the figure marks no changes"
        base = None
        warnings.append(FigureError(what, hint="set the option inputs for both models, or remove the option flow"))
    opened, closed = (_usable(model, patterns, warnings) for patterns in (options.flow_open, options.flow_closed))
    figures = Figures(
        model,
        flow,
        operations=options.flow_ops,
        opened=opened,
        closed=closed,
        similar=_SIMILAR[options.fold],
        base=base,
    )
    return _levels(figures, options, most), tuple(warnings)


def _levels(figures: Figures, options: Options, most: int) -> Iterator[Figure]:
    """Yield the figure that the options select, and those of the levels above it."""
    first = figures.at(options.flow) if isinstance(options.flow, int) else figures.fitting(most)
    yield first
    yield from (figures.at(level) for level in range(first.level - 1, 0, -1))


def drawn_figure(
    model: Model, options: Options, base: Model | None = None, *, most: int = MAX_BOXES
) -> tuple[DrawnFigure | None, tuple[BmvisError, ...]]:
    """Return the figure that the options select, or the nearest one that can be drawn; and what to warn about."""
    figures, warnings = chosen_figures(model, options, base, most=most)
    wanted = next(figures, None)
    if wanted is None:
        return None, warnings
    drawn = draw_deepest(
        figure for figure in chain([wanted], figures) if len(figure.boxes) <= MAX_DRAWN and not figure.tangled
    )
    if drawn is None or drawn.drawing is None:
        what = f"the architecture figure of this {model.root.type} cannot be drawn without lines that cross boxes"
        if drawn is None:
            what = f"the architecture figure of this {model.root.type} has more than {MAX_DRAWN} boxes"
        problem = FigureError(f"{what}; the page lists the connections", hint="close modules with flow-closed")
        return drawn or DrawnFigure(_shallowest(model, options, base), None), (*warnings, problem)
    if drawn.figure.level != wanted.level and isinstance(options.flow, int):
        what = f"level {wanted.level} of the architecture figure {_obstacle(wanted)}"
        hint = f"set flow: {drawn.figure.level}, or close modules with flow-closed"
        warnings = (*warnings, FigureError(f"{what}; level {drawn.figure.level} is drawn instead", hint=hint))
    return drawn, warnings


def _obstacle(figure: Figure) -> str:
    """Return why a figure is not drawn."""
    if len(figure.boxes) > MAX_DRAWN:
        return f"has {len(figure.boxes)} boxes, and at most {MAX_DRAWN} are drawn"
    if figure.tangled:
        return "has more edges without operations than with them"
    return "cannot be drawn without lines that cross boxes"


def _shallowest(model: Model, options: Options, base: Model | None) -> Figure:
    figures, _ = chosen_figures(model, msgspec.structs.replace(options, flow=1), base)
    return next(figures)


def _reasons(model: Model) -> tuple[BmvisError, ...]:
    """Return why a model has no record of its dataflow."""
    problem = model.undrawn
    if problem is not None:
        return (FigureError(problem.message, hint=problem.hint, detail=problem.detail),)
    if model.untraced is not None:
        return ()  # the warning about the call explains it
    what = "there is no record of the dataflow of the model, so its architecture figure cannot be drawn"
    hint = "remove the option flow: a checkpoint has no code to call"
    if not model.is_checkpoint:
        hint = "set flow = true for the model in [tool.bmvis.models], and run `bmvis snapshot`"
    return (FigureError(what, hint=hint),)


def _usable(model: Model, patterns: tuple[str, ...], warnings: list[BmvisError]) -> list[str]:
    """Return the patterns that match a module. Add a warning for each of the others."""
    found = []
    for pattern in patterns:
        try:
            if address.find(model.paths, pattern):
                found.append(pattern)
            else:
                warnings.append(address.missing(model, model.paths, pattern))
        except HighlightError as error:
            warnings.append(error)
    return found
