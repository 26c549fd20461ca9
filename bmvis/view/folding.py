"""Fold repeated siblings: modules that are equal in all that is shown become one group."""

from __future__ import annotations

from collections.abc import Hashable, Sequence, Set

import msgspec

from bmvis.model.totals import subtree_totals
from bmvis.model.tree import Buffer, Model, Module, parameter_facts


class Group(msgspec.Struct, frozen=True, gc=False):
    """One or more siblings that are drawn once. Groups stand in preorder, as modules do."""

    depth: int
    members: tuple[int, ...]
    """Indices into `model.modules`, in the model's order; the first one stands for all."""
    hidden: int = 0
    """Modules below the first member that a depth limit leaves out."""
    left_out: int = 0
    """Modules right below the first member, with all below them, that are not to be shown."""


class Folding(msgspec.Struct, frozen=True):
    """The groups of a model, and what they were made from: a value for each of its modules."""

    groups: list[Group]
    signatures: list[int]
    """Equal where all that is shown below the name is equal; 0 for a module that is not shown."""
    children: list[list[int]]
    """The modules below that are shown, or would be but for a depth limit."""
    cut: list[bool]
    """Whether what is below is left out."""


def fold(
    model: Model,
    *,
    depth: int | None = None,
    non_params: bool = False,
    buffers: bool = False,
    marked: Set[int] = frozenset(),
    left_out: Set[int] = frozenset(),
    closed: Set[int] = frozenset(),
) -> Folding:
    """Return the groups that show `model`.

    Two siblings are one group when everything below their own names is equal: types, names, shapes,
    dtypes, states, ties. They need not be neighbours. What is not shown does not tell them apart:
    modules below `depth` count by their sums, modules without parameters only if `non_params`, buffers
    only if `buffers`. A marked module is shown at any depth, and is not equal to one that is not marked.
    What is left out is not shown at all, and nothing below what is closed, unless it is marked.
    One pass from the leaves to the root; linear in the number of modules.
    """
    signatures, children, cut, below, unseen = _sign(model, depth, non_params, buffers, marked, left_out)
    for index in closed - _above(marked, model.parents):
        cut[index] = True
    groups: list[Group] = []
    pending: list[tuple[int, ...]] = [(0,)]
    while pending:
        members = pending.pop()
        first = members[0]
        groups.append(Group(model.modules[first].depth, members, below[first] if cut[first] else 0, unseen[first]))
        if cut[first]:
            continue
        alike: dict[int, list[int]] = {}
        for child in children[first]:
            alike.setdefault(signatures[child], []).append(child)
        pending += [tuple(found) for found in reversed(alike.values())]
    return Folding(groups, signatures, children, cut)


def _sign(
    model: Model, depth: int | None, non_params: bool, buffers: bool, marked: Set[int], left_out: Set[int]
) -> tuple[list[int], list[list[int]], list[bool], list[int], list[int]]:
    """Return the signatures, children and cuts of a `Folding`, and how many modules are below each, and left out."""
    modules, above, places = model.modules, model.parents, model.paths
    totals = subtree_totals(model) if depth is not None or left_out else None
    opened, held = _above(marked, above), _shared_holders(model, above)
    alike: dict[Hashable, int] = {}
    parameters = parameter_facts(
        model, lambda own: None if any(p.is_tied for p in own) else alike.setdefault(own, len(alike))
    )
    children: list[list[int]] = [[] for _ in modules]
    signatures, counts, cut = [0] * len(modules), [0] * len(modules), [False] * len(modules)
    unseen = [0] * len(modules)
    known: dict[Hashable, int] = {}
    for index in range(len(modules) - 1, -1, -1):
        module, below = modules[index], children[index]
        below.reverse()
        has_parameters = below or module.parameters or unseen[index] or index in held
        if not (non_params or has_parameters or index == 0 or index in marked):
            continue
        if index in left_out and index not in marked and index not in opened:
            unseen[above[index]] += unseen[index] + 1
            continue
        own = _own_key(module, parameters[index], places[index], buffers)
        shown = index in marked
        cut[index] = depth is not None and module.depth >= depth and index not in opened
        key: Hashable
        hidden = (totals[index], unseen[index]) if totals and (cut[index] or unseen[index]) else ()
        if cut[index]:
            key = (own, shown, hidden, counts[index])
        else:
            key = (own, shown, hidden, *[(modules[child].name, signatures[child]) for child in below])
        signatures[index] = known.setdefault(key, len(known) + 1)
        if index:
            children[above[index]].append(index)
            counts[above[index]] += counts[index] + 1
    return signatures, children, cut, counts, unseen


def _shared_holders(model: Model, above: Sequence[int]) -> set[int]:
    """Return the later places of modules that have parameters below their first place."""
    if not model.shared:
        return set()
    first = {index: model.index_of[model.modules[index].shared_with or ""] for index in model.shared}
    own = [bool(module.parameters) for module in model.modules]
    while True:  # once, and once more for each level of modules that hold nothing but shared ones
        holders = own.copy()
        for index in range(len(holders) - 1, 0, -1):
            holders[above[index]] |= holders[index]
        found = {index for index in model.shared if holders[first[index]]}
        if all(own[index] for index in found):
            return found
        for index in found:
            own[index] = True


def _above(marked: Set[int], above: Sequence[int]) -> set[int]:
    """Return the modules that have a marked one below them."""
    found: set[int] = set()
    for index in marked:
        index = above[index]
        while index >= 0 and index not in found:
            found.add(index)
            index = above[index]
    return found


def _own_key(module: Module, alike: int | None, path: str, buffers: bool) -> Hashable:
    """Return what tells a module apart without its name and children.

    Args:
        module: the module.
        alike: a number for its parameters; None where they are tied.
        path: where it is.
        buffers: whether its buffers are shown.

    Ties are compared by the way from here to there: blocks that each tie two of their own weights are
    alike, and so are blocks tied to one place outside.
    """
    parameters: Hashable = alike
    if alike is None:
        parameters = tuple(
            (
                msgspec.structs.replace(p, tied_to="", tied_by=()),
                relative_path(path, p.tied_to),
                tuple(relative_path(path, key) for key in p.tied_by),
            )
            for p in module.parameters
        )
    shared = None if module.shared_with is None else (relative_path(path, module.shared_with),)
    held = (parameters, tuple(map(_untied, module.buffers)) if buffers else (), shared)
    return (module.type, module.package, module.qualname, module.common, module.change, *held)


def _untied(buffer: Buffer) -> Buffer:
    """Return a buffer without its tie, which no row shows: a mask that all blocks hold tells none of them apart."""
    return msgspec.structs.replace(buffer, tied_to="") if buffer.tied_to else buffer


def relative_path(origin: str, target: str) -> tuple[int, str] | None:
    """Return the relative path from module `origin` to `target`: levels to go up, then down."""
    if not target:
        return None
    here, there = origin.split("."), target.split(".")
    common = 0
    while common < len(here) and common < len(there) and here[common] == there[common]:
        common += 1
    return len(here) - common, ".".join(there[common:])


def represented_modules(model: Model, groups: Sequence[Group]) -> list[list[int]]:
    """Return for each group all modules that it is drawn for: its members in every module of the group above.

    `Group.members` are those below the first of the modules above alone.
    """
    above = model.parents
    place = {(above[index], module.name): index for index, module in enumerate(model.modules)}
    found: list[list[int]] = []
    trail: list[list[int]] = []
    for group in groups:
        names = [model.modules[member].name for member in group.members]
        del trail[group.depth :]
        trail.append([place[parent, name] for parent in trail[-1] for name in names] if trail else [0])
        found.append(trail[-1])
    return found
