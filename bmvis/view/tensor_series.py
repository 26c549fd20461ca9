"""Write many tensors of one module as a few: `weight_ih_l0-2:[64, 8-32]` for those of three layers of an LSTM.

Of those, parameters with the same shape have one entry: `bias_ih_l0-2,bias_hh_l0-2:[64]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from bmvis.model.labels import label
from bmvis.model.tree import Parameter
from bmvis.view.ranges import RangedParameter, greatest

MANY = 8
"""Minimum number of a module's parameters for which series are merged."""
LONG = 60
"""Maximum length of the names of fewer parameters, in characters; longer ones are merged too."""
MAX_NAMES = 96
"""Maximum length of the names of parameters that share an entry, in characters."""
MAX_SHOWN = 12
"""Maximum number of parameters of a row after that. The rest is counted."""
_NUMBER = re.compile(r"[0-9]{1,18}")
_SIZES = {"name", "shape", "count", "stored_bytes", "most"}


def merge_series(parameters: Sequence[Parameter], *, is_exact: bool = True) -> tuple[Parameter, ...]:
    """Return the parameters to write on a row: those whose names differ in one number are one, with ranges of sizes.

    Ties, changes and states are never merged away: only parameters that agree in all but name and sizes are.

    Args:
        parameters: those of one module.
        is_exact: whether the row represents equal modules. Of similar modules, each has the same entries as the row, so
            parameters do not share an entry if they have the same shape in some of them.
    """
    if not _is_long(parameters):
        return tuple(parameters)
    return tuple(merged for merged, _ in _entries(parameters, is_exact)[:MAX_SHOWN])


def series_text(parameters: Sequence[Parameter], *, is_exact: bool = True) -> str:
    """Return how many parameters a row has if it doesn't write all names: `24 parameters`, `12 of 20 parameters`."""
    if not _is_long(parameters):
        return ""
    counts = [count for _, count in _entries(parameters, is_exact)]
    written = sum(counts[:MAX_SHOWN])
    if written < len(parameters):
        return f"{written:,} of {len(parameters):,} parameters"
    return f"{len(parameters):,} parameters" if len(set(map(_key, parameters))) < len(parameters) else ""


def _is_long(parameters: Sequence[Parameter]) -> bool:
    return len(parameters) >= MANY or sum(len(parameter.name) for parameter in parameters) > LONG


def _entries(parameters: Sequence[Parameter], is_exact: bool) -> list[tuple[Parameter, int]]:
    """Return the parameters to write, each with the number of those that it represents."""
    series: dict[Any, list[Parameter]] = {}
    for parameter in parameters:
        series.setdefault(_key(parameter), []).append(parameter)
    entries = [(_merge(members), len(members)) for members in series.values()]
    if not is_exact:
        return entries
    alike: dict[Any, list[tuple[Parameter, int]]] = {}
    for number, (parameter, count) in enumerate(entries):
        key = number if _is_special(parameter) else (_facts(parameter), parameter.shape, greatest(parameter))
        alike.setdefault(key, []).append((parameter, count))
    return [shared for same in alike.values() for shared in _shared(same)]


def _shared(same: Sequence[tuple[Parameter, int]]) -> Iterator[tuple[Parameter, int]]:
    """Yield an entry for as many as fit of those that agree in all but their names."""
    (merged, total), *others = same
    for parameter, count in others:
        names = f"{merged.name},{parameter.name}"
        if len(names) > MAX_NAMES:
            yield merged, total
            merged, total = parameter, count
        else:
            merged, total = msgspec.structs.replace(merged, name=names), total + count
    yield merged, total


def _key(parameter: Parameter) -> Any:
    number = _number(parameter.name)
    if number is None or parameter.shape is None or _is_special(parameter):
        return parameter.name
    pattern = parameter.name[: number.start()] + "*" + parameter.name[number.end() :]
    return pattern, len(parameter.shape), _facts(parameter)


def _is_special(parameter: Parameter) -> bool:
    """Return whether a parameter has an entry of its own, because that has a mark for this parameter alone."""
    return parameter.is_tied or parameter.change is not None or parameter.shape is None


def _facts(parameter: Parameter) -> tuple[Any, ...]:
    """Return all but the name and sizes."""
    return tuple(getattr(parameter, name) for name in parameter.__struct_fields__ if name not in _SIZES)


def _number(name: str) -> re.Match[str] | None:
    """Return the number of a name that has one number; of `l0_proj3`, where two could vary, None."""
    found = list(_NUMBER.finditer(name))
    return found[0] if len(found) == 1 else None


def _merge(members: Sequence[Parameter]) -> Parameter:
    first = members[0]
    number = _number(first.name)
    if len(members) == 1 or number is None:
        return first
    numbers = label([match[0] for member in members if (match := _number(member.name))])
    name = first.name[: number.start()] + numbers + first.name[number.end() :]
    sides = list(zip(*[member.shape or () for member in members], strict=True))
    highest = list(zip(*[greatest(member) or member.shape or () for member in members], strict=True))
    least, most = tuple(map(min, sides)), tuple(map(max, highest))
    facts = {field: getattr(first, field) for field in first.__struct_fields__} | {"name": name}
    if least == most:
        return type(first)(**facts)
    return RangedParameter(**{**facts, "shape": least, "most": most})
