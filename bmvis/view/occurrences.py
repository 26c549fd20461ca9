"""What a row stands for in the whole model: of several modules, and of tensors that several of them hold."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bmvis.model.totals import Totals, held_tensors, of_parameter
from bmvis.model.tree import Model, Parameter, join, parameter_facts
from bmvis.view.folding import Group, represented_modules


class Occurrences(msgspec.Struct, frozen=True, gc=False):
    """All modules that one row stands for, taken together."""

    times: int
    """How many they are."""
    elements: int
    """Elements of their parameters, a tensor that several of them hold counted once."""
    first: int
    """Those of them that are met there for the first time in the model: what rows beside each other add up to."""
    tensors: Mapping[str, int] = {}
    """How many tensors a parameter's name stands for, where they are not as many as the modules."""

    def of(self, parameter: Parameter) -> tuple[int, int]:
        """Return elements, and those first met, of all that a parameter of the row stands for."""
        count = of_parameter(parameter).count
        return count * self.tensors.get(parameter.name, self.times), 0 if parameter.tied_to else count * self.times


def count_occurrences(model: Model, groups: Sequence[Group], totals: Sequence[Totals]) -> list[Occurrences]:
    """Return for each group what it stands for in the whole model."""
    is_tied = parameter_facts(model, lambda parameters: any(p.is_tied for p in parameters))
    if not any(is_tied) and not model.shared:
        every = [(times, times * totals[group.members[0]].count) for times, group in _counted(groups)]
        return [Occurrences(times, count, count) for times, count in every]
    everyone = represented_modules(model, groups)
    first, again = _first_met(model), _met_again(model, everyone)
    return [
        Occurrences(
            len(alike),
            len(alike) * totals[alike[0]].count - again[group],
            sum([first[index] for index in alike]),
            _tensors(model, alike) if len(alike) > 1 and any(is_tied[index] for index in alike) else {},
        )
        for group, alike in enumerate(everyone)
    ]


def _counted(groups: Sequence[Group]) -> Iterator[tuple[int, Group]]:
    """Yield each group with the number of modules that it stands for."""
    trail: list[int] = []
    for group in groups:
        del trail[group.depth :]
        trail.append(len(group.members) * (trail[-1] if trail else 1))
        yield trail[-1], group


def _first_met(model: Model) -> list[int]:
    """Return for each module the elements of the tensors that have their first place in or below it."""
    above = model.parents
    found = parameter_facts(model, lambda own: sum([of_parameter(p).count for p in own if not p.tied_to]))
    for index in model.shared:
        found[index] = 0
    for index in range(len(found) - 1, 0, -1):
        found[above[index]] += found[index]
    return found


def _met_again(model: Model, everyone: Sequence[Sequence[int]]) -> Counter[int]:
    """Return for each group the elements that its modules' sums count more than once."""
    group_of = {index: group for group, alike in enumerate(everyone) if len(alike) > 1 for index in alike}
    values, held = held_tensors(model)
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for index, keys in held.items():
        for key in keys:
            holders[key].append(index)
    found: Counter[int] = Counter()
    for key, places in holders.items():
        if len(places) > 1:
            for group, times in Counter(group_of[i] for i in _and_above(places, model) if i in group_of).items():
                found[group] += (times - 1) * values[key].count
    return found


def _and_above(places: Sequence[int], model: Model) -> set[int]:
    found: set[int] = set()
    above = model.parents
    for index in places:
        while index >= 0 and index not in found:
            found.add(index)
            index = above[index]
    return found


def _tensors(model: Model, alike: Sequence[int]) -> dict[str, int]:
    """Return how many tensors each name stands for, where modules share some."""
    keys: defaultdict[str, set[str]] = defaultdict(set)
    for index in alike:
        for p in model.modules[index].parameters:
            keys[p.name].add(p.tied_to or join(model.paths[index], p.name))
    return {name: len(distinct) for name, distinct in keys.items() if len(distinct) < len(alike)}
