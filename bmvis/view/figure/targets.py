"""Which box of a figure shows a module: the target of links where the figure replaces the tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bmvis.model.tree import Model
from bmvis.view.figure.layout.drawing import DrawnFigure
from bmvis.view.page import Row
from bmvis.view.row_finder import representatives


def numbers_of_paths(drawn: DrawnFigure) -> Mapping[str, int]:
    """Return the number of the first box or frame of each module that has one. Frames are numbered after the boxes."""
    if drawn.drawing is None:
        return {}
    boxes = drawn.figure.boxes
    paths = [box.path if box.kind == "module" else None for box in boxes]
    found: dict[str, int] = {}
    for number, path in enumerate([*paths, *(placed.frame.path for placed in drawn.drawing.frames)]):
        if path:
            found.setdefault(path, number)
    return found


def shown_in(drawn: DrawnFigure, model: Model, rows: Sequence[Row]) -> Mapping[str, int]:
    """Return the number of the box or frame that shows each module; modules that none shows are left out.

    It is that of the module itself, of the one that it repeats, or of the nearest module around it.
    """
    numbers = numbers_of_paths(drawn)
    found: dict[str, int] = {}
    for path, same in representatives(model, rows).items():
        nearest = max((_nearest(one, numbers) for one in (path, same)), key=len)
        if nearest:
            found[path] = numbers[nearest]
    return found


def _nearest(path: str, numbers: Mapping[str, int]) -> str:
    """Return the path of the module or of the nearest one around it that is shown; '' if none is."""
    while path and path not in numbers:
        path = path.rpartition(".")[0]
    return path
