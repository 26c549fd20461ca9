"""Few lines for modules that have another path: several that were renamed or moved alike are one. Internal."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence

import msgspec

from bmvis.comparison.lines import DriftLine
from bmvis.comparison.summary.merged_lines import Merged
from bmvis.comparison.summary.module_lines import most_serious
from bmvis.model.labels import is_series, label, merged_path, series_label, split_number
from bmvis.model.preorder import child_path

MAX_NAMES = 4
"""Names that share a line. Numbered ones have no limit."""
_SERIES = re.compile(r"(.*?)([0-9]{1,18})")


def merge_moves(found: Sequence[Merged]) -> Iterator[Merged]:
    """Yield one line for modules whose names or numbers changed alike; the class of a line is the most serious one."""
    alike: defaultdict[Hashable, list[Merged]] = defaultdict(list)
    for merged in found:
        line = merged.lines[0]
        old, new = split_number(line.was or ""), split_number(line.path)
        shift = int(line.path.split(".")[new[1]]) - int((line.was or "").split(".")[old[1]]) if _has_both(line) else 0
        alike[line.kind, line.text, line.topic, old, new, shift, "" if _has_both(line) else line.path].append(merged)
    found_here: list[Merged] = []
    for group in alike.values():
        lines = [merged.lines[0] for merged in group]
        first = lines[0]
        path = merged_path([line.path for line in lines], split_number(first.path)[1])
        was = merged_path([line.was or "" for line in lines], split_number(first.was or "")[1])
        line = msgspec.structs.replace(first, path=path, was=was, impact=most_serious(lines))
        found_here.append(Merged(group[0].order, path, (line,)))
    yield from _numbered(_alike(found_here))


def _alike(found: Sequence[Merged]) -> list[Merged]:
    """Merge modules that differ in one name of their paths: `q_proj,v_proj.default → q_proj,v_proj.other`."""
    longest = max((merged.path.count(".") for merged in found), default=0)
    for position in range(longest, -1, -1):
        alike: dict[Hashable, list[Merged]] = {}
        for merged in found:
            alike.setdefault(_alike_key(merged, position), []).append(merged)
        found = [one for group in alike.values() for one in _at(position, group)]
    return list(found)


def _alike_key(merged: Merged, position: int) -> Hashable:
    """Return what is equal for lines whose paths differ at a position only, and changed there in the same way."""
    line = merged.lines[0]
    was, path = (line.was or "").split("."), line.path.split(".")
    if len(was) != len(path) or position >= len(path):
        return merged.order
    change = _change(was[position], path[position])
    if change is None:
        return merged.order
    rest = [names[:position] + names[position + 1 :] for names in (was, path)]
    return line.kind, line.text, line.topic, change, *map(tuple, rest)


def _change(was: str, name: str) -> Hashable | None:
    """Return the way in which a name changed; None if no other name can have changed in this way."""
    if was == name:
        return "number" if name.isdecimal() else "name"
    old, new = _SERIES.fullmatch(was), _SERIES.fullmatch(name)
    return None if not (old and new) else (old[1], new[1], int(new[2]) - int(old[2]))


def _at(position: int, group: Sequence[Merged]) -> list[Merged]:
    """Return one line for lines that differ at a position; all lines if their names are too many to list."""
    if len(group) == 1:
        return list(group)
    lines = [merged.lines[0] for merged in group]
    first = lines[0]
    was, names = (
        [path.split(".")[position] for path in paths]
        for paths in ([line.was or "" for line in lines], [line.path for line in lines])
    )
    if len(names) > MAX_NAMES and not (is_series(names) and is_series(was)):
        return list(group)
    path = _replaced(first.path, position, series_label(names))
    line = msgspec.structs.replace(
        first, path=path, was=_replaced(first.was or "", position, series_label(was)), impact=most_serious(lines)
    )
    return [Merged(group[0].order, path, (line,))]


def _replaced(path: str, position: int, name: str) -> str:
    names = path.split(".")
    return ".".join([*names[:position], name, *names[position + 1 :]])


def _numbered(found: Sequence[Merged]) -> Iterator[Merged]:
    """Merge modules whose names became numbers, as in `nn.Sequential(*model.children())`."""
    alike: dict[Hashable, list[Merged]] = {}
    for merged in found:
        line = merged.lines[0]
        above, _, name = line.path.rpartition(".")
        was_above, _, was = (line.was or "").rpartition(".")
        is_numbered = name.isdecimal() and not was.isdecimal() and bool(was)
        alike.setdefault((line.text, above, was_above) if is_numbered else merged.order, []).append(merged)
    for group in alike.values():
        first = group[0].lines[0]
        if len(group) > 1:
            lines = [merged.lines[0] for merged in group]
            names = label([line.path.rpartition(".")[2] for line in lines])
            was = ",".join((line.was or "").rpartition(".")[2] for line in lines)
            first = msgspec.structs.replace(
                first,
                path=child_path(first.path.rpartition(".")[0], names),
                was=child_path((first.was or "").rpartition(".")[0], was),
                impact=most_serious(lines),
            )
        yield Merged(group[0].order, first.path, (first,))


def _has_both(line: DriftLine) -> bool:
    return split_number(line.was or "")[1] >= 0 and split_number(line.path)[1] >= 0
