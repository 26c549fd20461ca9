"""Merge the names of several modules into one label: `0-11`, `layer.0-11.bias`, `query,key,value`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

WIDE = 48
"""Maximum length of a label on a row, in characters."""


def label(names: Sequence[str]) -> str:
    """Write the names of one group: `0-11`, `0,2,4-6`, `0,2,4,...,22`, `query,key,value`.

    A name that could be read as several names is quoted: `a,"1-3"`.
    """
    if len(names) < 2:
        return ",".join(names)
    if not all(map(_is_number, names)):
        return ",".join(f'"{name}"' if _LIKE_SEVERAL.search(name) else name for name in names)
    numbers = sorted(map(int, names))
    step = numbers[1] - numbers[0]
    if step > 1 and len(numbers) > 4 and all(b - a == step for a, b in pairwise(numbers)):
        return f"{numbers[0]},{numbers[1]},{numbers[2]},...,{numbers[-1]}"
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in _runs(numbers))


_LIKE_SEVERAL = re.compile(r",|^\.\.\.$|\d[a-z]?-\d")
"""Names that read like a list or a range of names."""


def is_series(names: Iterable[str]) -> bool:
    """Return whether names are numbers, or equal except for a number at their end: `denselayer1`, `denselayer2`."""
    parts = [_NUMBERED.fullmatch(name) for name in names]
    return len(parts) > 1 and None not in parts and len({part[1] for part in parts if part}) == 1


def series_label(names: Sequence[str]) -> str:
    """Write the names of one group as `label` does, but a series as `denselayer1-6` or `inception3a-3b,4a`."""
    parts = [_ENDING.fullmatch(name) for name in names]
    heads = {part[1] for part in parts if part}
    if len(names) < 2 or len(heads) != 1 or None in parts or heads == {""}:
        return label(names)
    ends = [(part[2], part[3]) for part in parts if part]
    if not any(letter for _, letter in ends):
        return heads.pop() + label([number for number, _ in ends])
    return heads.pop() + ",".join(_letter_runs(ends))


_NUMBERED = re.compile(r"(?s:(.*?))([0-9]{1,18})")
_ENDING = re.compile(r"(?s:(.*?))([0-9]{1,18})([a-z]?)")


def _letter_runs(ends: Sequence[tuple[str, str]]) -> list[str]:
    """Return runs such as `3a-3b` and `5` for pairs of number and letter."""
    runs: list[list[tuple[str, str]]] = []
    for number, letter in ends:
        is_next = runs and runs[-1][-1][0] == number and letter and runs[-1][-1][1] == chr(ord(letter) - 1)
        if is_next:
            runs[-1].append((number, letter))
        else:
            runs.append([(number, letter)])
    return ["".join(run[0]) if len(run) == 1 else f"{''.join(run[0])}-{''.join(run[-1])}" for run in runs]


def split_number(path: str) -> tuple[str, int]:
    """Return a path with `*` for its first number, and the index of that component; -1 if there is no number."""
    parts = path.split(".")
    position = next((index for index, part in enumerate(parts) if part.isdecimal()), -1)
    if position >= 0:
        parts[position] = "*"
    return ".".join(parts), position


def merge_paths(paths: Iterable[str]) -> list[str]:
    """Merge paths that differ in their first number only: `layer.0-11.bias`."""
    alike: dict[tuple[str, int], list[str]] = {}
    for path in paths:
        alike.setdefault(split_number(path), []).append(path)
    return [merged_path(found, position) for (_, position), found in alike.items()]


def merge_all(paths: Iterable[str]) -> list[str]:
    """Return paths that differ in one number, or in their last name, as one: `layer.0-11.attention.query,key`.

    The paths are merged at each number, the last one first: `stages.0-3.blocks.0-8`.
    """
    found = [tuple(path.split(".")) for path in paths]
    for position in range(max(map(len, found), default=0) - 1, -1, -1):
        alike: dict[tuple[object, ...], list[tuple[str, ...]]] = {}
        for parts in found:
            is_merged = position < len(parts) and (_is_number(parts[position]) or position == len(parts) - 1)
            key = (parts[:position], parts[position + 1 :]) if is_merged else (parts,)
            alike.setdefault((*key, is_merged and _is_number(parts[position])), []).append(parts)
        found = [_merged_at(position, same) for same in alike.values()]
    return [".".join(parts) for parts in found]


def _merged_at(position: int, same: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return one path for those that differ in the part at `position`."""
    first = same[0]
    if len(same) == 1:
        return first
    return (*first[:position], label([parts[position] for parts in same]), *first[position + 1 :])


def merged_path(paths: Sequence[str], position: int) -> str:
    """Merge paths that differ in the number at `position` only."""
    parts = paths[0].split(".")
    if len(paths) > 1:
        parts[position] = label([path.split(".")[position] for path in paths])
    return ".".join(parts)


def common_path(paths: Sequence[str]) -> str:
    """Return the path of the nearest module above all."""
    split = [path.split(".") for path in paths]
    common = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return ".".join(common)


def _is_number(name: str) -> bool:
    """Return whether a name is a decimal number without leading zeros, of at most 18 digits."""
    return name.isdecimal() and len(name) < 19 and str(int(name)) == name


def shortened(text: str, width: int = WIDE) -> str:
    """Shorten a label to `width` characters in its middle: `0,3,7,...,381,383`, `conv_of…_branch`."""
    if len(text) <= width:
        return text
    names = text.split(",")
    head, room = 0, width - len(",...,")
    while head < len(names) and len(",".join(names[: head + 1])) <= room * 2 // 3:
        head += 1
    tail = 0
    while tail < len(names) - head and len(",".join(names[:head] + names[len(names) - tail - 1 :])) <= room:
        tail += 1
    if head and tail:
        return ",".join([*names[:head], "...", *names[len(names) - tail :]])
    return f"{text[: width * 2 // 3]}…{text[-(width - width * 2 // 3 - 1) :]}"


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
