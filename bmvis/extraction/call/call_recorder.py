"""Record the calls of modules: their inputs, outputs and costs, and the tensors that others use without a call.

The hooks of `Recorder` are global ones, which PyTorch runs for each module.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import GeneratorType
from typing import Any

import torch
from torch import nn

from bmvis.extraction import introspection
from bmvis.extraction.dataflow.dataflow_recorder import DataflowRecorder
from bmvis.extraction.modules import LiveModel
from bmvis.extraction.outputs import read_outputs
from bmvis.model.call import Output
from bmvis.model.call_summary import ALL_OPERATIONS, GENERATOR, NUMPY, OTHER_THREADS, merged

MAX_OUTSIDE_MODULES = 1000
"""Maximum number of modules outside the model that are recorded."""
_LAZY = (GeneratorType, map, filter)
"""Classes of iterators that compute their items when they are read."""


class Seen:
    """The calls of one module."""

    def __init__(self, order: int) -> None:
        self.order = order
        self.calls = self.failed_calls = self.macs = self.bytes = 0
        self.handled: list[BaseException | None] = []
        """The exceptions that are handled while each running call begins."""
        self.uncounted: set[str] = set()
        self.outputs: tuple[Output, ...] | None = None
        self.inputs: tuple[Output, ...] | None = None

    def add_inputs(self, found: tuple[Output, ...]) -> None:
        """Add the inputs of a call."""
        self.inputs = found if self.inputs is None else merged(self.inputs, found)

    def add_outputs(self, found: tuple[Output, ...]) -> None:
        """Add the outputs of a call."""
        self.outputs = found if self.outputs is None else merged(self.outputs, found)


class Recorder:
    """The calls of all modules, by `id`. The model keeps its modules alive, so the ids stay valid.

    Args:
        live: the model.
        dataflow: also notes the calls, for the architecture figure.
    """

    def __init__(self, live: LiveModel, dataflow: DataflowRecorder | None = None) -> None:
        self.seen: dict[int, Seen] = {}
        self.running: list[int] = []
        self.dataflow = dataflow
        self.used_without_call: set[int] = set()
        """Ids of tensors that an operation used while none of their modules was running."""
        self.outside_modules: dict[int, nn.Module] = {}
        """Modules with parameters that ran and are not in the tree, by id."""
        self._root = live.root
        self._members = {id(module) for module in live.modules}
        self._owners = _owners(live)
        self._own_hooks: dict[int, Any] = {}
        """Handles of hooks after those that a module has itself, by the id of the module."""
        self._thread = threading.get_ident()

    def enter(self, module: nn.Module, args: Any) -> None:
        """Begin a call: a global forward pre-hook."""
        seen = self.seen.setdefault(id(module), Seen(len(self.seen)))
        seen.calls += 1
        seen.handled.append(sys.exc_info()[1])
        if (
            id(module) not in self._members
            and len(self.outside_modules) < MAX_OUTSIDE_MODULES
            and introspection.parameters(module)
        ):
            self.outside_modules[id(module)] = module
        if threading.get_ident() != self._thread:  # operations are counted in the thread of the call only
            seen.uncounted.add(OTHER_THREADS)
            self.missed(OTHER_THREADS, self.running)
            if self.dataflow:
                self.dataflow.threads.enter(module, args)
            return
        if self.dataflow:
            self.dataflow.stack.enter(module, self.dataflow.operations)
        self.running.append(id(module))
        if vars(module).get("_forward_hooks") and id(module) not in self._own_hooks:
            self._own_hooks[id(module)] = nn.Module.register_forward_hook(module, self._after_own_hooks)

    def leave(self, module: nn.Module, args: Any, *rest: Any) -> None:
        """End a call: a global forward hook. `rest` are the keyword arguments, if PyTorch passes them, and the output.

        PyTorch runs global hooks before those of the module, which can change the output.
        """
        *keywords, output = rest
        if threading.get_ident() == self._thread:
            if self.dataflow:
                self.dataflow.stack.leave(module)
            while self.running and self.running.pop() != id(module):
                pass  # a module whose hook, from user code, raised before this one was called
        elif self.dataflow:
            self.dataflow.threads.leave(module, args, keywords[0] if keywords else None, output)
        seen = self.seen.get(id(module))
        if seen is None:
            return
        if seen.handled and sys.exc_info()[1] is not seen.handled.pop():
            seen.failed_calls += 1  # it raised an exception, which the model can catch to call it in another way
            return
        if _computes_later(output, is_read=module is self._root):
            seen.uncounted.add(GENERATOR)
        with torch._C.DisableTorchFunction():  # under `torch.device`, each query of a tensor would run a mode
            seen.add_inputs(read_outputs((args, *keywords)))
            if id(module) not in self._own_hooks:
                seen.add_outputs(read_outputs(output))

    def resume(self, module: nn.Module) -> None:
        """Go on with the call of the model, for what it has returned computes when it is read."""
        self.running.append(id(module))
        if self.dataflow:
            self.dataflow.stack.resume(module)

    def add_items(self, module: nn.Module, items: list[Any]) -> None:
        """Add what was read from the iterator that the model returned to its outputs."""
        if id(module) in self.seen:
            self.seen[id(module)].add_outputs(read_outputs(items))

    def _after_own_hooks(self, module: nn.Module, _args: Any, output: Any) -> None:
        self.seen[id(module)].add_outputs(read_outputs(output))

    def close(self) -> None:
        """Remove the hooks that were added to modules."""
        for handle in self._own_hooks.values():
            handle.remove()

    def used(self, tensors: Iterable[torch.Tensor]) -> None:
        """Record the tensors of the model that an operation uses while none of their modules runs.

        Examples are the weight of `out_proj` in `nn.MultiheadAttention`, and all those of an exported graph.
        """
        for tensor in tensors:
            owners = self._owners.get(id(tensor))
            if owners and owners.isdisjoint(self.running):
                self.used_without_call.add(id(tensor))

    def computed(self, macs: int, size: int, uncounted: str = "") -> None:
        """Add the costs of an operation to the modules that are running."""
        for module in set(self.running):
            self.seen[module].macs += macs
            self.seen[module].bytes += size
            if uncounted:
                self.seen[module].uncounted.add(uncounted)

    def missed(self, what: str, running: Iterable[int]) -> None:
        """Record what some running modules compute that is not counted."""
        for module in list(running):
            self.seen[module].uncounted.add(what)

    def read_as_array(self, tensor: torch.Tensor) -> None:
        """Record that the running modules take the values of a tensor as an array. Integers are sizes and indices."""
        if tensor.is_floating_point() or tensor.is_complex():
            self.missed(NUMPY, self.running)

    @contextmanager
    def not_counting(self) -> Iterator[None]:
        """Record which modules are called, but not what they compute."""
        running, self.running = self.running, []
        try:
            yield
        finally:
            self.running = running

    def miss_all(self) -> None:
        """Record that no operation was counted."""
        for seen in self.seen.values():
            seen.uncounted.add(ALL_OPERATIONS)


def _computes_later(output: Any, *, is_read: bool) -> bool:
    """Return whether an output has items that are computed after the call of the module, outside of it.

    Args:
        output: what the module returned.
        is_read: whether bmvis reads an iterator itself, as it does for the model.
    """
    if isinstance(output, _LAZY):
        return not is_read
    inside = output.values() if isinstance(output, Mapping) else output if isinstance(output, tuple | list) else ()
    return any(isinstance(value, _LAZY) for value in inside)


def _owners(live: LiveModel) -> dict[int, set[int]]:
    """Return the ids of the modules that have a tensor, by the id of the tensor."""
    owners: dict[int, set[int]] = {}
    for module, parameters, buffers in zip(live.modules, live.parameters, live.buffers, strict=True):
        for _, tensor in (*parameters, *buffers):
            owners.setdefault(id(tensor), set()).add(id(module))
    return owners
