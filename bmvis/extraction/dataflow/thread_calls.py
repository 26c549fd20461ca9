"""Record the calls of modules that run in other threads, such as branches in a `ThreadPoolExecutor`.

PyTorch's modes see the operations of their own thread only. So a module that another thread calls is one operation,
from its arguments to its results. What the thread does between modules is not seen.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from bmvis.extraction.dataflow.call_stack import CallStack
from bmvis.extraction.dataflow.producers import Producers
from bmvis.extraction.dataflow.raw_operations import NO_FUNCTION, RawOperation, reordered
from bmvis.extraction.outputs import tensors_with_paths
from bmvis.model.dataflow import ModuleCall

UNSEEN = "operations between modules in other threads"


class ThreadCalls:
    """The outermost calls of modules in other threads.

    Args:
        stack: the calls of the model.
        producers: which operation produced a tensor.
        operations: all operations, to which those of the calls are added.
    """

    def __init__(self, stack: CallStack, producers: Producers, operations: list[RawOperation]) -> None:
        self._stack = stack
        self._producers = producers
        self._all = operations
        self._lock = threading.Lock()
        self._local = threading.local()
        self.operations: list[RawOperation] = []
        self.has_operations = False
        """Whether an operation ran in another thread, in a module or not."""

    @property
    def is_used(self) -> bool:
        """Return whether other threads computed."""
        return self.has_operations or bool(self.operations)

    def enter(self, module: nn.Module, args: Sequence[Any]) -> None:
        """Begin a call in the running thread."""
        running = vars(self._local).setdefault("running", [])
        running.append(id(module))
        if len(running) > 1:
            return
        with self._lock:
            call = self._stack.call_elsewhere(module)
            operation = RawOperation(call, "", self._sources(args), None, NO_FUNCTION)
            self._local.ref = len(self._all)
            self._all.append(operation)
            self.operations.append(operation)

    def leave(self, module: nn.Module, args: Any, keywords: Any, output: Any) -> None:
        """End a call in the running thread. The arguments count as they are now."""
        running = vars(self._local).get("running", [])
        if id(module) not in running:
            return
        del running[running.index(id(module)) :]
        if running:
            return
        ref = self._local.ref
        operation = self._all[ref]
        results = [tensor for _, tensor in tensors_with_paths(output)]
        with self._lock:
            given = self._sources([*args, *keywords.values()] if isinstance(keywords, Mapping) else args)
            operation.sources = [one for one in given if one < ref]
            operation.shape = results[0].shape if len(results) == 1 else None
            for tensor in results:
                self._producers.add_result(tensor, ref, is_fresh=self._producers.find(tensor) is None)

    def _sources(self, args: Any) -> list[int]:
        refs = [self._producers.find(tensor) for _, tensor in tensors_with_paths(args)]
        return list(dict.fromkeys(ref for ref in refs if ref is not None))


def place_thread_calls(
    operations: list[RawOperation], calls: Sequence[ModuleCall], found: Sequence[RawOperation]
) -> dict[int, int]:
    """Sort calls that ran side by side by their modules, whichever thread was first; return the new references."""
    threaded = set(map(id, found))
    if not threaded:
        return {}
    places: list[tuple[int, int, str]] = []
    levels: dict[int, int] = {}
    first = 0
    for index, operation in enumerate(operations):
        if id(operation) not in threaded:
            first = index + 1
            places.append((index, 0, ""))
            continue
        levels[index] = 1 + max((levels.get(ref, 0) for ref in operation.sources if ref >= first), default=0)
        places.append((first, levels[index], calls[operation.call].path))
    return reordered(operations, places)
