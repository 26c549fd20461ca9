"""Name operations by the functions that code calls: PyTorch runs many functions as several operations.

For example, `cosine_similarity` runs norms, products and a sum. A function mode sees the function itself. The
operations of one call of a function become one, if the code uses the result of one of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence, Set
from typing import Any

import torch

from bmvis.extraction.dataflow.host_values import READERS, HostValues
from bmvis.extraction.dataflow.operation_names import LAYOUT, operation_name
from bmvis.extraction.dataflow.raw_operations import NO_FUNCTION, FunctionCall, RawOperation
from bmvis.extraction.meta_device.meta_failures import FailureLog
from bmvis.extraction.meta_device.watched_device import WatchedDevice

_ACCESSORS = frozenset(("__get__", "__set__"))
"""Names of what reads and sets the attributes of tensors, such as `tensor.T`."""
_DATA: Any = torch.Tensor.data


class FunctionNames(WatchedDevice):
    """Notes which function of PyTorch runs an operation. Functions that it calls itself are not seen.

    Args:
        operations: the operations that the call has run so far.
        set_data: is called with a tensor whose attribute `data` was set, and the value.
        host: records the values that code reads.
        read_as_array: as of `WatchedDevice`.
        log: as of `WatchedDevice`.
    """

    def __init__(
        self,
        operations: Sequence[RawOperation],
        set_data: Callable[[torch.Tensor, torch.Tensor], None],
        host: HostValues,
        read_as_array: Callable[[torch.Tensor], None],
        log: FailureLog | None = None,
    ) -> None:
        super().__init__(read_as_array, log)
        self.operations = operations
        self.set_data = set_data
        self.host = host

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        start = len(self.operations)
        if func in self.constructors and (kwargs is None or kwargs.get("device") is None):
            kwargs = {**(kwargs or {}), "device": self.device}
        if self.host.reads:
            self.host.enter(args, kwargs)
        result = self.run(func, args, kwargs or {}, sys._getframe(1))
        if func in READERS:
            self.host.add(args[0], result)
        if len(self.operations) > start:
            call = FunctionCall(func)
            for one in self.operations[start:]:
                one.function = one.function or call
        elif getattr(func, "__self__", None) is _DATA and func.__name__ == "__set__":
            self.set_data(*args)
        return result


def merge_functions(
    operations: Sequence[RawOperation], calls: Set[int], needed: Sequence[bool], results: Set[int]
) -> bool:
    """Name the operations of some calls of modules by their functions; return whether some were merged.

    Those of one call of a function become the one whose result is used. If there are several, such as those that write
    to parts of a tensor, each one stays.
    """
    groups = _groups(operations, calls, needed)
    group_of = {index: group for group in groups for index in group}
    used = {ref for ref in results if ref in group_of}
    for index, operation in enumerate(operations if groups else ()):
        if needed[index]:
            own = group_of.get(index)
            used.update(ref for ref in operation.sources if ref in group_of and group_of[ref] is not own)
    has_merged = False
    for group in groups:
        ends = [index for index in group if index in used]
        if len(ends) == 1:
            _merge(operations, group, ends[0])
            has_merged = True
    return has_merged


def _groups(operations: Sequence[RawOperation], calls: Set[int], needed: Sequence[bool]) -> list[list[int]]:
    """Name operations by their functions, and return those of each function that runs several."""
    groups: list[list[int]] = []
    group: list[int] = []
    before: tuple[object, int] = (None, -1)
    for index, operation in enumerate(operations):
        if operation.function in (None, NO_FUNCTION) or not needed[index] or operation.call not in calls:
            continue
        if operation.name not in LAYOUT:
            operation.name = name_of_function(operation) or operation.name
        if operation.function is before[0] and operation.call == before[1]:
            group.append(index)
            if len(group) == 2:
                groups.append(group)
        else:
            group, before = [index], (operation.function, operation.call)
    return groups


def _merge(operations: Sequence[RawOperation], group: Sequence[int], end: int) -> None:
    """Give an operation the sources of those of its group that it depends on."""
    sources: dict[int, None] = {}
    waiting, merged = [end], {end}
    names = []
    while waiting:
        operation = operations[waiting.pop()]
        names.append(operation.name)
        inside = [ref for ref in operation.sources if ref in group]
        waiting += [ref for ref in reversed(inside) if ref not in merged]
        merged.update(inside)
        sources.update(dict.fromkeys(ref for ref in operation.sources if ref not in group))
    operations[end].sources = list(sources)
    operations[end].name = next((name for name in names if name not in LAYOUT), operations[end].name)


def name_of_function(operation: RawOperation) -> str:
    """Return the word for the function of an operation.

    Returns:
        The word; '' if the function is not known, or only reads an attribute of a tensor, such as `tensor.T`.
    """
    name = getattr(operation.function.function, "__name__", "") if operation.function else ""
    return "" if name in _ACCESSORS else operation_name(name.partition(".")[0])  # `mix.default` of a custom operation
