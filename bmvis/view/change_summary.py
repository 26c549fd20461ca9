"""Sum up a comparison in a sentence: `base frozen: 109.5M; LoRA on query and value of 12 layers: 294.9K`. Internal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from bmvis import humanize
from bmvis.model.totals import of_parameter
from bmvis.model.tree import Model, Parameter

_FROZEN = "trainable → frozen"
_METHODS = {
    "lora": "LoRA",
    "adalora": "AdaLoRA",
    "ia3": "IA3",
    "vera": "VeRA",
    "loha": "LoHa",
    "lokr": "LoKr",
    "oft": "OFT",
}
"""How the methods of PEFT are written, by the name of their package."""
_PEFT = re.compile(r"peft\.tuners\.(\w+)")
MAX_NAMES = 6
NO_CHANGES = "no changes"


def change_summary(model: Model) -> str:
    """Return a sentence about the parameters of a compared model; '' if none of them changed."""
    return "; ".join(_parts(model))


def _parts(model: Model) -> Iterator[str]:
    deltas = [index for index, parameter in _parameters(model) if _is(parameter, "added") and parameter.delta]
    changed: Counter[str] = Counter()
    sizes = {"added": 0, "removed": 0}
    for _, parameter in _parameters(model):
        if parameter.change is None:
            continue
        count = _count(parameter)
        for detail in parameter.change.details:
            changed["resized" if detail.startswith("[") else detail] += count
        if parameter.change.kind != "changed" and not (parameter.delta and parameter.change.kind == "added"):
            sizes[parameter.change.kind] += count
    for detail, count in changed.items():
        if detail.startswith(("tied", "no longer tied")):
            continue
        frozen = "base frozen" if deltas else "frozen"
        if count:
            yield f"{frozen if detail == _FROZEN else detail}: {humanize.count(count)}"
    if deltas:
        yield _adapters(model, deltas)
    yield from (f"{kind}: {humanize.count(count)}" for kind, count in sizes.items() if count)


def _count(parameter: Parameter) -> int:
    """Return the number of elements that a parameter adds to a model, or added before it was removed."""
    return 0 if parameter.tied_to else parameter.count


def _parameters(model: Model) -> Iterator[tuple[int, Parameter]]:
    for index, module in enumerate(model.modules):
        for parameter in module.parameters:
            yield index, parameter


def _is(parameter: Parameter, kind: str) -> bool:
    return parameter.change is not None and parameter.change.kind == kind


def _adapters(model: Model, deltas: Iterable[int]) -> str:
    """Return what adapters were added to which modules: `LoRA on query and value of 12 layers: 294.9K`."""
    indices = list(dict.fromkeys(deltas))
    adapted = list(dict.fromkeys(_adapted(model, index) for index in indices))
    methods = {_method(model.modules[index].package) for index in adapted}
    names = Counter(model.modules[index].name for index in adapted)
    count = sum(
        of_parameter(p).count
        for index in indices
        for p in model.modules[index].parameters
        if p.delta and _is(p, "added")
    )
    method = methods.pop() if len(methods) == 1 else ""
    text = method or "adapters"
    if len(names) <= MAX_NAMES:
        text += f" on {_listed(list(names))}"
        if len(set(names.values())) == 1 and (layers := max(names.values())) > 1:
            text += f" of {layers} layers"
    else:
        text += f" on {len(adapted)} modules"
    return f"{text}: {humanize.count(count)}"


def _adapted(model: Model, index: int) -> int:
    """Return the module that an adapter was added to: the first one above that was not added."""
    while index and (change := model.modules[index].change) and change.kind == "added":
        index = model.parents[index]
    return index


def _method(package: str) -> str:
    found = _PEFT.match(package)
    return _METHODS.get(found[1], "") if found else ""


def _listed(names: list[str]) -> str:
    names = [name or "the root" for name in names]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
