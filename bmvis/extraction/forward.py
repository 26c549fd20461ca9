"""Run a model once and note what flows through it. Nothing of the model changes but what its own code does.

The modules' outputs and order come from hooks that torch keeps for all modules, outside the model. The
multiply-accumulates come from the formulas that `torch.utils.flop_counter` has for each operation.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from bmvis.extraction import introspection
from bmvis.inputs import TensorInput
from bmvis.model.call_summary import merged
from bmvis.model.tree import Call, Model, Output

MAX_OUTPUTS = 8
"""Tensors of one output that are noted."""


def make_tensors(inputs: Sequence[TensorInput], device: str) -> tuple[list[Any], dict[str, Any]]:
    """Return positional and keyword arguments: zeros, which are good for masks and indices as well."""
    made = [(one.name, torch.zeros(one.shape, dtype=getattr(torch, one.dtype), device=device)) for one in inputs]
    return [tensor for name, tensor in made if not name], {name: tensor for name, tensor in made if name}


def call_arguments(returned: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return positional and keyword arguments from what a function of the user's returns."""
    if isinstance(returned, Mapping):
        return [], dict(returned)
    if isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[1], Mapping):
        first = returned[0]
        return (list(first) if isinstance(first, tuple | list) else [first]), dict(returned[1])
    return (list(returned) if isinstance(returned, tuple | list) else [returned]), {}


def trace_call(model: nn.Module, captured: Model, positional: Sequence[Any], named: Mapping[str, Any]) -> Model:
    """Call `model` once, and return `captured` with what was seen of each module.

    Raises:
        BaseException: whatever the model's own code raises.
    """
    recorder = _Recorder()
    with ExitStack() as stack:
        stack.enter_context(_as_it_was(model))
        stack.callback(register_module_forward_pre_hook(recorder.enter).remove)
        stack.callback(register_module_forward_hook(recorder.leave, always_call=True).remove)
        stack.enter_context(torch.no_grad())
        stack.enter_context(_Operations(recorder))
        model(*positional, **named)
    return _noted(model, captured, recorder)


@contextmanager
def _as_it_was(model: nn.Module) -> Iterator[None]:
    """Evaluate, and put back modes and random numbers.

    The flags are set by hand: `train` may do more, such as merging adapters into the weights.
    """
    modes = [(module, module.training) for module in model.modules()]
    state, is_fast = random.getstate(), torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it would compute whole layers without their modules
    try:
        for module, _ in modes:
            module.training = False
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        random.setstate(state)
        torch.backends.mha.set_fastpath_enabled(is_fast)


class _Seen:
    """What was seen of one module."""

    def __init__(self, order: int) -> None:
        self.order = order
        self.calls = self.macs = self.bytes = 0
        self.outputs: tuple[Output, ...] | None = None


class _Recorder:
    """What was seen, by the identity of the module. The model keeps its modules alive."""

    def __init__(self) -> None:
        self.seen: dict[int, _Seen] = {}
        self.running: list[int] = []

    def enter(self, module: nn.Module, _args: Any) -> None:
        self.running.append(id(module))
        self.seen.setdefault(id(module), _Seen(len(self.seen))).calls += 1

    def leave(self, module: nn.Module, _args: Any, output: Any) -> None:
        while self.running and self.running.pop() != id(module):
            pass  # a hook of the user's own raised before ours
        seen = self.seen.get(id(module))
        if seen is None:
            return
        outputs = _outputs(output)
        seen.outputs = outputs if seen.outputs is None else merged(seen.outputs, outputs)

    def computed(self, macs: int, size: int) -> None:
        for module in set(self.running):
            self.seen[module].macs += macs
            self.seen[module].bytes += size


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own
    """Counts each operation, as `FlopCounterMode` does: a multiply and an add are one."""

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.recorder = recorder

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        formula: Callable[..., int] | None = flop_registry.get(func._overloadpacket)
        if formula is None and func is not torch.ops.prim.device.default:
            with self:
                result = func.decompose(*args, **kwargs)
                if result is not NotImplemented:
                    return result
        result = func(*args, **kwargs)
        macs = formula(*args, **kwargs, out_val=result) // 2 if formula else 0
        self.recorder.computed(macs, _new_bytes(result, (args, kwargs)))
        return result


def _new_bytes(result: Any, given: Any) -> int:
    """Return the bytes of the tensors that an operation made: not of those it was given, or views of them."""
    made = [leaf for leaf in tree_leaves(result) if _has_storage(leaf)]
    if not made:
        return 0
    known = {leaf.untyped_storage()._cdata for leaf in tree_leaves(given) if _has_storage(leaf)}
    return sum(leaf.numel() * leaf.element_size() for leaf in made if leaf.untyped_storage()._cdata not in known)


def _has_storage(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor) and leaf.layout == torch.strided


def _outputs(output: Any) -> tuple[Output, ...]:
    """Return the tensors of a dictionary, named tuple or data class by name; else the first tensor."""
    fields: Mapping[Any, Any] = {}
    if isinstance(output, Mapping):
        fields = output
    elif isinstance(output, tuple) and (names := getattr(output, "_fields", ())):
        fields = dict(zip(names, output, strict=False))
    elif dataclasses.is_dataclass(output) and not isinstance(output, type):
        fields = vars(output)
    named = [
        (introspection.safe_text(str(name)), value) for name, value in fields.items() if isinstance(value, torch.Tensor)
    ]
    if named:
        return tuple(Output(name, tuple(map(int, value.shape))) for name, value in named[:MAX_OUTPUTS])
    first = next((leaf for leaf in tree_leaves(output) if isinstance(leaf, torch.Tensor)), None)
    return () if first is None else (Output("", tuple(map(int, first.shape))),)


def _noted(model: nn.Module, captured: Model, recorder: _Recorder) -> Model:
    """Return the tree with the calls. Of what was never called, the topmost module says so."""
    modules, above = captured.modules, captured.parents
    calls = [_call(recorder.seen.get(id(found))) for found in _objects(model, captured)]
    is_called = [call is not None for call in calls]
    for index in range(len(modules) - 1, 0, -1):
        is_called[above[index]] |= is_called[index]
    for index, module in enumerate(modules):
        if module.shared_with is not None:
            calls[index] = None  # what was seen stands at the first place
        elif index and not is_called[index] and is_called[above[index]]:
            calls[index] = Call()
    return msgspec.structs.replace(
        captured,
        modules=tuple(
            msgspec.structs.replace(module, call=call) if call else module
            for module, call in zip(modules, calls, strict=True)
        ),
    )


def _objects(model: nn.Module, captured: Model) -> list[nn.Module | None]:
    """Return the module object at each place of the tree."""
    found: list[nn.Module | None] = [model]
    above = captured.parents
    children: dict[int, dict[str, nn.Module]] = {}
    for index, module in enumerate(captured.modules[1:], 1):
        parent = found[above[index]]
        if above[index] not in children:
            children[above[index]] = dict(introspection.children(parent)) if parent is not None else {}
        found.append(children[above[index]].get(module.name))
    return found


def _call(seen: _Seen | None) -> Call | None:
    if seen is None:
        return None
    return Call(seen.calls, seen.order, seen.outputs or (), seen.macs, seen.bytes)
