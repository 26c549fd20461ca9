"""Write the edges of an architecture figure as lines of text: `layers.0-31 (×32) -> norm: [1, 8, 4096]`."""

from __future__ import annotations

from collections.abc import Sequence

from bmvis.view.figure.figure import Box, Edge, Figure


def connection_lines(figure: Figure) -> list[str]:
    """Return a line for each box that gives a value to others. Values of different shapes have lines of their own."""
    groups: dict[tuple[object, ...], list[Edge]] = {}
    for edge in figure.edges:
        groups.setdefault((edge.source, edge.shape), []).append(edge)
    names = _names(figure.boxes)
    lines = []
    for edges in groups.values():
        shape = edges[0].shape
        targets = ", ".join(names[edge.target] for edge in edges)
        text = f": [{', '.join(map(str, shape))}]" if shape is not None else ""
        lines.append(f"{names[edges[0].source]} -> {targets}{text}")
    return lines


def figure_lines(figure: Figure) -> list[str]:
    """Return the connections, and what the model was called with, as lines of text."""
    note = called_with(figure)
    return [*connection_lines(figure), *([note] if note else [])]


def called_with(figure: Figure) -> str:
    """Return a sentence about the inputs of the traced call; '' if they are unknown."""
    return f"Traced with {figure.called_with}." if figure.called_with else ""


def _names(boxes: Sequence[Box]) -> dict[str, str]:
    """Return the name of each box. Joins with the same name are numbered."""
    found: dict[str, str] = {}
    used: dict[str, int] = {}
    for box in boxes:
        name = box_name(box)
        used[name] = used.get(name, 0) + 1
        found[box.key] = name if used[name] == 1 else f"{name} #{used[name]}"
    return found


def box_name(box: Box) -> str:
    """Return the path of a module, with all that a box represents, or the operation of a join and its module."""
    if box.kind == "join":
        return f"{box.label} in {box.path or 'root'}"
    if box.kind != "module" or not box.path:
        return box.label
    name = box.path
    if box.repeats > 1:
        parent, dot, _ = box.path.rpartition(".")
        name = f"{parent}{dot}{box.label.rpartition('.')[2]}"
    marks = [f"{'≈' if box.similar else '×'}{box.repeats}"] if box.repeats > 1 else []
    marks += [box.note] if box.note else []
    return f"{name} ({', '.join(marks)})" if marks else name
