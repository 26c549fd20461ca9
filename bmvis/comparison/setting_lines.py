"""Few lines for the changes of settings: values of many blocks become a range, and many modules their common parent.

`bmvis.comparison.summary.summing` merges the rest, as it does for all changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bmvis.comparison.lines import DriftLine, fact_line
from bmvis.comparison.setting_changes import SettingChange, name_words
from bmvis.comparison.setting_facts import setting_fact
from bmvis.model.labels import common_path, merge_all, merged_path, split_number

MAX_LINES = 2
"""Lines of one change; if more modules have it, it is one line of the module above them."""
MAX_VALUES = 2
"""Changes of one setting in the blocks of a model that are listed one by one; more become a range."""


class Placed(NamedTuple):
    """The change of a setting of one module."""

    path: str
    type: str
    absent: str
    """The text for a setting that is not set: `default` for PyTorch's own classes."""
    change: SettingChange


def setting_lines(found: Sequence[Placed]) -> Iterator[DriftLine]:
    """Yield the lines of all changes of settings of a model."""
    alike: dict[tuple[object, ...], list[Placed]] = {}
    for placed in _without_repeats(found):
        alike.setdefault((split_number(placed.path), placed.type, placed.change.name), []).append(placed)
    same: dict[tuple[str, SettingChange], list[Placed]] = {}
    for blocks in alike.values():
        if len({placed.change for placed in blocks}) > MAX_VALUES:
            yield _ranges(blocks)
            continue
        for placed in blocks:
            same.setdefault((placed.absent, placed.change), []).append(placed)
    for (absent, change), placed_changes in same.items():
        yield from _placed(change, absent, placed_changes)


def _without_repeats(found: Sequence[Placed]) -> Iterator[Placed]:
    """Yield changes without those that a module passes on under another name, such as `nhead` as `num_heads`."""
    below: dict[tuple[str, str | None, str | None], set[str]] = {}
    for placed in found:
        change, above = placed.change, placed.path
        while above:
            above = above.rpartition(".")[0]
            below.setdefault((above, change.before, change.after), set()).add(change.name)
    for placed in found:
        name = placed.change.name
        others = below.get((placed.path, placed.change.before, placed.change.after), set()) - {name}
        if not any(name_words(name) & name_words(other) for other in others):
            yield placed


def _placed(change: SettingChange, absent: str, placed_changes: Sequence[Placed]) -> Iterator[DriftLine]:
    """Yield a line for each module, or one for all if they would be too many."""
    fact = setting_fact(change, absent)
    paths = [placed.path for placed in placed_changes]
    merged, above = merge_all(paths), common_path(paths)
    if len(merged) == 1 or (len(merged) <= MAX_LINES and above not in merged):
        yield from (fact_line(path, fact) for path in paths)
        return
    types = {placed.type for placed in placed_changes}
    what = f"{types.pop()} modules" if len(types) == 1 else "modules"
    yield fact_line(above, fact._replace(text=f"{fact.text} ({len(paths):,} {what})"))


def _ranges(blocks: Sequence[Placed]) -> DriftLine:
    """Return one line for a setting that has a value of its own in each block, such as the rate of a drop path."""
    first = blocks[0]
    path = merged_path([placed.path for placed in blocks], split_number(first.path)[1])
    before, after = (_range([side for placed in blocks if (side := pick(placed))]) for pick in (_before, _after))
    return fact_line(path, setting_fact(first.change._replace(before=before, after=after), first.absent))


def _before(placed: Placed) -> str | None:
    return placed.change.before


def _after(placed: Placed) -> str | None:
    return placed.change.after


def _range(texts: Sequence[str]) -> str | None:
    distinct = list(dict.fromkeys(texts))
    if len(distinct) < 2:
        return distinct[0] if distinct else None
    try:
        numbers = {float(text): text for text in distinct}
    except ValueError:
        return f"{len(distinct)} values"
    return f"{numbers[min(numbers)]} to {numbers[max(numbers)]}"
