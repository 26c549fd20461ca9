"""Sum up changes: one line for the same change in many blocks, and one for all changes of a module. Internal."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

import msgspec

from bmvis.comparison.collapsing import NUMBER, Merged, collapse, each_of, ranged
from bmvis.comparison.joining import join_lines
from bmvis.comparison.lines import DriftLine
from bmvis.comparison.move_lines import merge_moves
from bmvis.model.labels import is_series, label, series_label
from bmvis.model.tree import Model

MAX_NAMES = 4
"""Names of siblings that share a line. Numbered siblings have no limit."""
_SIZED = {"shape", "added", "removed"}
"""Topics whose texts can differ in numbers: a change of blocks of several widths is one change."""
_INTEGERS = re.compile(r"[\d(), ]+")
_INTEGER = re.compile(r"\d+")
_Parts = tuple[frozenset[str], ...]
_PathCounts = Mapping[str, int]
"""How many modules of a model have a path, if all numbers in it are the same."""


def sum_up(lines: Sequence[DriftLine], before: Model, after: Model) -> list[DriftLine]:
    """Return fewer lines that report the same changes.

    Args:
        lines: the changes of single modules.
        before: the earlier model.
        after: the present model.
    """
    old, new = (Counter(map(_skeleton, model.paths)) for model in (before, after))
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
    if line.topic in _SIZED or (_INTEGERS.fullmatch(line.before) and _INTEGERS.fullmatch(line.after)):
        text = NUMBER.sub("#", text)
    return line.kind, text, line.impact, line.topic, line.subject, _skeleton(line.path), _is_growth(line)


def _is_growth(line: DriftLine) -> bool:
    """Return whether no size became smaller: ranges of sizes before and after need one direction."""
    old, new = ([int(size) for size in _INTEGER.findall(text)] for text in (line.before, line.after))
    return all(is_now >= was for was, is_now in zip(old, new, strict=False))


def _merge(
    found: Iterable[Merged],
    key: Callable[[DriftLine], Hashable],
    counts: Callable[[str], _PathCounts],
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
        labels = _labels(list(lines), counts(group[0].lines[0].kind)) if is_unique and len(group) > 1 else {}
        if not labels or (not is_partial and len(labels) > 1):
            yield from group
            continue
        for path, paths in labels.items():
            yield Merged(min(lines[p][0] for p in paths), path, tuple(lines[p][1] for p in paths))


def _labels(paths: Sequence[str], counts: _PathCounts) -> dict[str, list[str]]:
    """Return a few labels such as `stages.0-3.blocks.*.act`, each with the paths that it represents."""
    by_skeleton: defaultdict[str, list[str]] = defaultdict(list)
    for path in paths:
        by_skeleton[_skeleton(path)].append(path)
    items: dict[_Parts, list[str]] = {}
    for skeleton, own in by_skeleton.items():
        single = {tuple(frozenset([name]) for name in path.split(".")): [path] for path in own}
        product = _product(single)
        is_all = counts.get(skeleton) == len(own)
        items |= {_all_numbers(list(single)): own} if is_all and len(product) > 1 else product
    rank = {name: number for number, name in enumerate(dict.fromkeys(".".join(paths).split(".")))}
    return {".".join(_names(n, rank) for n in parts): own for parts, own in _product(items).items()}


def _product(items: Mapping[_Parts, list[str]]) -> dict[_Parts, list[str]]:
    """Merge paths that differ in the names at one position only, until there are none."""
    found = dict(items)
    for _ in range(max(map(len, items), default=0)):
        count = len(found)
        for position in reversed(range(max(map(len, found)))):
            found = _merged_at(found, position)
        if len(found) == count:
            break
    return found


def _merged_at(items: Mapping[_Parts, list[str]], position: int) -> dict[_Parts, list[str]]:
    alike: defaultdict[tuple[_Parts, _Parts | None, bool], list[_Parts]] = defaultdict(list)
    for parts in items:
        is_there = position < len(parts)
        rest = (parts[:position], parts[position + 1 :] if is_there else None)
        is_number = is_there and all(name.isdecimal() for name in parts[position])
        alike[rest[0], rest[1], is_number].append(parts)
    found: dict[_Parts, list[str]] = {}
    for (above, below, is_number), paths in alike.items():
        names = frozenset[str]().union(*(parts[position] for parts in paths)) if below is not None else frozenset()
        if len(paths) == 1 or below is None or not (is_number or len(names) <= MAX_NAMES or is_series(names)):
            found |= {parts: items[parts] for parts in paths}
        else:
            whole = (*above, names, *below)
            found[whole] = [path for parts in paths for path in items[parts]]
    return found


def _all_numbers(paths: Sequence[_Parts]) -> _Parts:
    """Return the path of all modules whose paths differ in numbers: the first numbers, and `*` for others."""
    columns = [frozenset[str]().union(*column) for column in zip(*paths, strict=True)]
    numbers = [position for position, names in enumerate(columns) if all(name.isdecimal() for name in names)]
    for position in numbers[1:]:
        if len(columns[position]) > 1:
            columns[position] = frozenset("*")
    return tuple(columns)


def _names(names: frozenset[str], rank: Mapping[str, int]) -> str:
    if all(name.isdecimal() for name in names):
        return label(sorted(names, key=int))
    ordered = sorted(names, key=lambda name: rank.get(name, 0))
    return series_label(ordered) if is_series(names) else ",".join(ordered)


def _skeleton(path: str) -> str:
    return ".".join("#" if name.isdecimal() else name for name in path.split("."))


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
