"""Totals of subtrees: number of parameters, trainable parameters, and bytes.

A tied parameter is counted once in every subtree, as `sum(p.numel() for p in module.parameters())` does in PyTorch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise

import msgspec

from bmvis.model.preorder import child_path
from bmvis.model.tree import Model, Parameter, parameter_facts


class Totals(msgspec.Struct, frozen=True, gc=False):
    """The distinct parameters of one subtree."""

    count: int = 0
    """Logical number of elements."""
    trainable: int = 0
    """Number of elements that require gradients."""
    delta: int = 0
    """Number of elements in adapter parameters, trainable or not."""
    stored_bytes: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.count + other.count,
            self.trainable + other.trainable,
            self.delta + other.delta,
            self.stored_bytes + other.stored_bytes,
        )

    def __sub__(self, other: Totals) -> Totals:
        return Totals(
            self.count - other.count,
            self.trainable - other.trainable,
            self.delta - other.delta,
            self.stored_bytes - other.stored_bytes,
        )


NOTHING = Totals()


def of_parameter(parameter: Parameter) -> Totals:
    """Return what one parameter adds to its module: nothing, if a comparison shows it as removed."""
    if parameter.change is not None and parameter.change.kind == "removed":
        return NOTHING
    count = parameter.count
    return Totals(count, count if parameter.trainable else 0, count if parameter.delta else 0, parameter.stored_bytes)


_CACHED = "_subtree_totals"
"""Key of the cached totals in `vars(model)`, as `functools.cached_property` does it."""


def subtree_totals(model: Model) -> Sequence[Totals]:
    """Return the totals of each module's subtree, in the order of `model.modules`. The result is cached in the model.

    First, all occurrences of all tensors are summed up. Then, for each tensor with several occurrences, its value is
    subtracted at the lowest common ancestor of each two neighboring occurrences, so that each subtree counts it once.
    The time is linear in the number of modules and of occurrences.
    """
    cached: Sequence[Totals] | None = vars(model).get(_CACHED)
    if cached is None:
        cached = vars(model)[_CACHED] = _sum_up(model)
    return cached


def _sum_up(model: Model) -> list[Totals]:
    modules, above = model.modules, model.parents
    found = parameter_facts(model, _of_all)
    if model.shared or any(parameter_facts(model, _has_later)):
        _count_once(model, above, found)
    for index in range(len(modules) - 1, 0, -1):
        own = found[index]
        if own is not NOTHING:
            other = found[above[index]]
            found[above[index]] = own if other is NOTHING else other + own
    return found


def _of_all(parameters: tuple[Parameter, ...]) -> Totals:
    return sum(map(of_parameter, parameters), NOTHING) if parameters else NOTHING


def _has_later(parameters: tuple[Parameter, ...]) -> bool:
    """Return whether any of the parameters is a later occurrence of a tensor."""
    return any(p.tied_to for p in parameters)


def subtree_facts(model: Model, fact: Callable[[Parameter], str]) -> list[frozenset[str]]:
    """Return the values of `fact` for the parameters of each module's subtree, in the order of `model.modules`.

    A shared module has the values of its first occurrence.
    """
    modules, above = model.modules, model.parents
    own = parameter_facts(model, lambda parameters: frozenset(map(fact, parameters)))
    while True:  # one pass, and one more for each level of modules that contain only shared ones
        found = own.copy()
        for index in range(len(found) - 1, 0, -1):
            if not found[index] <= found[above[index]]:
                found[above[index]] |= found[index]
        missing = {
            index: found[model.index_of[modules[index].shared_with or ""]] - own[index] for index in model.shared
        }
        if not any(missing.values()):
            return found
        for index, facts in missing.items():
            own[index] |= facts


def _count_once(model: Model, above: Sequence[int], found: list[Totals]) -> None:
    """Correct `found`, the sums of each module alone, for tensors that occur in several modules."""
    values, keys_of = tensors_by_module(model)
    occurrences: defaultdict[str, list[int]] = defaultdict(list)
    for index in model.shared:
        found[index] = sum((values[key] for key in keys_of[index]), NOTHING)
    for index, keys in keys_of.items():
        for key in keys:
            occurrences[key].append(index)
    for key, indices in occurrences.items():
        for left, right in pairwise(indices):
            found[_common_ancestor(left, right, above, model)] -= values[key]


def tensors_by_module(model: Model) -> tuple[dict[str, Totals], dict[int, list[str]]]:
    """Return the value of each tensor by the key of its first occurrence, and the keys of each module, in order.

    A shared module has the keys of the whole subtree of its first occurrence. If no module is shared, tensors with one
    occurrence are omitted, and so are modules without other tensors.
    """
    modules, paths = model.modules, model.paths
    counted = parameter_facts(model, lambda own: own if model.shared else tuple(p for p in own if p.is_tied))
    values: dict[str, Totals] = {}
    keys_of: dict[int, list[str]] = {}
    for index, parameters in enumerate(counted):
        for parameter in parameters:
            key = parameter.tied_to or child_path(paths[index], parameter.name)
            values.setdefault(key, of_parameter(parameter))
            keys_of.setdefault(index, []).append(key)
    if not model.shared:
        return values, keys_of
    extent, position = model.sizes, model.index_of

    def below(index: int, seen: set[int]) -> list[str]:
        pending, keys = [index], list[str]()
        while pending:
            start = pending.pop()
            if start in seen:
                continue
            seen.add(start)
            for inner in range(start, start + extent[start]):
                keys += keys_of.get(inner, ())
                shared = modules[inner].shared_with
                if shared is not None:
                    pending.append(position[shared])
        return list(dict.fromkeys(keys))

    whole = {index: below(position[modules[index].shared_with or ""], set()) for index in model.shared}
    return values, dict(sorted((keys_of | whole).items()))


def _common_ancestor(left: int, right: int, above: Sequence[int], model: Model) -> int:
    depth = [module.depth for module in (model.modules[left], model.modules[right])]
    while left != right:
        if depth[0] >= depth[1]:
            left, depth[0] = above[left], depth[0] - 1
        else:
            right, depth[1] = above[right], depth[1] - 1
    return left
