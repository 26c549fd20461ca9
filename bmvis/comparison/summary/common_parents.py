"""Few lines for a change of many unlike modules: one for the nearest module above all of them. Internal."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence

import msgspec

from bmvis.comparison.lines import DriftLine, Part
from bmvis.comparison.summary.merged_lines import NUMBER, SIZED, Merged, each_of, number_range, ranged
from bmvis.comparison.summary.module_lines import most_serious
from bmvis.model.labels import common_path
from bmvis.model.tree import Model

MAX_PATHS = 2
"""Maximum number of paths of one change that have lines of their own."""
MAX_NAMES = 4
"""Names of tensors, and pairs of sizes, in a line."""
_ALONE = {"order", "tied", "shared", "moved", "renamed"}
"""Topics whose texts depend on the path."""
_INTEGER = re.compile(r"\d+")


def collapse(found: Sequence[Merged], before: Model, after: Model) -> list[Merged]:
    """Return fewer lines: one for each change that more than two of them have.

    Args:
        found: changes in the blocks of a model.
        before: the earlier model.
        after: the present model.
    """
    few = list(_collapsed(found, before, after, least=1))
    for step in (2, 3):
        if len({(merged.path, merged.lines[0].subject) for merged in few}) > MAX_PATHS:
            few = list(_collapsed(few, before, after, least=step))
    return few


def _collapsed(found: Sequence[Merged], before: Model, after: Model, *, least: int) -> Iterator[Merged]:
    """Yield lines, with one line in place of equal changes at more than `MAX_PATHS` paths.

    Args:
        found: the lines.
        before: the old model.
        after: the new model.
        least: 1 collapses only those. 2 also collapses fewer paths, if each of them represents two modules or more. 3
            also collapses changes of the class, whatever the classes are.
    """
    families: dict[Hashable, list[Merged]] = {}
    for number, merged in enumerate(found):
        family = _family(merged.lines[0], with_classes=least > 2)
        families.setdefault(number if family is None else family, []).append(merged)
    for group in families.values():
        paths = len({merged.path for merged in group})
        is_wide = paths > 1 and least > 1 and all(len(merged.lines) > 1 for merged in group)
        if paths > MAX_PATHS or is_wide:
            lines = [line for merged in group for line in merged.lines]
            model = before if lines[0].kind == "removed" else after
            line = _one_line(lines, model)
            parts = tuple(_part(merged) for merged in group)
            yield Merged(group[0].order, line.path, (msgspec.structs.replace(line, parts=parts),))
        else:
            yield from group


def _family(line: DriftLine, *, with_classes: bool) -> Hashable | None:
    """Return what is equal for lines that can be one; None for a line that cannot."""
    if line.was is not None or line.subject or line.parts or line.topic in _ALONE:
        return None
    if line.kind == "changed" and line.topic in SIZED:
        return line.topic if line.topic == "shape" else (line.topic, line.impact)
    if line.topic == "class" and with_classes:
        return line.topic, line.impact
    if line.kind != "changed" or line.topic in ("wrapped", "unwrapped"):
        return None if not line.path else (line.kind, line.topic, line.impact, NUMBER.sub("#", line.text))
    if (line.names or line.tensors) and line.topic != "parametrized":
        return line.topic, line.impact, fact_of(line)
    return line.topic, line.impact, line.text


def fact_of(line: DriftLine) -> str:
    """Return the text of a line without the names of tensors."""
    return line.text.removeprefix(f"{', '.join(line.names)}: ") if line.names else line.text


def _one_line(lines: Sequence[DriftLine], model: Model) -> DriftLine:
    path = common_path([line.path for line in lines])
    impact = most_serious(lines)
    first = msgspec.structs.replace(lines[0], path=path, impact=impact, names=(), tensors=0, before="", after="")
    if first.kind != "changed":
        modules = f"{len(lines):,} modules in {path or 'the root'}"
        return msgspec.structs.replace(first, subject=modules, text=each_of(ranged([line.text for line in lines])))
    text = _text(lines, model, path)
    if first.topic not in SIZED and len({(line.before, line.after) for line in lines}) == 1:
        first = msgspec.structs.replace(first, before=lines[0].before, after=lines[0].after)
    return msgspec.structs.replace(first, text=text)


def _text(lines: Sequence[DriftLine], model: Model, path: str) -> str:
    topic = lines[0].topic
    names = list(dict.fromkeys(name for line in lines for name in line.names))
    tensors = sum(line.tensors or len(line.names) for line in lines)
    if topic == "shape":
        return f"sizes of {tensors:,} tensors: {_sizes(lines)}"
    named = ", ".join(names) if len(names) <= MAX_NAMES and all(line.names for line in lines) else ""
    if topic in SIZED:
        return f"{named}: {topic} ({tensors:,} tensors)" if named else f"{tensors:,} tensors {topic}"
    if tensors and topic != "parametrized":
        text = f"{named}: {fact_of(lines[0])}" if named else fact_of(lines[0])
        return f"{text} ({tensors:,} of {_tensors_in(model, path):,} tensors)"
    texts = list(dict.fromkeys(line.text for line in lines))
    if topic == "class" and len(texts) > 1:
        return f"classes of {len(lines):,} modules: {', '.join([*texts[:2], *(['…'] if len(texts) > 2 else [])])}"
    types = {model.modules[index].type for line in lines if (index := model.index_of.get(line.path)) is not None}
    what = f"{types.pop()} modules" if len(types) == 1 else "modules"
    return f"{ranged([line.text for line in lines])} ({len(lines):,} {what})"


def _tensors_in(model: Model, path: str) -> int:
    index = model.index_of.get(path, 0)
    return sum(len(module.parameters) for module in model.modules[index : index + model.sizes[index]])


def _sizes(lines: Sequence[DriftLine]) -> str:
    """Return the sizes that changed: `768 → 1024, 3072 → 4096`, or ranges if they are many."""
    pairs: dict[tuple[int, int], None] = {}
    for line in lines:
        old, new = ([int(n) for n in _INTEGER.findall(text)] for text in (line.before, line.after))
        if len(old) != len(new):
            return "other dimensions"
        pairs |= {(was, is_now): None for was, is_now in zip(old, new, strict=True) if was != is_now}
    if len(pairs) <= MAX_NAMES:
        return ", ".join(f"{was} → {is_now}" for was, is_now in sorted(pairs))
    sides = [sorted(side) for side in zip(*pairs, strict=True)]
    return " → ".join(number_range([str(side[0]), str(side[-1])]) for side in sides)


def _part(merged: Merged) -> Part:
    """Return what a line was before it was collapsed, with its path."""
    line = merged.lines[0]
    text = ranged([one.text for one in merged.lines])
    return Part(f"{merged.path or 'the root'} {text}", line.impact, line.topic, line.before, line.after)
