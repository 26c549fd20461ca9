"""The edges of a figure in a short notation: `in:x > conv1; conv1 > layer.0..x12; layer.0..x12 > out:y`.

| Key | Box |
|---|---|
| `in:x`, `out:logits` | input, output |
| `encoder.norm` | a module |
| `layer.0..x12` | a folded run of 12 modules that starts at `layer.0` |
| `encoder#2` | the second of several calls of a module |
| `(+)decoder`, `(concat)root` | a join, and the module that computes it |

A key that occurs again gets a suffix: `(+)layers.0` and `(+)layers.0~2`.
"""

from __future__ import annotations

import re

from bmvis.view.figure.figure import Box, Edge, Figure

_KEY = re.compile(
    r"(?P<end>in|out):(?P<name>.*)"
    r"|\((?P<operation>.+?)\)(?P<owner>[^()~]*)(~\d+)?"
    r"|(?P<path>.*?)(\.\.x(?P<repeats>\d+))?(#(?P<call>\d+))?(~\d+)?",
    re.DOTALL,
)


def edge_list(figure: Figure) -> str:
    """Return the edges of a figure in notation."""
    return "; ".join(f"{edge.source} > {edge.target}" for edge in figure.edges)


def parse_edge_list(text: str) -> Figure:
    """Return the figure of an edge list, without frames, types and shapes. Inputs are first, outputs last."""
    pairs = [part.strip().split(" > ") for part in text.split(";")]
    keys = dict.fromkeys(key for pair in pairs for key in pair)
    boxes = [_box(key) for key in keys]
    boxes.sort(key=lambda box: (box.kind != "input", box.kind == "output"))
    return Figure(tuple(boxes), tuple(Edge(source, target) for source, target in pairs))


def _box(key: str) -> Box:
    match = _KEY.fullmatch(key)
    assert match is not None
    if match["end"]:
        return Box(key, "input" if match["end"] == "in" else "output", match["name"])
    if match["operation"]:
        owner = match["owner"]
        return Box(key, "join", match["operation"], path="" if owner == "root" else owner)
    repeats = int(match["repeats"] or 1)
    note = f"call {match['call']}" if match["call"] else ""
    return Box(key, "module", match["path"], "", match["path"], repeats, note=note)
