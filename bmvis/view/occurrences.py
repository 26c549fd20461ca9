"""Count what each row represents in the whole model: modules, and elements of tensors that modules may share."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bmvis.model.preorder import child_path
from bmvis.model.totals import Totals, of_parameter, tensors_by_module
from bmvis.model.tree import Model, Parameter, parameter_facts
from bmvis.view.folding import Group, represented_modules


class Occurrences(msgspec.Struct, frozen=True, gc=False):
    """All modules that one row represents, taken together."""

    times: int
    """Number of these modules."""
    elements: int
    """Number of elements in their parameters. A tensor that several of them share is counted once."""
    first: int
    """The part of `elements` whose first occurrence in the model is here. It adds up over the rows of a level."""
    amounts: Mapping[str, tuple[int, int]] = {}
    """By parameter name, the result of `of` if the modules differ in sizes."""
    tensors: Mapping[str, int] = {}
    """Number of distinct tensors by parameter name, for the names with fewer tensors than modules."""

    def of(self, parameter: Parameter) -> tuple[int, int]:
        """Return `elements` and `first` of all tensors that a parameter of the row represents."""
        if parameter.name in self.amounts:
            return self.amounts[parameter.name]
        count = of_parameter(parameter).count
        return count * self.tensors.get(parameter.name, self.times), 0 if parameter.tied_to else count * self.times


def count_occurrences(model: Model, groups: Sequence[Group], totals: Sequence[Totals]) -> list[Occurrences]:
    """Return the occurrences of each group in the whole model."""
    is_tied = parameter_facts(model, lambda parameters: any(p.is_tied for p in parameters))
    if not any(is_tied) and not model.shared and not any(group.varies for group in groups):
        every = [(times, times * totals[group.members[0]].count) for times, group in _counted(groups)]
        return [Occurrences(times, count, count) for times, count in every]
    represented = represented_modules(model, groups)
    first, repeated = _first_elements(model), _repeated_elements(model, represented)
    return [
        Occurrences(
            len(members),
            sum([totals[index].count for index in members]) - repeated[group],
            sum([first[index] for index in members]),
            _amounts(model, members) if groups[group].varies else {},
            _tensors(model, members) if len(members) > 1 and any(is_tied[index] for index in members) else {},
        )
        for group, members in enumerate(represented)
    ]


def _counted(groups: Sequence[Group]) -> Iterator[tuple[int, Group]]:
    """Yield the number of modules that each group represents, and the group."""
    trail: list[int] = []
    for group in groups:
        del trail[group.depth :]
        trail.append(len(group.members) * (trail[-1] if trail else 1))
        yield trail[-1], group


def _first_elements(model: Model) -> list[int]:
    """Return for each module the number of elements in tensors whose first occurrence is in or below it."""
    above = model.parents
    found = parameter_facts(model, lambda own: sum([of_parameter(p).count for p in own if not p.tied_to]))
    for index in model.shared:
        found[index] = 0
    for index in range(len(found) - 1, 0, -1):
        found[above[index]] += found[index]
    return found


def _repeated_elements(model: Model, represented: Sequence[Sequence[int]]) -> Counter[int]:
    """Return for each group the number of elements by which the sum over its modules is too high."""
    group_of = {index: group for group, members in enumerate(represented) if len(members) > 1 for index in members}
    values, keys_of = tensors_by_module(model)
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for index, keys in keys_of.items():
        for key in keys:
            holders[key].append(index)
    found: Counter[int] = Counter()
    for key, indices in holders.items():
        if len(indices) > 1:
            for group, times in Counter(group_of[i] for i in _and_above(indices, model) if i in group_of).items():
                found[group] += (times - 1) * values[key].count
    return found


def _and_above(indices: Sequence[int], model: Model) -> set[int]:
    found: set[int] = set()
    above = model.parents
    for index in indices:
        while index >= 0 and index not in found:
            found.add(index)
            index = above[index]
    return found


def _tensors(model: Model, members: Sequence[int]) -> dict[str, int]:
    """Return the number of distinct tensors of each parameter name whose tensors modules share."""
    keys: defaultdict[str, set[str]] = defaultdict(set)
    for index in members:
        for p in model.modules[index].parameters:
            keys[p.name].add(p.tied_to or child_path(model.paths[index], p.name))
    return {name: len(distinct) for name, distinct in keys.items() if len(distinct) < len(members)}


def _amounts(model: Model, members: Sequence[int]) -> dict[str, tuple[int, int]]:
    """Return by parameter name the elements of all its tensors, and the part that first occurs in these modules."""
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    first: Counter[str] = Counter()
    for index in members:
        for p in model.modules[index].parameters:
            count = of_parameter(p).count
            counts[p.name][p.tied_to or child_path(model.paths[index], p.name)] = count
            first[p.name] += 0 if p.tied_to else count
    return {name: (sum(distinct.values()), first[name]) for name, distinct in counts.items()}
