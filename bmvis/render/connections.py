"""Write the edges of an architecture figure as lines of text: `layers.0-31 (×32) -> norm: [1, 8, 4096]`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from bmvis.view.figure.figure import Box, Edge, Figure, Frame

_MARKS = {"": "", "added": "added: ", "removed": "removed: "}


def connection_lines(figure: Figure) -> list[str]:
    """Return a line for each box that gives a value to others. Values of different shapes have lines of their own.

    In a comparison, a line of connections that only one of the models has starts with `added:` or `removed:`.
    """
    groups: dict[tuple[object, ...], list[Edge]] = {}
    for edge in figure.edges:
        groups.setdefault((edge.source, edge.shape, edge.change), []).append(edge)
    names = _names(figure)
    lines = []
    for edges in groups.values():
        shape = edges[0].shape
        targets = ", ".join(names[edge.target] for edge in edges)
        text = f": [{', '.join(map(str, shape))}]" if shape is not None else ""
        lines.append(f"{_MARKS[edges[0].change]}{names[edges[0].source]} -> {targets}{text}")
    return [*lines, *(f"{_MARKS['removed']}{text}" for text in figure.undrawn)]


def figure_lines(figure: Figure) -> list[str]:
    """Return the connections, and what the model was called with, as lines of text."""
    note = called_with(figure)
    return [*connection_lines(figure), *([note] if note else [])]


def called_with(figure: Figure) -> str:
    """Return sentences about the inputs of the traced call, and what it did not show; '' if there is neither."""
    traced = [f"Traced with {figure.called_with}."] if figure.called_with else []
    return " ".join([*traced, *([f"Not drawn: {'; '.join(figure.unseen)}."] if figure.unseen else [])])


def _names(figure: Figure) -> dict[str, str]:
    """Return the name of each box: `input q` if a module has the name of an input. Other equal names are numbered."""
    around = dict(_around(figure.frames, ()))
    inner = {box_name(box, around.get(box.key, ())) for box in figure.boxes if box.kind in ("module", "join")}
    ends = Counter(box.label for box in figure.boxes if box.kind in ("input", "output"))
    found: dict[str, str] = {}
    used: dict[str, int] = {}
    for box in figure.boxes:
        name = box_name(box, around.get(box.key, ()))
        if box.kind in ("input", "output") and (name in inner or ends[name] > 1):
            name = f"{box.kind} {name}"
        used[name] = used.get(name, 0) + 1
        found[box.key] = name if used[name] == 1 else f"{name} #{used[name]}"
    return found


def _around(frames: Sequence[Frame], outer: tuple[Frame, ...]) -> Iterator[tuple[str, tuple[Frame, ...]]]:
    """Yield the key of each box with the frames around it, the outermost one first."""
    for frame in frames:
        yield from ((key, (*outer, frame)) for key in frame.boxes)
        yield from _around(frame.frames, (*outer, frame))


def box_name(box: Box, around: Sequence[Frame] = ()) -> str:
    """Return the path of a module, with all that a box represents, or the operation of a join and its module.

    Args:
        box: the box.
        around: the frames around it, the outermost one first.
    """
    path = _ranged(box.path or "", around)
    marks = [mark for frame in around for mark in _marks(frame)]
    if box.kind == "join":
        name = f"{box.label} in {path or 'root'}"
    elif box.kind != "module" or not path:
        name = box.label
    else:
        name = _renamed(path, box.label)
        marks += [*_marks(box), *([box.note] if box.note else [])]
    return f"{name} ({', '.join(marks)})" if marks else name


def _marks(item: Box | Frame) -> list[str]:
    return [f"{'≈' if item.similar else '×'}{item.repeats}"] if item.repeats > 1 else []


def _ranged(path: str, around: Sequence[Frame]) -> str:
    """Return a path with the names of all modules that the frames around it represent: `layer.0-11.output`."""
    for frame in reversed(around):
        if frame.path and (path == frame.path or path.startswith(f"{frame.path}.")):
            path = _renamed(frame.path, frame.label) + path[len(frame.path) :]
    return path


def _renamed(path: str, label: str) -> str:
    """Return a path that ends with a label: `encoder.layer.0` with `layer.0-11` is `encoder.layer.0-11`."""
    names = label.split(".") if "…" not in label else [label.rpartition(".")[2]]
    return ".".join([*path.split(".")[: -len(names)], *names])
