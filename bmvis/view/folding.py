"""Fold repeated siblings: modules that are equal in everything that is shown become one group."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence, Set

import msgspec

from bmvis.model.totals import subtree_totals
from bmvis.model.tree import Buffer, Model, Module, parameter_facts
from bmvis.view.similarity import Forms, names_by_parent, without_sizes
from bmvis.view.ties import Ties

_PASSIVE = {"Identity", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"}
"""Modules without parameters that only contain others, or do nothing."""


class Group(msgspec.Struct, frozen=True, gc=False):
    """One or more siblings that are drawn once. Groups are in preorder, like modules."""

    depth: int
    members: tuple[int, ...]
    """Indices into `model.modules`, in the model's order. The first one represents the group."""
    hidden: int = 0
    """Number of modules below the first member that a depth limit hides."""
    left_out: int = 0
    """Number of modules that are filtered out among the children of the first member, including their subtrees."""
    above: tuple[int, ...] = ()
    """The modules of the group above that members are listed for: the first one, or all if that group varies."""
    varies: bool = False
    """Whether the members differ in sizes, or those of a group above. Groups below then have members below each."""


class Folding(msgspec.Struct, frozen=True):
    """The groups of a model. The other fields have one value for each of its modules."""

    groups: list[Group]
    signatures: list[int]
    """Numbers that are equal for modules that are equal in everything shown but their names; 0 if not shown."""
    children: list[list[int]]
    """The children that are shown, or that only a depth limit hides."""
    cut: list[bool]
    """Whether the children are hidden."""
    below: list[int]
    """The number of modules below that are shown, or that only a depth limit hides."""
    forms: list[int] | None = None
    """Numbers that are equal for modules that differ in sizes only; None if similar modules are not folded."""


def fold(
    model: Model,
    *,
    depth: int | None = None,
    non_params: bool = False,
    buffers: bool = False,
    marked: Set[int] = frozenset(),
    left_out: Set[int] = frozenset(),
    closed: Set[int] = frozenset(),
    similar: bool = False,
) -> Folding:
    """Return the groups that show `model`.

    Two siblings are in one group if everything but their own names is equal: types, names below, shapes, dtypes,
    states, and ties. They need not be adjacent. Only what is shown is compared: totals instead of the modules below
    `depth`, modules without parameters only if `non_params`, and buffers only if `buffers`, which also shows modules
    that have no other tensors. Linear in the number of modules.

    Args:
        model: the model to fold.
        depth: the number of levels to show; None for all.
        non_params: whether to show modules without parameters.
        buffers: whether to compare buffers, and to show modules with buffers only.
        marked: modules that are shown at any depth. They do not equal modules that are not marked.
        left_out: modules to filter out, with the modules below them, unless those are marked.
        closed: modules whose children are hidden, unless one of those is marked.
        similar: whether blocks that differ in sizes only are in one group as well.
    """
    signatures, children, cut, below, unseen = _sign(model, depth, non_params, buffers, marked, left_out)
    for index in closed - _above(marked, model.parents):
        cut[index] = True
    forms = Forms(model, children, signatures) if similar else None
    if forms:
        forms.find(_own_keys(model, buffers, marked, closed, unseen))
    folding = Folding([], signatures, children, cut, below, forms.forms if forms else None)
    folding.groups.extend(_groups(model, folding, unseen, forms))
    return folding


def _groups(model: Model, folding: Folding, unseen: Sequence[int], forms: Forms | None) -> Iterator[Group]:
    """Yield the groups of a folding, each before those below it."""
    pending: list[tuple[bool, tuple[int, ...], tuple[int, ...]]] = [(False, (), (0,))]
    while pending:
        varies, above, members = pending.pop()
        first = members[0]
        varies = varies or (forms is not None and forms.vary(members))
        hidden = folding.below[first] if folding.cut[first] else 0
        yield Group(model.modules[first].depth, members, hidden, unseen[first], above, varies)
        if folding.cut[first]:
            continue
        parents = members if varies else members[:1]
        below, signatures = folding.children[first], folding.signatures
        rows = forms.rows_below(parents) if forms else _equal_siblings(below, signatures)
        pending += [(varies, parents, row) for row in reversed(rows)]


def _equal_siblings(siblings: Sequence[int], signatures: Sequence[int]) -> list[tuple[int, ...]]:
    alike: dict[int, list[int]] = {}
    for child in siblings:
        alike.setdefault(signatures[child], []).append(child)
    return list(map(tuple, alike.values()))


def _own_keys(
    model: Model, buffers: bool, marked: Set[int], closed: Set[int], unseen: Sequence[int]
) -> Callable[[int], Hashable]:
    """Return a function with the key of a module that is equal for similar ones, without their names and children."""
    alike: dict[Hashable, int] = {}
    ties = Ties(model)
    parameters = parameter_facts(
        model,
        lambda own: (
            None if any(p.is_tied for p in own) else alike.setdefault(tuple(map(without_sizes, own)), len(alike))
        ),
    )

    def own(index: int) -> Hashable:
        module = model.modules[index]
        key = _own_key(module, parameters[index], model.paths[index], ties, buffers, sizes=False)
        return key, index in marked, index in closed, unseen[index]

    return own


def _sign(
    model: Model, depth: int | None, non_params: bool, buffers: bool, marked: Set[int], left_out: Set[int]
) -> tuple[list[int], list[list[int]], list[bool], list[int], list[int]]:
    """Return `signatures`, `children` and `cut` of a `Folding`, and the numbers of modules below and filtered out."""
    modules, above, paths = model.modules, model.parents, model.paths
    totals = subtree_totals(model) if depth is not None or left_out else None
    has_marked_below, always = _above(marked, above), {0, *marked, *_shared_holders(model, above, buffers)}
    alike: dict[Hashable, int] = {}
    ties = Ties(model)
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
        has_tensors = below or module.parameters or (buffers and module.buffers) or unseen[index]
        if not (non_params or has_tensors or index in always or _is_visible_change(module)):
            continue
        if index in left_out and index not in marked and index not in has_marked_below:
            unseen[above[index]] += unseen[index] + 1
            continue
        own = _own_key(module, parameters[index], paths[index], ties, buffers)
        is_marked = index in marked
        cut[index] = depth is not None and module.depth >= depth and index not in has_marked_below
        key: Hashable
        hidden = (totals[index], unseen[index]) if totals and (cut[index] or unseen[index]) else ()
        if cut[index]:
            key = (own, is_marked, hidden, counts[index])
        else:
            key = (own, is_marked, hidden, *[(modules[child].name, signatures[child]) for child in below])
        signatures[index] = known.setdefault(key, len(known) + 1)
        if index:
            children[above[index]].append(index)
            counts[above[index]] += counts[index] + 1
    return signatures, children, cut, counts, unseen


def _is_visible_change(module: Module) -> bool:
    """Return whether a module without parameters was added, removed or changed, and takes part in the forward pass."""
    return module.change is not None and module.type not in _PASSIVE


def _shared_holders(model: Model, above: Sequence[int], buffers: bool) -> set[int]:
    """Return the later occurrences of shared modules that have visible tensors in or below their first occurrence."""
    if not model.shared:
        return set()
    first = {index: model.index_of[model.modules[index].shared_with or ""] for index in model.shared}
    own = [bool(module.parameters or (buffers and module.buffers)) for module in model.modules]
    while True:  # one pass, and another for each level of modules that contain only shared modules
        holders = own.copy()
        for index in range(len(holders) - 1, 0, -1):
            holders[above[index]] |= holders[index]
        found = {index for index in model.shared if holders[first[index]]}
        if all(own[index] for index in found):
            return found
        for index in found:
            own[index] = True


def _above(marked: Set[int], above: Sequence[int]) -> set[int]:
    """Return the modules that have a marked module below them."""
    found: set[int] = set()
    for index in marked:
        index = above[index]
        while index >= 0 and index not in found:
            found.add(index)
            index = above[index]
    return found


def _own_key(
    module: Module,
    parameter_id: int | None,
    path: str,
    ties: Ties,
    buffers: bool,
    sizes: bool = True,
) -> Hashable:
    """Return a key that is equal for modules that are equal without their names and children.

    Ties are compared by relative paths. So blocks that each tie two of their own weights are equal, and so are blocks
    that are tied to the same parameter outside, or to blocks with the same numbers.

    Args:
        module: the module.
        parameter_id: a number for its parameters; None if they are tied.
        path: its path in the model.
        ties: those of the model.
        buffers: whether its buffers are shown.
        sizes: whether the sizes of tensors are compared.
    """
    parameters: Hashable = parameter_id
    if parameter_id is None:
        parameters = tuple(
            (
                msgspec.structs.replace(p if sizes else without_sizes(p), tied_to="", tied_by=()),
                ties.of_parameter(path, p),
            )
            for p in module.parameters
        )
    shared = ties.of_module(path, module.shared_with)
    shown = tuple(map(_untied, module.buffers)) if buffers else ()
    state = (parameters, shown if sizes else tuple(map(without_sizes, shown)), shared)
    return (module.type, module.package, module.qualname, module.common, module.change, *state)


def _untied(buffer: Buffer) -> Buffer:
    """Return a buffer without its tie, which no row shows: blocks that share a mask are equal."""
    return msgspec.structs.replace(buffer, tied_to="") if buffer.tied_to else buffer


def represented_modules(model: Model, groups: Sequence[Group]) -> list[list[int]]:
    """Return for each group all modules that it represents: its members below every module of the group above.

    `Group.members` contains only those below the first module of the group above; if that group varies, those below
    each of its members.
    """
    above = model.parents
    index_of = {(above[index], module.name): index for index, module in enumerate(model.modules)}
    found: list[list[int]] = []
    trail: list[tuple[Sequence[int], list[int]]] = []  # the members that the groups below are listed for, and all
    for group in groups:
        del trail[group.depth :]
        every = [0]
        if trail:
            parents, alike = trail[-1]
            names = names_by_parent(group.members, group.above, model.modules, above)
            every = [index_of[alike[i], name] for i in range(len(alike)) for name in names[i % len(parents)]]
        trail.append((group.members if group.varies else group.members[:1], every))
        found.append(every)
    return found
