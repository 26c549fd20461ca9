"""Compare what tensors and modules are tied to, and name it: blocks that are tied in pairs fold, as equal ones do.

Two towers can share weights block by block: `b.layers.3.weight` is `a.layers.3.weight`. Each block then has a tie of
its own, but all have the same relation to the other tower.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from bmvis.model.labels import merge_all
from bmvis.model.preorder import child_path
from bmvis.model.tree import Model, Parameter

_NUMBER = re.compile(r"\d+")


class Relation(NamedTuple):
    """The way from one module or tensor to another one."""

    up: int
    """The number of levels from the first one up to a module above both."""
    down: str
    """The path from there to the other one."""
    kept: int = 0
    """The number of names after that which both paths end with."""


def relative_path(origin: str, target: str, *, is_paired: bool = False) -> Relation | None:
    """Return the relation of a module or tensor to what it is tied to; None if it is not tied.

    Args:
        origin: its path.
        target: the path of the other one.
        is_paired: whether the names at the end that both have are those of the origin, not of the target.
    """
    if not target:
        return None
    here, there = origin.split("."), target.split(".")
    common = 0
    while common < len(here) and common < len(there) and here[common] == there[common]:
        common += 1
    kept = 0
    while is_paired and kept < min(len(here), len(there)) - common and here[-1 - kept] == there[-1 - kept]:
        kept += 1
    return Relation(len(here) - common, ".".join(there[common : len(there) - kept]), kept)


class Ties:
    """The ties of a model."""

    def __init__(self, model: Model) -> None:
        self._paired = set(_paired(_places(model)))

    def of_parameter(self, path: str, parameter: Parameter) -> tuple[Relation | None, tuple[Relation | None, ...]]:
        """Return the relations of a parameter of the module at `path` to the first occurrence, or to all others."""
        key = child_path(path, parameter.name)
        is_paired = (parameter.tied_to or key) in self._paired
        to = relative_path(key, parameter.tied_to, is_paired=is_paired)
        return to, tuple(relative_path(key, other, is_paired=is_paired) for other in parameter.tied_by)

    def of_module(self, path: str, shared_with: str | None) -> tuple[Relation | None] | None:
        """Return the relation of a shared module to its first occurrence; None if it is not a later occurrence."""
        if shared_with is None:
            return None
        return (relative_path(path, shared_with, is_paired=shared_with in self._paired),)


def _places(model: Model) -> Mapping[str, list[str]]:
    """Return for each tied tensor and shared module, by the path of its first occurrence, the paths of all others."""
    found: dict[str, list[str]] = {}
    for index in model.shared:
        found.setdefault(model.modules[index].shared_with or "", []).append(model.paths[index])
    for path, module in zip(model.paths, model.modules, strict=True):
        for parameter in module.parameters:
            if parameter.tied_to:
                found.setdefault(parameter.tied_to, []).append(child_path(path, parameter.name))
    return found


def _paired(places: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield the first occurrences whose other ones have the same numbers in their paths."""
    for first, others in places.items():
        numbers = _NUMBER.findall(first)
        if numbers and all(_NUMBER.findall(other) == numbers for other in others):
            yield first


def merged_targets(model: Model, indices: Sequence[int]) -> dict[str, str]:
    """Return names for what the first module of a row is tied to, if its other modules are tied to something else.

    An example is `a.layers.0-3.weight` for `a.layers.0.weight`. A tie inside a block has the name that it has in the
    first block, as all other facts of a row do.
    """
    first = model.modules[indices[0]]
    paths = [model.paths[index] for index in indices]
    found: dict[str, str] = {}
    if first.shared_with is not None:
        found |= _merged(paths, [model.modules[index].shared_with or "" for index in indices])
    for number, parameter in enumerate(first.parameters):
        if parameter.is_tied:
            same = [model.modules[index].parameters[number] for index in indices]
            keys = [child_path(path, parameter.name) for path in paths]
            found |= _merged(keys, [one.tied_to for one in same])
            for others in zip(*(one.tied_by for one in same), strict=True):
                found |= _merged(keys, others)
    return found


def _merged(origins: Sequence[str], targets: Sequence[str]) -> dict[str, str]:
    distinct = list(dict.fromkeys(targets))
    is_inside = len(set(map(relative_path, origins, targets))) == 1
    return {} if is_inside or len(distinct) == 1 else {distinct[0]: ", ".join(merge_all(distinct))}
