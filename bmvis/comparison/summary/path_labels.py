"""One label for the paths of many modules: `stages.0-3.blocks.*.act`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from bmvis.model.labels import is_series, label, series_label

MAX_NAMES = 4
"""Names of siblings that share a label. Numbered siblings have no limit."""
PathCounts = Mapping[str, int]
"""How many modules of a model have a path, if all numbers in it are the same."""
_Parts = tuple[frozenset[str], ...]
"""The names at each position of a path."""


def path_labels(paths: Sequence[str], counts: PathCounts) -> dict[str, list[str]]:
    """Return a few labels such as `stages.0-3.blocks.*.act`, each with the paths that it represents."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for path in paths:
        alike[skeleton(path)].append(path)
    items: dict[_Parts, list[str]] = {}
    for pattern, own in alike.items():
        single = {tuple(frozenset([name]) for name in path.split(".")): [path] for path in own}
        product = _product(single)
        is_all = counts.get(pattern) == len(own)
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


def skeleton(path: str) -> str:
    """Return a path with `#` in place of each number, which is equal for the same module of several blocks."""
    return ".".join("#" if name.isdecimal() else name for name in path.split("."))
