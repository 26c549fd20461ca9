"""Record which operation of a call uses the results of which others.

The hooks and the dispatch mode of `bmvis.extraction.call.forward` report calls of modules and operations to a
recorder. It finds the operations that produced the arguments (`producers.py`), and the call that an operation is in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from bmvis.extraction.dataflow.call_stack import CallStack
from bmvis.extraction.dataflow.host_values import HostValues
from bmvis.extraction.dataflow.operation_traits import COPIES, OperationTraits, traits_of
from bmvis.extraction.dataflow.producers import Producers, storage_key
from bmvis.extraction.dataflow.raw_operations import NO_FUNCTION, RawOperation, WeightPart, are_apart
from bmvis.extraction.dataflow.storage_regions import region_of
from bmvis.extraction.dataflow.tensor_owners import TensorOwners
from bmvis.extraction.dataflow.thread_calls import ThreadCalls
from bmvis.extraction.modules import LiveModel
from bmvis.extraction.operation_arguments import shape_of, sizes, tensors_in
from bmvis.model.dataflow import FlowValue

_COMBINING = frozenset(("+", "−", "×", "concat", "stack"))
"""Operations that use the weight of an embedding as a value."""


class DataflowRecorder:
    """The values, calls and operations of one call of a model."""

    def __init__(self, live: LiveModel) -> None:
        self.stack = CallStack(live)
        self.values: list[FlowValue] = []
        self.operations: list[RawOperation] = []
        self._owners = TensorOwners(self.stack)
        self._producers = Producers(self._owners.is_source, self._join, lambda: len(self.operations) - 1)
        self.producer = self._producers.find
        """Returns a reference to the value of a tensor; None if it depends on nothing."""
        self.host = HostValues(self.producer, lambda: self.stack.path)
        self.unseen: list[str] = []
        """What the record does not have."""
        self.threads = ThreadCalls(self.stack, self._producers, self.operations)
        self.passed: dict[tuple[int, int], int] = {}
        """For a parameter and the call that passes it on, the operation that reads it."""
        self._passing: dict[tuple[str, int], int] = {}
        """For a module and the call that passes its parameters on, the call that reads them."""
        self.parts: dict[int, list[WeightPart]] = {}
        """For each call of a module that other code makes of its weights, the parts that it uses with values."""
        self._copies: set[int | None] = set()
        """The storages of copies of parameters."""
        self._traits: dict[int, OperationTraits] = {}
        """By the `id` of an operation, whose hash takes longer. PyTorch keeps its operations."""
        self._register_tensors(live)

    def _register_tensors(self, live: LiveModel) -> None:
        for kind, each in (("parameter", live.parameters), ("buffer", live.buffers)):
            known: dict[int, int] = {}
            for occurrence, tensors in zip(live.occurrences, each, strict=True):
                is_used_here = self.stack.uses_own_tensors(occurrence.path)
                for name, tensor in tensors:
                    path, full_name = occurrence.path, name
                    if not is_used_here:
                        path, full_name = self.stack.owner(path, name)
                    if id(tensor) in known:
                        self._owners.paths[known[id(tensor)]] += (path,)
                        continue
                    known[id(tensor)] = ref = self._add_value(tensor, FlowValue(kind, full_name, path))  # type: ignore[arg-type]
                    self._owners.paths[ref] = (path,)
                    if kind == "parameter":
                        self._owners.parameters.add(ref)

    def _add_value(self, tensor: torch.Tensor, value: FlowValue) -> int:
        self.values.append(value)
        ref = -len(self.values)
        self._producers.add_value(tensor, ref)
        return ref

    def add_input(self, name: str, tensor: torch.Tensor) -> None:
        """Record an argument of the call."""
        self._add_value(tensor, FlowValue("input", name, "", sizes(shape_of(tensor))))

    def observe(
        self,
        func: Any,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        given: Sequence[torch.Tensor],
        results: Sequence[torch.Tensor],
    ) -> None:
        """Record an operation that has run. `given` are all tensors in its arguments."""
        traits = self._traits.get(id(func)) or self._traits.setdefault(id(func), traits_of(func))
        if traits.is_view and self._producers.has_writes and given and self._producers.add_views(given[0], results):
            self._add_views_of_other_calls(traits, results)
            return
        if traits.overwritten:
            read = (*enumerate(args), *kwargs.items())
            given = tensors_in([value for place, value in read if place not in traits.overwritten])
        sources = [] if traits.is_constant else self._sources(given)
        if self.host.reads:
            sources += [ref for ref in self.host.sources(traits.name, given) if ref not in sources]
        if traits.is_plain and len(results) == 1 and self._owners.are_plain(sources):
            self.operations.append(RawOperation(self.stack.call, traits.name, sources, shape_of(results[0])))
            self._producers.add_fresh(results[0], len(self.operations) - 1)
            return
        has_values = bool(sources) and min(sources) < 0
        if has_values and len(sources) == 1 and self._is_alias(traits, sources[0]):
            self._add_aliases(traits, results, sources[0])
            return
        owners = self._owners
        is_of_weights = bool(sources and (has_values or owners.of_weights)) and all(map(owners.is_of_weights, sources))
        written = _written(traits, args, kwargs) if traits.written else []
        if is_of_weights and written and all(self.producer(tensor) in owners.parameters for tensor in written):
            return  # such as a moving average: what uses the parameter still depends on the parameter alone
        ref = self._add(traits, sources, results, None if is_of_weights else given) if sources else None
        if is_of_weights and ref is not None:
            owners.of_weights[ref] = owners.parameters_behind(sources)
        for tensor in written:
            self._producers.add_write(tensor, ref)
        if not traits.written or ref is not None:
            self._add_results(results, ref, is_fresh=not traits.is_view and not traits.written)

    def _add_views_of_other_calls(self, traits: OperationTraits, views: Sequence[torch.Tensor]) -> None:
        """Add an operation for each view of what another call wrote: a module can consist of one, such as `Flatten`."""
        for tensor in views:
            ref = self.producer(tensor)
            if ref is None or ref < 0 or ref in self._owners.of_weights:
                continue
            if self.operations[ref].call != self.stack.call:
                one = RawOperation(self.stack.call, traits.name, [ref], shape_of(tensor))
                self._producers.set_alias(tensor, self._append(one))

    def _add_results(self, results: Sequence[torch.Tensor], ref: int | None, *, is_fresh: bool) -> None:
        for tensor in results:
            own = ref
            if ref is not None and tensor is not results[0]:
                own = self._append(RawOperation(self.operations[ref].call, "item", [ref], shape_of(tensor)))
            self._producers.add_result(tensor, own, is_fresh=is_fresh)

    def _sources(self, tensors: Sequence[torch.Tensor]) -> list[int]:
        found: list[int] = []
        for tensor in tensors:
            ref = self.producer(tensor)
            if ref is not None and ref not in found and (ref >= 0 or self._owners.is_source(ref)):
                found.append(ref)
        return found

    def _is_alias(self, traits: OperationTraits, ref: int) -> bool:
        """Return whether an operation makes a view of a value, or a copy of a parameter for code outside its module."""
        return traits.is_view or (traits.name in COPIES and self._owners.foreign_owner(ref) is not None)

    def _add_aliases(self, traits: OperationTraits, results: Sequence[torch.Tensor], ref: int) -> None:
        for tensor in results:
            if traits.is_view:
                self._producers.set_alias(tensor, ref)
            else:
                self._producers.add_value(tensor, ref)
                self._copies.add(storage_key(tensor))

    def _parts(self, given: Sequence[torch.Tensor]) -> list[WeightPart]:
        """Return the parts of parameters among the arguments of an operation. The part behind a copy is not known."""
        found = []
        for tensor in given:
            ref = self.producer(tensor)
            if ref is not None and ref in self._owners.parameters:
                found.append(WeightPart(ref, None if storage_key(tensor) in self._copies else region_of(tensor)))
        return found

    def _add(
        self,
        traits: OperationTraits,
        sources: list[int],
        results: Sequence[torch.Tensor],
        given: Sequence[torch.Tensor] | None,
    ) -> int:
        call = self.stack.call
        shape = shape_of(results[0]) if results else None
        if self._owners.has_of_weights(sources):
            sources = self._with_own_weights(sources)
        if min(sources) >= 0:
            return self._append(RawOperation(call, traits.name, sources, shape))
        sources = self._with_passed(traits, sources)
        foreign = {ref: path for ref in sources if (path := self._owners.foreign_owner(ref)) is not None}
        if len(set(foreign.values())) > 1:  # weights of several modules are combined, such as those of an ensemble
            sources = [self._read(ref, foreign[ref]) if ref in foreign else ref for ref in sources]
        elif foreign:
            # Code calls `module.forward` directly, or uses `other.weight`: the operation is that of the owner.
            call = self._call_of_owner(next(iter(foreign.values())), self._parts(given) if given else [])
        return self._append(RawOperation(call, traits.name, sources, shape))

    def _with_own_weights(self, sources: list[int]) -> list[int]:
        """Return the sources with parameters of the running module in place of what code around it made of them.

        An example are the weights that `torch.func.functional_call` sets.
        """
        found: list[int] = []
        for ref in sources:
            is_around = ref >= 0 and self.operations[ref].call != self.stack.call
            found += (is_around and self._owners.own_parameters_behind(ref)) or (ref,)
        return found

    def _call_of_owner(self, path: str, parts: list[WeightPart]) -> int:
        """Return the call of a module whose `forward` runs without hooks, or whose parameters other code uses."""
        frame = self.stack.forward_frame(path)
        call = self.stack.implied_call(
            path, self.operations, frame, lambda last: are_apart(self.parts.get(last, ()), parts)
        )
        if frame is None:
            self.parts.setdefault(call, []).extend(parts)
        return call

    def _with_passed(self, traits: OperationTraits, sources: list[int]) -> list[int]:
        """Return the sources with operations that read the parameters that the running module gets as values.

        They are those of a module around it or elsewhere. If it uses own weights too, so are those of its submodules.
        """
        holders = self._owners.holders(sources)
        here = self.stack.call
        if not holders or all(holder == here for holder in holders.values()):
            return sources
        are_operands = here in holders.values()
        combines = traits.name in _COMBINING
        found = []
        for ref in sources:
            holder = holders.get(ref, here)
            if holder is None:
                path = self._owners.nearest(ref)
                is_value = are_operands or self.stack.is_outside(path) or (combines and self.stack.is_table(path))
                found.append(self._passed(ref, None) if is_value else ref)
            else:
                found.append(ref if holder == here else self._passed(ref, holder))
        return found

    def _passed(self, ref: int, holder: int | None) -> int:
        """Return the operation that reads a parameter for a call that gets it as a value."""
        path = "" if holder is not None else self._owners.nearest(ref)
        around = self.stack.call_around(path) if holder is None else holder
        if (ref, around) not in self.passed:
            call = holder
            if call is None:
                call = self._passing.setdefault((path, around), len(self.stack.calls))
                if call == len(self.stack.calls):
                    self.stack.add_call(path, around)
            self.passed[ref, around] = self._append(RawOperation(call, "", [ref], None, NO_FUNCTION))
        return self.passed[ref, around]

    def set_data(self, tensor: torch.Tensor, other: torch.Tensor) -> None:
        """Record `tensor.data = other`, which no operation shows. What uses a parameter still depends on that."""
        ref = self.producer(other)
        if ref is not None and self.producer(tensor) not in self._owners.parameters:
            self._producers.set_alias(tensor, ref)

    def _read(self, ref: int, path: str) -> int:
        """Add an operation for a module whose parameter other code uses."""
        call = self._call_of_owner(path, [])
        return self._append(RawOperation(call, "alias", [ref], None, NO_FUNCTION))

    def _append(self, operation: RawOperation) -> int:
        self.operations.append(operation)
        return len(self.operations) - 1

    def _join(self, refs: Sequence[int]) -> int:
        """Add an operation for a tensor whose parts have different values."""
        return self._append(RawOperation(self.stack.call, "assign", list(refs), None, NO_FUNCTION))

    def close(self) -> None:
        """Release the storages and frames of the call."""
        self.stack.close()
        self._producers.close()


def _written(traits: OperationTraits, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[torch.Tensor]:
    """Return the tensors that an operation writes to."""
    places = traits.written
    return tensors_in([value for place, value in (*enumerate(args), *kwargs.items()) if place in places])
