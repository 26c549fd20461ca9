"""Write many tensors of one module as a few: `weight_ih_l0-2:[64, 8-32]` for those of three layers of an LSTM."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from bmvis.model.labels import label
from bmvis.model.tree import Parameter
from bmvis.view.variation import RangedParameter, greatest

MANY = 8
"""Minimum number of a module's parameters for which series are merged."""
MAX_SHOWN = 12
"""Maximum number of parameters of a row after that. The rest is counted."""
_NUMBER = re.compile(r"[0-9]{1,18}")
_SIZES = {"name", "shape", "count", "stored_bytes", "most"}


def merge_series(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """Return the parameters to write on a row: those whose names differ in one number are one, with ranges of sizes.

    Ties, changes and states are never merged away: only parameters that agree in all but name and sizes are.
    """
    if len(parameters) < MANY:
        return tuple(parameters)
    series: dict[Any, list[Parameter]] = {}
    for parameter in parameters:
        series.setdefault(_key(parameter), []).append(parameter)
    return tuple(_merge(members) for members in list(series.values())[:MAX_SHOWN])


def series_text(parameters: Sequence[Parameter]) -> str:
    """Return how many parameters `merge_series` writes as fewer: `24 parameters`, `12 of 20 parameters`; or ''."""
    if len(parameters) < MANY:
        return ""
    sizes = Counter(map(_key, parameters))
    written = sum(list(sizes.values())[:MAX_SHOWN])
    if written < len(parameters):
        return f"{written:,} of {len(parameters):,} parameters"
    return f"{len(parameters):,} parameters" if len(sizes) < len(parameters) else ""


def _key(parameter: Parameter) -> Any:
    number = _number(parameter.name)
    if number is None or parameter.is_tied or parameter.change or parameter.shape is None:
        return parameter.name
    pattern = parameter.name[: number.start()] + "*" + parameter.name[number.end() :]
    facts = tuple(
        getattr(parameter, field.name) for field in msgspec.structs.fields(parameter) if field.name not in _SIZES
    )
    return pattern, len(parameter.shape), facts


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
    facts = {field.name: getattr(first, field.name) for field in msgspec.structs.fields(first)} | {"name": name}
    if least == most:
        return type(first)(**facts)
    return RangedParameter(**{**facts, "shape": least, "most": most})
