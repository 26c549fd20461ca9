"""List the changes of what feeds what: connections between modules and operations in one call. Internal.

Both dataflows are drawn with the modules that both models have. What only one of them has, other lines report, so
values pass through it: if a module is put between two others, these are still connected.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set

from bmvis.comparison.lines import WHOLE, DriftLine, fact_line
from bmvis.comparison.tensor_changes import ChangedFact
from bmvis.comparison.wiring import End, EndPair, WiringDrawing, with_present_names
from bmvis.model.labels import common_path
from bmvis.model.tree import Model

DATAFLOW = "dataflow"
"""The name of the fact in `Model.unrecorded`."""
TOPIC = "connections"
MAX_EDGES = 3
"""Connections of one module that a line names."""


def wiring_changes(before: Model, after: Model, now: Mapping[int, int]) -> Iterator[DriftLine]:
    """Yield a line for each module in which other connections are made.

    Args:
        before: the earlier model.
        after: the present model.
        now: for each module of the earlier model, the same one in the present model.
    """
    if before.inputs != after.inputs or DATAFLOW in (*before.unrecorded, *after.unrecorded):
        return
    if before.dataflow is None or after.dataflow is None:
        yield from _recorded(before, after)
        return
    same = {after.paths[new]: after.paths[new] for new in now.values()}
    drawings = (
        WiringDrawing(before.dataflow, {before.paths[old]: after.paths[new] for old, new in now.items()}),
        WiringDrawing(after.dataflow, same),
    )
    opened = drawings[0].outer & drawings[1].outer
    was, is_now = with_present_names(*(drawing.edges(opened) for drawing in drawings))
    changes: defaultdict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for side, (edges, others) in enumerate(((was, is_now), (is_now, was))):
        known = {step for edge in others for step in _steps(edge, opened)}
        for edge in edges - others:
            steps = list(_steps(edge, opened))
            # If a module uses its inputs in another way, all steps can be known.
            for module, text in [step for step in steps if step not in known] or [_direct(edge)]:
                changes[module][side].add(text)
    for path in sorted(changes, key=lambda path: after.index_of.get(path, 0)):
        yield fact_line(path, _fact(*changes[path]))


def _steps(edge: EndPair, opened: Set[str]) -> Iterator[tuple[str, str]]:
    """Yield the connections in each module that an edge goes through, with the path of the module."""
    source, target = (_modules(end, opened) for end in edge)
    common = 0
    while common < min(len(source), len(target)) and source[common] == target[common]:
        common += 1
    here = source[common - 1]
    yield here, f"{_text(here, edge[0], source[common:])} -> {_text(here, edge[1], target[common:])}"
    for position in range(common, len(source)):
        yield source[position], f"{_text(source[position], edge[0], source[position + 1 :])} -> output"
    for position in range(common, len(target)):
        yield target[position], f"input -> {_text(target[position], edge[1], target[position + 1 :])}"


def _modules(end: End, opened: Set[str]) -> list[str]:
    """Return the paths of the opened modules around an end: that of the model first, which is empty."""
    parts = end.path.split(".")
    above = [".".join(parts[:length]) for length in range(1, len(parts) + (end.number != 0))]
    return ["", *(path for path in above if path in opened and path)]


def _direct(edge: EndPair) -> tuple[str, str]:
    module = common_path([end.path for end in edge])
    return module, " -> ".join(_text(module, end, ()) for end in edge)


def _recorded(before: Model, after: Model) -> Iterator[DriftLine]:
    """Yield whether connections are known, if that has changed."""
    if before.untraced or after.untraced or (before.dataflow is None and after.dataflow is None):
        if after.undrawn and not before.undrawn and not after.untraced:
            yield _of_model(f"cannot be called: {after.undrawn.message}", "called")
        return
    if after.undrawn:
        yield _of_model(f"cannot be called: {after.undrawn.message}", "called")
        return
    texts = ["not recorded" if model.dataflow is None else "recorded" for model in (before, after)]
    fact = ChangedFact(f"{TOPIC}: {' → '.join(texts)}", "cosmetic", False, texts[0], texts[1], TOPIC)
    yield fact_line("", fact, subject=WHOLE)


def _of_model(text: str, topic: str) -> DriftLine:
    return fact_line("", ChangedFact(text, "numerics", False, topic=topic), subject=WHOLE)


def _fact(removed: Set[str], added: Set[str]) -> ChangedFact:
    was, is_now = _listed(removed), _listed(added)
    parts = [f"now {is_now}"] * bool(added) + [f"no longer {was}"] * bool(removed)
    return ChangedFact(f"{TOPIC}: {'; '.join(parts)}", "numerics", False, was, is_now, TOPIC)


def _listed(edges: Set[str]) -> str:
    more = len(edges) - MAX_EDGES
    return ", ".join([*sorted(edges)[:MAX_EDGES], *([f"{more} more"] if more > 0 else [])])


def _text(module: str, end: End, inside: Sequence[str]) -> str:
    """Return the name of an end, or of the outermost module that it is inside of, relative to a module around them."""
    path = inside[0] if inside else end.path
    path = path.removeprefix(f"{module}.") if module else path
    if inside or not end.join:
        return path
    name = end.join if end.number < 2 else f"{end.join} #{end.number}"
    return name if end.path in ("", module) else f"{name} in {path}"
