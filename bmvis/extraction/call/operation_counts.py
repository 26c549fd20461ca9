"""Count the multiply-accumulates and the new bytes of each operation of a call.

`bmvis.extraction.call.macs` has the formulas.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch._ops import HigherOrderOperator
from torch.utils._python_dispatch import TorchDispatchMode

from bmvis.extraction.call import macs
from bmvis.extraction.call.call_recorder import Recorder
from bmvis.extraction.meta_device import meta_kernels
from bmvis.extraction.operation_arguments import tensors_in


class _Kind(NamedTuple):
    """What the trace needs to know about an operation."""

    operation: Any
    formula: macs.Formula | None
    uncounted: str
    is_size_query: bool = False
    is_composite: bool = False
    """Whether it consists of operations that are counted instead."""


def _kind(operation: Any) -> _Kind:
    formula = macs.formula_of(operation)
    uncounted = "" if formula else macs.uncounted_name(operation)
    if macs.is_size_query(operation):
        return _Kind(operation, None, "", is_size_query=True)
    if isinstance(operation, HigherOrderOperator) or operation is torch.ops.prim.device.default:
        return _Kind(operation, formula, uncounted)
    key = torch._C.DispatchKey.CompositeImplicitAutograd
    is_composite = key in operation.py_kernels or torch._C._dispatch_has_kernel_for_dispatch_key(operation.name(), key)
    return _Kind(
        operation,
        formula,
        uncounted,
        is_composite=is_composite and formula is None,
    )


class OperationCounts(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own
    """Counts the multiply-accumulates (a multiply and an add are one) and the new bytes of each operation."""

    supports_higher_order_operators = True

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.recorder = recorder
        self._kinds: dict[int, _Kind] = {}
        """By the `id` of an operation, whose hash takes longer."""

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if isinstance(func, HigherOrderOperator):
            return self._higher_order(func, args, kwargs)
        kind = self._kinds.get(id(func)) or self._kinds.setdefault(id(func), _kind(func))
        if kind.is_size_query:
            return NotImplemented
        if any(map(_is_jagged, types)):
            with _PartsOfNested(self):
                result = func(*args, **kwargs)
            self._count(kind._replace(formula=None, uncounted=""), args, kwargs, result)
            return result
        if kind.is_composite and not _has_nested(args):
            with self:
                return func.decompose(*args, **kwargs)
        if kind.formula and _has_nested(args):
            kind = kind._replace(formula=None, uncounted=func._overloadpacket._qualified_op_name)
        result = meta_kernels.run(func, args, kwargs)
        self._count(kind, args, kwargs, result)
        return result

    def part(self, mode: TorchDispatchMode, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run an operation on the values of a nested tensor, and add its costs. The model has no such operation."""
        kind = self._kinds.get(id(func)) or self._kinds.setdefault(id(func), _kind(func))
        is_nested = _has_nested(args)
        if kind.is_composite and not is_nested:
            with mode:
                return func.decompose(*args, **kwargs)
        result = func(*args, **kwargs)
        formula = None if is_nested else kind.formula
        counted = formula(*args, out=_main(result), **kwargs) if formula else 0
        with torch._C.DisableTorchFunction():
            missed = func._overloadpacket._qualified_op_name if kind.formula and is_nested else kind.uncounted
            self.recorder.computed(counted, 0, missed)
        return result

    def _higher_order(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run an operator that takes functions. For `cond`, count the operations of the branch that runs.

        The first argument of `out_dtype` is the operation that it runs, and the second one a data type.
        """
        if func is torch.ops.higher_order.cond:
            return self._branch(*args)
        called = self._calls()
        result = func(*args, **kwargs)
        if self.recorder.dataflow and self._calls() > called:  # the modes do not see what these modules compute
            self.recorder.dataflow.unseen.append(f"operations inside {func.name()}")
        if func is torch.ops.higher_order.out_dtype:
            self._count(_kind(args[0]), args[2:], kwargs, result)
            return result
        self._count(_kind(func), args, kwargs, result)
        return result

    def _calls(self) -> int:
        """Return the number of module calls that have begun."""
        return len(self.recorder.dataflow.stack.calls) if self.recorder.dataflow else 0

    def _branch(self, predicate: Any, if_true: Any, if_false: Any, operands: Sequence[Any]) -> Any:
        """Run a branch of `torch.cond`. On meta the predicate has no value: both run, and only the first is counted."""
        is_unknown = getattr(predicate, "is_meta", False)
        with self:
            found = (if_true if is_unknown or bool(predicate) else if_false)(*operands)
        values = [predicate, found]
        if is_unknown:
            with self, self.recorder.not_counting():
                values.append(if_false(*operands))
        if self.recorder.dataflow:
            given = {id(tensor) for tensor in tensors_in(operands)}
            results = [tensor for tensor in tensors_in((found,)) if id(tensor) not in given]
            with torch._C.DisableTorchFunction():
                self.recorder.dataflow.observe(torch.ops.higher_order.cond, values, {}, tensors_in(values), results)
        return found

    def _count(self, kind: _Kind, args: Any, kwargs: dict[str, Any], result: Any) -> None:
        given = tensors_in((args, *kwargs.values()) if kwargs else args)
        counted, uncounted = _cost(kind, args, kwargs, result, given)
        made = [result] if isinstance(result, torch.Tensor) else tensors_in((result,))
        with torch._C.DisableTorchFunction():  # under `torch.device`, each query of a tensor would run a mode
            self.recorder.computed(counted, _new_bytes(made, given), uncounted)
            self.recorder.used(given)
            if self.recorder.dataflow:
                self.recorder.dataflow.observe(kind.operation, args, kwargs, given, made)


class _PartsOfNested(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own
    """Counts the operations on the values of a jagged tensor, which run inside the operations on the tensor."""

    supports_higher_order_operators = True

    def __init__(self, counts: OperationCounts) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._counts = counts

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if any(map(_is_jagged, types)):
            return NotImplemented
        return self._counts.part(self, func, args, kwargs or {})


def _cost(
    kind: _Kind, args: Sequence[Any], kwargs: dict[str, Any], result: Any, given: Sequence[torch.Tensor]
) -> tuple[int, str]:
    """Return the multiply-accumulates of an operation, and its name if they are not counted."""
    formula = kind.formula
    if (formula or kind.uncounted) and macs.has_sparse(given):
        counted = macs.sparse_macs(kind.operation, args)
        return counted or 0, macs.qualified_name(kind.operation) if counted is None else ""
    named = {name: value for name, value in kwargs.items() if name != "out"}
    return (formula(*args, out=_main(result), **named) if formula else 0), kind.uncounted


def _main(result: Any) -> Any:
    """Return the result of an operation, or the first one of several."""
    return result[0] if isinstance(result, tuple | list) and result else result


def _is_jagged(cls: type) -> bool:
    return cls.__module__ == "torch.nested._internal.nested_tensor"


def _has_nested(args: Iterable[Any]) -> bool:
    return any(tensor.is_nested for tensor in tensors_in(args))


def _new_bytes(made: Sequence[torch.Tensor], given: Sequence[torch.Tensor]) -> int:
    """Return the bytes of the tensors that an operation created. Those that were given and views do not count."""
    made = [leaf for leaf in made if leaf.layout == torch.strided]
    if not made:
        return 0
    known = {leaf.untyped_storage()._cdata for leaf in given if leaf.layout == torch.strided}
    return sum(leaf.numel() * leaf.element_size() for leaf in made if leaf.untyped_storage()._cdata not in known)
