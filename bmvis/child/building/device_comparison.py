"""Compare a model from the meta device with the same model from the CPU."""

from __future__ import annotations

import msgspec

from bmvis.model.tensor_values import without_values
from bmvis.model.tree import Model, Module


def is_same_tree(meta: Model, cpu: Model) -> bool:
    """Return whether two models have the same modules, tensors, settings and optimizers, on any device."""
    return _without_devices(meta) == _without_devices(cpu)


def is_same_call(meta: Model, cpu: Model) -> bool:
    """Return whether the calls of two models have the same modules, shapes, multiply-accumulates and dataflow.

    Memory is not compared, because kernels of the CPU can need another amount for the same operation.
    """
    return meta.paths == cpu.paths and _calls(meta) == _calls(cpu) and meta.dataflow == cpu.dataflow


def _calls(model: Model) -> list[object]:
    return [module.call and msgspec.structs.replace(module.call, bytes=0) for module in model.modules]


def _without_devices(model: Model) -> tuple[object, ...]:
    modules = [_without_device(module) for module in model.modules]
    return modules, model.optimizers, [_text(repr(configuration)) for configuration in model.configurations]


def _without_device(module: Module) -> Module:
    buffers = {buffer.name for buffer in module.buffers}
    settings = {name: text for name, text in (module.settings or {}).items() if name not in buffers}
    return msgspec.structs.replace(
        module,
        parameters=tuple(msgspec.structs.replace(one, device="") for one in module.parameters),
        buffers=tuple(msgspec.structs.replace(one, device="") for one in module.buffers),
        extra_repr=_text(module.extra_repr),
        settings={name: _text(without_values(value)) for name, value in settings.items()},
        call=None,
    )


def _text(text: str) -> str:
    """Return a text in which the name of the meta device is that of the CPU."""
    return text.replace("meta", "cpu")
