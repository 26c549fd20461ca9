"""Show a parametrized module as one row: `proj (Conv1d) weight:[19, 58, 1] (MaxNorm) bias:[19]`.

`torch.nn.utils.parametrize` keeps the tensors that a weight is computed from in two more levels of modules:
https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.register_parametrization.html.
Pruning, and the older forms of weight and spectral normalization, rename the parameters of the module instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bmvis.model.tree import Buffer, Model, Module, Parameter

PACKAGE = "torch.nn.utils.parametrize"
_PARENT = "parametrizations"
_FUNCTIONS = {"_WeightNorm": "weight_norm", "_SpectralNorm": "spectral_norm", "_Orthogonal": "orthogonal"}
"""The functions of `torch.nn.utils.parametrizations` by the class that each of them registers."""
_FACTS = ("dtype", "trainable", "delta", "adapter", "quantization", "device", "groups")
"""Fields that must be equal for several tensors to be one on a row."""


def merge_parametrizations(model: Model) -> Model:
    """Return a model whose parametrized modules have their tensors themselves, with the name of the parametrization.

    A parametrization with parameters or modules of its own stays as it is, and one whose tensors are tied.
    """
    may_be_renamed = any(map(_may_be_renamed, model.parameter_lists[1]))
    if not may_be_renamed and not any(module.name == _PARENT for module in model.modules):
        return model
    merged: dict[int, Module] = {}
    dropped: set[int] = set()
    for index, module in enumerate(model.modules):
        if module.name != _PARENT or not index or not _is_list(model, index):
            continue
        above = model.parents[index]
        tensors = [_computed(model, child) for child in model.children[index]]
        if all(tensors) and not any(model.modules[child].shared_with for child in model.children[index]):
            found = [tensor for tensor in tensors if tensor]
            merged[above] = _with_tensors(model.modules[above], found, _buffers(model, index))
            dropped.update(range(index, index + model.sizes[index]))
    marked = _marked([merged.get(index, module) for index, module in enumerate(model.modules) if index not in dropped])
    return msgspec.structs.replace(model, modules=tuple(marked))


def _is_list(model: Model, index: int) -> bool:
    """Return whether a module is the `parametrizations` of its parent."""
    children = model.children[index]
    return bool(children) and all(model.modules[child].package == PACKAGE for child in children)


def _computed(model: Model, index: int) -> Parameter | None:
    """Return the tensor that a `ParametrizationList` computes; None if its parts do not allow one statement."""
    module = model.modules[index]
    below = model.modules[index + 1 : index + model.sizes[index]]
    originals = module.parameters
    last = originals[-1] if originals else None
    functions = [
        _FUNCTIONS.get(model.modules[child].type, model.modules[child].type) for child in model.children[index]
    ]
    if last is None or module.buffers or any(inner.parameters for inner in below) or any(o.is_tied for o in originals):
        return None
    is_known = len(originals) == 1 or functions == ["weight_norm"]
    if not is_known or any(getattr(o, fact) != getattr(last, fact) for o in originals for fact in _FACTS):
        return None
    return msgspec.structs.replace(
        last,  # of weight_norm, this is the direction, whose shape is that of the weight
        name=module.name,
        count=sum(original.count for original in originals),
        stored_bytes=sum(original.stored_bytes for original in originals),
        parametrized=" + ".join(functions),
    )


def _buffers(model: Model, index: int) -> Iterator[Buffer]:
    """Yield the buffers of parametrizations, by their keys in the parametrized module."""
    start = len(model.paths[index]) - len(_PARENT)
    for inner in range(index, index + model.sizes[index]):
        prefix = model.paths[inner][start:]
        for buffer in model.modules[inner].buffers:
            yield msgspec.structs.replace(buffer, name=f"{prefix}.{buffer.name}")


def _with_tensors(module: Module, computed: Sequence[Parameter], buffers: Iterator[Buffer]) -> Module:
    return msgspec.structs.replace(
        module, parameters=(*computed, *module.parameters), buffers=(*module.buffers, *buffers)
    )


def _marked(modules: Sequence[Module]) -> list[Module]:
    """Return modules whose renamed parameters have the name of the function that renamed them.

    Modules with the same parameters continue to share one tuple of them.
    """
    known: dict[tuple[int, int], tuple[Parameter, ...]] = {}
    found = []
    for module in modules:
        if _may_be_renamed(module.parameters):
            key = (id(module.parameters), id(module.buffers))
            if key not in known:
                known[key] = tuple(_renamed(module))
            if known[key] != module.parameters:
                module = msgspec.structs.replace(module, parameters=known[key])
        found.append(module)
    return found


def _may_be_renamed(parameters: Sequence[Parameter]) -> bool:
    return any(parameter.name.endswith(("_orig", "_v")) for parameter in parameters)


def _renamed(module: Module) -> Iterator[Parameter]:
    parameters, buffers = {p.name for p in module.parameters}, {b.name for b in module.buffers}
    for parameter in module.parameters:
        stem, _, ending = parameter.name.rpartition("_")
        function = ""
        if ending == "orig" and f"{stem}_mask" in buffers:
            function = "pruned"
        elif ending == "orig" and f"{stem}_u" in buffers:
            function = "spectral_norm"
        elif ending in ("g", "v") and stem not in parameters and {f"{stem}_g", f"{stem}_v"} <= parameters:
            function = "weight_norm"
        yield msgspec.structs.replace(parameter, parametrized=function) if function else parameter
