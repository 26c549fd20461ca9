"""Fold repeated siblings: modules that are equal in all that is shown become one group."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise

import msgspec

from bmvis.totals import subtree_totals
from bmvis.tree import Model, Module, parents, paths


class Group(msgspec.Struct, frozen=True, gc=False):
    """One or more siblings that are drawn once. Groups stand in preorder, as modules do."""

    depth: int
    members: tuple[int, ...]
    """Indices into `model.modules`, in the model's order; the first one stands for all."""
    hidden: int = 0
    """Modules below the first member that a depth limit leaves out."""


def fold(model: Model, *, depth: int | None = None, non_params: bool = False, buffers: bool = False) -> list[Group]:
    """Return the groups that show `model`.

    Two siblings are one group when everything below their own names is equal: types, names, shapes,
    dtypes, states, ties. They need not be neighbours. What is not shown does not tell them apart:
    modules below `depth` count by their sums, modules without parameters only if `non_params`, buffers
    only if `buffers`.
    One pass from the leaves to the root; linear in the number of modules.
    """
    signatures, children = _sign(model, depth, non_params, buffers)
    groups: list[Group] = []
    pending: list[tuple[int, ...]] = [(0,)]
    while pending:
        members = pending.pop()
        first = members[0]
        level = model.modules[first].depth
        cut = depth is not None and level >= depth
        groups.append(Group(level, members, _count_below(first, children) if cut else 0))
        if cut:
            continue
        alike: dict[int, list[int]] = {}
        for child in children[first]:
            alike.setdefault(signatures[child], []).append(child)
        pending += [tuple(found) for found in reversed(alike.values())]
    return groups


def _sign(model: Model, depth: int | None, non_params: bool, buffers: bool) -> tuple[list[int], list[list[int]]]:
    """Return a number for each module, equal where all shown below the name is equal, and its shown children."""
    modules, above, places = model.modules, parents(model.modules), paths(model.modules)
    totals = subtree_totals(model) if depth is not None else None
    children: list[list[int]] = [[] for _ in modules]
    signatures = [0] * len(modules)
    known: dict[Hashable, int] = {}
    for index in range(len(modules) - 1, -1, -1):
        module = modules[index]
        below = children[index]
        below.reverse()
        if not (non_params or below or module.parameters or index == 0):
            continue
        key: Hashable
        if totals is not None and depth is not None and module.depth >= depth:
            key = (_own_key(module, places[index], buffers), totals[index])
        else:
            key = (
                _own_key(module, places[index], buffers),
                *((modules[child].name, signatures[child]) for child in below),
            )
        signatures[index] = known.setdefault(key, len(known))
        if index:
            children[above[index]].append(index)
    return signatures, children


def _own_key(module: Module, path: str, buffers: bool) -> Hashable:
    """Return what tells a module apart without its name and children.

    Ties are compared by the way from here to there: blocks that each tie two of their own weights are
    alike, and so are blocks tied to one place outside.
    """
    parameters: Hashable = module.parameters
    if any(p.tied_to or p.tied_by for p in module.parameters):
        parameters = tuple(
            (
                msgspec.structs.replace(p, tied_to="", tied_by=()),
                _way(path, p.tied_to),
                tuple(_way(path, key) for key in p.tied_by),
            )
            for p in module.parameters
        )
    shared = None if module.shared_with is None else _way(path, module.shared_with or "root")
    return (module.type, module.package, module.qualname, parameters, module.buffers if buffers else (), shared)


def _way(origin: str, target: str) -> tuple[int, str] | None:
    """Return the relative path from module `origin` to `target`: levels to go up, then down."""
    if not target:
        return None
    here, there = origin.split("."), target.split(".")
    common = 0
    while common < len(here) and common < len(there) and here[common] == there[common]:
        common += 1
    return len(here) - common, ".".join(there[common:])


def _count_below(index: int, children: Sequence[Sequence[int]]) -> int:
    count, pending = -1, [index]
    while pending:
        count += 1
        pending.extend(children[pending.pop()])
    return count


def stand_ins(model: Model, groups: Sequence[Group]) -> list[list[int]]:
    """Return for each group all modules that it is drawn for: its members in every module of the group above.

    `Group.members` are those below the first of the modules above alone.
    """
    above = parents(model.modules)
    place = {(above[index], module.name): index for index, module in enumerate(model.modules)}
    found: list[list[int]] = []
    trail: list[list[int]] = []
    for group in groups:
        names = [model.modules[member].name for member in group.members]
        del trail[group.depth :]
        trail.append([place[parent, name] for parent in trail[-1] for name in names] if trail else [0])
        found.append(trail[-1])
    return found


def label(names: Sequence[str]) -> str:
    """Write the names of one group: `0-11`, `0,2,4-6`, `0,2,4,...,22`, `query,key,value`."""
    if len(names) < 2 or not all(name.isdecimal() and str(int(name)) == name for name in names):
        return ",".join(names)
    numbers = sorted(map(int, names))
    step = numbers[1] - numbers[0]
    if step > 1 and len(numbers) > 4 and all(b - a == step for a, b in pairwise(numbers)):
        return f"{numbers[0]},{numbers[1]},{numbers[2]},...,{numbers[-1]}"
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in _runs(numbers))


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
