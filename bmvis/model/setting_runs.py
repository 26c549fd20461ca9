"""The settings of the modules that one row of a snapshot represents: common values, and runs of those that vary.

    "settings": {"num_heads": "8"}, "varies": {"layer_idx": "0..11", "window": ["None x6", "4096 x5", "-"]}

A run is a value, a value with the number of modules in a row that have it, or integers with a step: `0..22 step 2`. The
modules are counted in the order of the model. `-` is a module without the setting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bmvis.model.settings import ABSENT

_INTEGER = re.compile(r"0|-?[1-9]\d{0,15}")
_REPEATED = re.compile(r"(?P<text>.*) x(?P<count>[1-9]\d{0,6})", re.DOTALL)
_RANGE = re.compile(r"(?P<first>-?\d{1,16})\.\.(?P<last>-?\d{1,16})(?: step (?P<step>-?\d{1,16}))?")
_SHORTEST = 3
"""Integers that are written as a range."""

Written = str | list[str]


def split_settings(found: Sequence[Mapping[str, str] | None]) -> tuple[dict[str, str], dict[str, Written]]:
    """Return the settings that all modules have in common, and the runs of the others."""
    first = found[0]
    if all(settings is first for settings in found):
        return dict(first or {}), {}
    known = [settings or {} for settings in found]
    common = {name: text for name, text in known[0].items() if all(one.get(name) == text for one in known)}
    names = dict.fromkeys(name for one in known for name in one if name not in common)
    return common, {name: write_runs([one.get(name, ABSENT) for one in known]) for name in names}


def join_settings(
    common: Mapping[str, str], varies: Mapping[str, Written], count: int
) -> Sequence[dict[str, str] | None]:
    """Return the settings of each module; equal ones are the same object.

    Args:
        common: the settings of all modules.
        varies: the runs of the others.
        count: the number of modules.

    Raises:
        ValueError: the runs are not of this number of modules.
    """
    if not varies:
        return [dict(common) or None] * count
    columns = [read_runs(written, count, name) for name, written in varies.items()]
    known: dict[tuple[str, ...], dict[str, str] | None] = {}
    for values in set(zip(*columns, strict=True)):
        pairs = zip(varies, values, strict=True)
        known[values] = {**common, **{name: text for name, text in pairs if text != ABSENT}} or None
    return [known[values] for values in zip(*columns, strict=True)]


def write_runs(texts: Sequence[str]) -> Written:
    """Return the runs of texts; a single run without a list."""
    runs: list[str] = []
    start = 0
    while start < len(texts):
        equal = _equal(texts, start)
        step, length = _steps(texts, start)
        if length >= _SHORTEST and length > equal:
            by = f" step {step}" if step != 1 else ""
            runs.append(f"{texts[start]}..{texts[start + length - 1]}{by}")
            start += length
        else:
            is_plain = equal == 1 and not (_REPEATED.fullmatch(texts[start]) or _RANGE.fullmatch(texts[start]))
            runs.append(texts[start] if is_plain else f"{texts[start]} x{equal}")
            start += equal
    return runs[0] if len(runs) == 1 else runs


def read_runs(written: Written, count: int, name: str) -> list[str]:
    """Return the texts of `count` modules.

    Raises:
        ValueError: the runs are not of this number of modules.
    """
    found: list[str] = []
    for run in [written] if isinstance(written, str) else written:
        found += _expand(run, count - len(found))
    if len(found) != count:
        raise ValueError(f"{name!r} has {len(found)} values for {count} modules")
    return found


def _expand(run: str, limit: int) -> list[str]:
    if match := _RANGE.fullmatch(run):
        first, last, step = int(match["first"]), int(match["last"]), int(match["step"] or 1)
        numbers = range(first, last + (1 if step > 0 else -1), step)
        return list(map(str, numbers[: limit + 1]))
    if match := _REPEATED.fullmatch(run):
        return [match["text"]] * min(int(match["count"]), limit + 1)
    return [run]


def _equal(texts: Sequence[str], start: int) -> int:
    """Return how many texts from `start` on are equal."""
    end = start + 1
    while end < len(texts) and texts[end] == texts[start]:
        end += 1
    return end - start


def _steps(texts: Sequence[str], start: int) -> tuple[int, int]:
    """Return the step of the integers from `start` on, and how many have it; (0, 0) if they are not integers."""
    if start + 1 >= len(texts) or not (_INTEGER.fullmatch(texts[start]) and _INTEGER.fullmatch(texts[start + 1])):
        return 0, 0
    step, end = int(texts[start + 1]) - int(texts[start]), start + 2
    if step == 0:
        return 0, 0
    while end < len(texts) and _INTEGER.fullmatch(texts[end]) and int(texts[end]) - int(texts[end - 1]) == step:
        end += 1
    return step, end - start
