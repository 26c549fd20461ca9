"""Sum up changes: one line for the same change in many blocks, and one for all changes of a module. Internal."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

import msgspec

from bmvis.comparison.lines import DriftLine
from bmvis.comparison.summary.common_parents import collapse
from bmvis.comparison.summary.merged_lines import NUMBER, SIZED, Merged, each_of, ranged
from bmvis.comparison.summary.module_lines import join_lines
from bmvis.comparison.summary.moved_modules import merge_moves
from bmvis.comparison.summary.path_labels import PathCounts, path_labels, skeleton
from bmvis.model.tree import Model

_INTEGERS = re.compile(r"[\d(), ]+")
_INTEGER = re.compile(r"\d+")


def sum_up(lines: Sequence[DriftLine], before: Model, after: Model) -> list[DriftLine]:
    """Return fewer lines that report the same changes.

    Args:
        lines: the changes of single modules.
        before: the earlier model.
        after: the present model.
    """
    old, new = (Counter(map(skeleton, model.paths)) for model in (before, after))
    single = [Merged(index, line.path, (line,)) for index, line in enumerate(lines) if line.was is None]
    equal = _merge(single, _equal, lambda kind: old if kind == "removed" else new, is_partial=True)
    found = list(_merge(equal, _similar, lambda kind: old if kind == "removed" else new, is_partial=False))
    found = collapse(found, before, after)
    found += merge_moves(
        [Merged(index, line.path, (line,)) for index, line in enumerate(lines) if line.was is not None]
    )
    written = [_written(merged) for merged in sorted(found, key=lambda merged: merged.order)]
    return list(join_lines(sorted(written, key=lambda line: line.topic != "wrapped" or bool(line.path))))


def _equal(line: DriftLine) -> Hashable:
    return line.kind, line.text, line.impact, line.topic, line.subject, line.before, line.after


def _similar(line: DriftLine) -> Hashable:
    """Return what is equal for lines that differ in numbers only, at paths that differ in numbers only."""
    text = line.text
    if line.topic in SIZED or (_INTEGERS.fullmatch(line.before) and _INTEGERS.fullmatch(line.after)):
        text = NUMBER.sub("#", text)
    return line.kind, text, line.impact, line.topic, line.subject, skeleton(line.path), _is_growth(line)


def _is_growth(line: DriftLine) -> bool:
    """Return whether no size became smaller: ranges of sizes before and after need one direction."""
    old, new = ([int(size) for size in _INTEGER.findall(text)] for text in (line.before, line.after))
    return all(is_now >= was for was, is_now in zip(old, new, strict=False))


def _merge(
    found: Iterable[Merged],
    key: Callable[[DriftLine], Hashable],
    counts: Callable[[str], PathCounts],
    *,
    is_partial: bool,
) -> Iterator[Merged]:
    """Yield merged lines.

    Args:
        found: the lines.
        key: is equal for lines that can be merged.
        counts: returns the modules that can have a change of a kind.
        is_partial: whether to merge some of the lines with one key if not all of them can be.
    """
    alike: defaultdict[Hashable, list[Merged]] = defaultdict(list)
    for merged in found:
        alike[key(merged.lines[0])].append(merged)
    for group in alike.values():
        lines = {line.path: (merged.order, line) for merged in group for line in merged.lines}
        is_unique = len(lines) == sum(len(merged.lines) for merged in group)
        labels = path_labels(list(lines), counts(group[0].lines[0].kind)) if is_unique and len(group) > 1 else {}
        if not labels or (not is_partial and len(labels) > 1):
            yield from group
            continue
        for path, paths in labels.items():
            yield Merged(min(lines[p][0] for p in paths), path, tuple(lines[p][1] for p in paths))


def _written(merged: Merged) -> DriftLine:
    """Return the line for merged ones, with ranges of the numbers in which their texts differ."""
    lines = merged.lines
    first = lines[0]
    tensors = sum(line.tensors for line in lines)
    text = ranged([line.text for line in lines])
    if len(lines) > 1:
        text = each_of(text)
    if tensors:
        text += f" ({tensors:,} tensor{'' if tensors == 1 else 's'})"
    values = {"before": ranged([line.before for line in lines]), "after": ranged([line.after for line in lines])}
    names = first.names if len(lines) == 1 else ()
    return msgspec.structs.replace(first, path=merged.path, text=text, tensors=tensors, names=names, **values)
