"""Changes that all parameters of a subtree have: one mark on its module instead of one on each parameter. Internal."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from bmvis.model.tree import Change, Model, Module, Parameter

_OWN = ("[", "uninitialized", "tied", "no longer tied")
"""The beginnings of details that name a size or another tensor."""


def mark_subtrees(model: Model) -> Model:
    """Return a compared model in which each common change is marked on the outermost modules that it applies to.

    Parameters that were added or removed do not count. A wrapped module loses its mark: that of its wrapper remains.
    """
    marks: dict[int, list[str]] = {}
    covered: dict[int, set[str]] = {}
    for detail in dict.fromkeys(_details(model)):
        for index, count in _outermost(model, detail):
            marks.setdefault(index, []).append(f"{detail} ({count:,} tensors)")
            for inner in range(index, index + model.sizes[index]):
                covered.setdefault(inner, set()).add(detail)
    modules = [_marked(module, marks.get(i, []), covered.get(i, set())) for i, module in enumerate(model.modules)]
    return msgspec.structs.replace(model, modules=tuple(modules))


def _details(model: Model) -> Iterator[str]:
    """Yield the details of changes that can be common to several parameters."""
    for module in model.modules:
        for parameter in module.parameters:
            details = parameter.change.details if parameter.change else ()
            yield from (detail for detail in details if not detail.startswith(_OWN))


def _outermost(model: Model, detail: str) -> Iterator[tuple[int, int]]:
    """Yield the outermost subtrees with several changed modules, and how many parameters changed in each."""
    counts, changed, whole = ([0] * len(model.modules) for _ in range(3))
    for index, module in enumerate(model.modules):
        kept = [p for p in module.parameters if p.change is None or p.change.kind == "changed"]
        counts[index] = sum(_has(p, detail) for p in kept)
        changed[index] = int(counts[index] > 0)
        whole[index] = int(counts[index] == len(kept))
    for index in range(len(model.modules) - 1, 0, -1):
        above = model.parents[index]
        counts[above] += counts[index]
        changed[above] += changed[index]
        whole[above] &= whole[index]
    for index in range(len(model.modules)):
        is_outermost = index == 0 or not (whole[model.parents[index]] and changed[model.parents[index]] > 1)
        if whole[index] and changed[index] > 1 and is_outermost:
            yield index, counts[index]


def _has(parameter: Parameter, detail: str) -> bool:
    return parameter.change is not None and detail in parameter.change.details


def _marked(module: Module, marks: list[str], covered: set[str]) -> Module:
    parameters = (
        tuple(_without(parameter, covered) for parameter in module.parameters) if covered else module.parameters
    )
    change = module.change
    if change and change.details == ("wrapped",):
        change = None
    if marks:
        details = (*(change.details if change else ()), *marks)
        change = Change(change.kind if change else "changed", details)
    return msgspec.structs.replace(module, parameters=parameters, change=change)


def _without(parameter: Parameter, covered: set[str]) -> Parameter:
    change = parameter.change
    if change is None or not covered.intersection(change.details):
        return parameter
    details = tuple(detail for detail in change.details if detail not in covered)
    return msgspec.structs.replace(parameter, change=Change(change.kind, details) if details else None)
