"""Match the parameters of a PEFT model with the keys of an adapter file, which omit the names of the adapters.

`save_pretrained` writes `lora_A.weight` for `lora_A.default.weight`, and `lm_head.weight` for
`lm_head.modules_to_save.default.weight`:
https://github.com/huggingface/peft/blob/main/src/peft/utils/save_and_load.py
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from bmvis.model.preorder import child_path
from bmvis.model.tree import Buffer, Model, Module, Parameter

_DICTIONARIES = ("ModuleDict", "ParameterDict")
"""Types of the modules that have an entry for each adapter."""
_DEFAULT = "default"
"""The name that PEFT gives to an adapter without a name."""


def with_adapter_names(checkpoint: Model, model: Model) -> Model:
    """Return the tree of an adapter file with the keys that its tensors have in `model`."""
    known = dict(_parameters(checkpoint))
    names: dict[str, str] = {}
    for saved, candidates in _saved_keys(model).items():
        if saved in known and not any(key in known for key in candidates):
            names[saved] = min(candidates, key=lambda key: _distance(key, candidates[key], known[saved]))
    return _renamed(checkpoint, names) if names else checkpoint


def _distance(key: str, parameter: Parameter, saved: Parameter) -> tuple[bool, bool]:
    """Return the sort key if several adapters have the saved name: equal shape first, then the default adapter."""
    return parameter.shape != saved.shape, _DEFAULT not in key.split(".")


def _parameters(model: Model) -> Iterator[tuple[str, Parameter]]:
    for path, module in zip(model.paths, model.modules, strict=True):
        for parameter in module.parameters:
            yield child_path(path, parameter.name), parameter


def _saved_keys(model: Model) -> dict[str, dict[str, Parameter]]:
    """Return the keys that adapter parameters have in a file, each with the parameters that it can represent."""
    found: dict[str, dict[str, Parameter]] = {}
    dictionaries = {path for path, module in zip(model.paths, model.modules, strict=True) if _is_dictionary(module)}
    for key, parameter in _parameters(model):
        if parameter.delta:
            for saved in _without_adapter(key, dictionaries):
                found.setdefault(saved, {})[key] = parameter
    return found


def _is_dictionary(module: Module) -> bool:
    return module.type in _DICTIONARIES and module.package.startswith("torch.nn.")


def _without_adapter(key: str, dictionaries: set[str]) -> Iterator[str]:
    """Yield a key without the name of the dictionary entry that it contains, once for each dictionary."""
    parts = key.split(".")
    for number in range(1, len(parts)):
        if ".".join(parts[:number]) not in dictionaries:
            continue
        above, below = parts[:number], parts[number + 1 :]
        if above[-1] == "modules_to_save":
            above = above[:-1]
        yield ".".join([*above, *below])
        if above[-1:] == ["lora_magnitude_vector"] and below == ["weight"]:  # of DoRA
            yield ".".join(above)


class _BuiltModule:
    """A module of the tree that is being built."""

    def __init__(self) -> None:
        self.children: dict[str, _BuiltModule] = {}
        self.parameters: list[Parameter] = []
        self.buffers: list[Buffer] = []

    def at(self, path: str) -> _BuiltModule:
        """Return the module at a path, after creating it if it is missing."""
        node = self
        for name in path.split(".") if path else ():
            node = node.children.setdefault(name, _BuiltModule())
        return node


def _renamed(model: Model, names: Mapping[str, str]) -> Model:
    """Return the tree of a checkpoint with some keys renamed."""
    root = _BuiltModule()
    for path, module in zip(model.paths, model.modules, strict=True):
        here = root.at(path)
        here.buffers += module.buffers
        for parameter in module.parameters:
            above, _, name = names.get(key := child_path(path, parameter.name), key).rpartition(".")
            root.at(above).parameters.append(msgspec.structs.replace(parameter, name=name))
    modules = []
    pending = [("", 0, root)]
    while pending:
        name, depth, node = pending.pop()
        type_ = "" if depth else model.root.type
        modules.append(Module(name, depth, type_, parameters=tuple(node.parameters), buffers=tuple(node.buffers)))
        pending += [(name, depth + 1, child) for name, child in reversed(node.children.items())]
    return msgspec.structs.replace(model, modules=tuple(modules))
