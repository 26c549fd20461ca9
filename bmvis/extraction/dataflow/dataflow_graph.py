"""Convert what a recorder has seen to a `Dataflow`: without what no output depends on, and shorter.

All operations of a call that makes no other calls become one, because no figure shows them apart, and so do those of
one function. An operation that only one other one uses, and that has no other source, is merged with it if both are in
the same call.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from bmvis.extraction.dataflow.dataflow_recorder import DataflowRecorder
from bmvis.extraction.dataflow.functions import merge_functions, name_of_function
from bmvis.extraction.dataflow.operation_names import LAYOUT
from bmvis.extraction.dataflow.passed_weights import place_reads
from bmvis.extraction.dataflow.raw_operations import RawOperation
from bmvis.extraction.dataflow.split_calls import join_split_calls
from bmvis.extraction.dataflow.thread_calls import UNSEEN, place_thread_calls
from bmvis.extraction.operation_arguments import sizes
from bmvis.extraction.outputs import Located, distinct_names, tensors_in_objects, tensors_with_paths
from bmvis.model.dataflow import Dataflow, FlowOperation, FlowResult, ModuleCall

MAX_RESULTS = 8
"""Maximum number of unnamed outputs that have an output of their own in a figure."""


def record_inputs(recorder: DataflowRecorder, model: Any, positional: Sequence[Any], named: Mapping[str, Any]) -> str:
    """Record the tensors in the arguments of the call. Return a description of them."""
    texts = []
    located: list[Located] = []
    for name, argument in _arguments(model, positional, named):
        found = list(_tensors_of(name, argument))
        located += found
        if found:
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            texts.append(f"{name}: {_described(found[0][1])}{more}")
    names = distinct_names([path for path, _ in located])
    for path, tensor in located:
        recorder.add_input(names[path], tensor)
    return "; ".join(texts)


def _tensors_of(name: str, argument: Any) -> Iterator[Located]:
    """Yield the tensors in an argument, also those in classes that are registered with PyTorch's trees."""
    met: set[int] = set()
    for path, tensor in tensors_with_paths(argument):
        met.add(id(tensor))
        yield (name, *path), tensor
    for leaf in tree_leaves(argument):
        if isinstance(leaf, torch.Tensor) and id(leaf) not in met:
            yield (name,), leaf


def _described(tensor: torch.Tensor) -> str:
    try:
        return f"{str(tensor.dtype).removeprefix('torch.')}{list(map(int, tensor.shape))}"
    except (RuntimeError, TypeError):
        return str(tensor.dtype).removeprefix("torch.")


def _arguments(model: Any, positional: Sequence[Any], named: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the arguments with the names that `forward` gives them."""
    try:
        parameters = inspect.signature(model.forward).parameters.values()
        names = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    except (TypeError, ValueError, AttributeError):
        names = []
    for index, argument in enumerate(positional):
        yield (names[index] if index < len(names) else f"input {index + 1}"), argument
    yield from named.items()


def to_dataflow(recorder: DataflowRecorder, output: Any, called_with: str) -> Dataflow:
    """Return the record of a call that has returned `output`."""
    results = _results(recorder, output)
    for move in (place_reads, join_split_calls, _place_thread_calls):
        moved = move(recorder)
        results = {name: [moved.get(ref, ref) for ref in refs] for name, refs in results.items()}
    operations = recorder.operations
    _forget_constants(recorder)
    needed = _needed(operations, results)
    returned = {ref for refs in results.values() for ref in refs}
    running = {operation.call for operation, is_needed in zip(operations, needed, strict=True) if is_needed}
    outer = _calls_with_calls(recorder.stack.calls, running)
    if merge_functions(operations, outer, needed, returned):
        needed = _needed(operations, results)
    _merge_leaf_calls(recorder, outer, needed, returned)
    merged = _merge_chains(operations, _needed(operations, results), returned)
    return _renumbered(recorder, results, merged, called_with)


def _place_thread_calls(recorder: DataflowRecorder) -> dict[int, int]:
    return place_thread_calls(recorder.operations, recorder.stack.calls, recorder.threads.operations)


def _results(recorder: DataflowRecorder, output: Any) -> dict[str, list[int]]:
    """Return the references to the outputs, by name."""
    found = list(tensors_with_paths(output)) or list(tensors_in_objects(output))
    names = distinct_names([path for path, _ in found])
    unnamed = sum(not path for path, _ in found)
    results: dict[str, list[int]] = {}
    position = 0
    for path, tensor in found:
        name = names[path]
        position += not name
        if not name:
            name = "output" if unnamed == 1 or unnamed > MAX_RESULTS else f"output {position}"
        ref = recorder.producer(tensor)
        if ref is not None:
            results.setdefault(name, []).append(ref)
    if not results:  # numbers or arrays
        results["output"] = recorder.host.references(list(output.values()) if isinstance(output, Mapping) else output)
    return {name: refs for name, refs in results.items() if refs}


def _forget_constants(recorder: DataflowRecorder) -> None:
    """Remove the sources that depend on no input, parameter or buffer."""
    constant: set[int] = set()
    for index, operation in enumerate(recorder.operations):
        if not constant.isdisjoint(operation.sources):
            operation.sources = [ref for ref in operation.sources if ref not in constant]
        if not operation.sources:
            constant.add(index)


def _needed(operations: Sequence[RawOperation], results: Mapping[str, Iterable[int]]) -> list[bool]:
    """Return for each operation whether an output depends on it, and it depends on a value."""
    needed = [False] * len(operations)
    for refs in results.values():
        for ref in refs:
            if ref >= 0:
                needed[ref] = bool(operations[ref].sources)
    for index in range(len(operations) - 1, -1, -1):
        if needed[index]:
            for ref in operations[index].sources:
                if ref >= 0:
                    needed[ref] = True
    return needed


def _merge_leaf_calls(recorder: DataflowRecorder, outer: Set[int], needed: Sequence[bool], results: set[int]) -> None:
    """Give all sources of a call that is not in `outer` to the first of its operations that something else uses.

    The others that something else uses depend on that one. They have the names of their functions: which operations
    `linear` runs depends on the layout of its input.
    """
    operations = recorder.operations
    sources: dict[int, dict[int, None]] = {}
    used = set(results)
    for operation, is_needed in zip(operations, needed, strict=True):
        if not is_needed:
            continue
        outside = [ref for ref in operation.sources if ref < 0 or operations[ref].call != operation.call]
        used.update(outside)
        own = sources.setdefault(operation.call, {})
        weights = [ref for ref in (*own, *outside) if ref < 0 and recorder.values[-1 - ref].kind != "input"]
        own.update(dict.fromkeys(ref for ref in outside if ref not in weights[1:]))  # one weight is enough
    first: dict[int, int] = {}
    for index, operation in enumerate(operations):
        if needed[index] and index in used and operation.call not in outer:
            start = first.setdefault(operation.call, index)
            operation.sources = list(sources[operation.call]) if start == index else [start]
            operation.name = name_of_function(operation) or operation.name


def _calls_with_calls(calls: Sequence[ModuleCall], running: Iterable[int]) -> set[int]:
    """Return the calls that make one of the given calls, also indirectly."""
    found: set[int] = set()
    for call in running:
        parent = calls[call].parent
        while parent >= 0 and parent not in found:
            found.add(parent)
            parent = calls[parent].parent
    return found


def _merge_chains(operations: Sequence[RawOperation], needed: Sequence[bool], results: set[int]) -> dict[int, int]:
    """Merge operations with their only source, and return the operation that each one is merged with."""
    uses = [0] * len(operations)
    for ref in (*results, *(ref for one, used in zip(operations, needed, strict=True) if used for ref in one.sources)):
        if ref >= 0:
            uses[ref] += 1
    merged: dict[int, int] = {}
    for index, operation in enumerate(operations):
        if not needed[index]:
            continue
        if len(operation.sources) > 1 or operation.sources[0] in merged:
            operation.sources = list(dict.fromkeys([merged.get(ref, ref) for ref in operation.sources]))
        source = operation.sources[0]
        if len(operation.sources) > 1 or source < 0 or uses[source] > 1:
            continue
        before = operations[source]
        if before.call == operation.call and (
            before.name in LAYOUT or operation.name in LAYOUT or before.name == operation.name == "attention"
        ):
            merged[index] = source
            before.name = operation.name if before.name in LAYOUT else before.name
            before.shape = operation.shape
            uses[source] = uses[index]
    return merged


def _renumbered(
    recorder: DataflowRecorder, results: Mapping[str, Iterable[int]], merged: Mapping[int, int], called_with: str
) -> Dataflow:
    """Return the record with consecutive numbers of the operations, calls and values that are used."""
    refs = {name: list(dict.fromkeys(merged.get(ref, ref) for ref in each)) for name, each in results.items()}
    needed = _needed(recorder.operations, refs)
    kept = [index for index, is_needed in enumerate(needed) if is_needed and index not in merged]
    used = [ref for index in kept for ref in recorder.operations[index].sources if ref < 0]
    used += [ref for each in refs.values() for ref in each if ref < 0]
    number = {index: position for position, index in enumerate(kept)}
    values = _ordered_values(recorder, used)
    number |= {ref: -1 - position for position, ref in enumerate(values)}
    calls, call_of = _nested_calls(recorder.stack.calls, [recorder.operations[index].call for index in kept])
    return Dataflow(
        tuple(recorder.values[-1 - ref] for ref in values),
        calls,
        tuple(
            FlowOperation(call, one.name, tuple(number[ref] for ref in one.sources), sizes(one.shape))
            for call, one in zip(call_of, map(recorder.operations.__getitem__, kept), strict=True)
        ),
        tuple(
            FlowResult(name, sources)
            for name, each in refs.items()
            if (sources := tuple(number[ref] for ref in each if ref in number))
        ),
        called_with,
        tuple(
            filter(
                None, (recorder.host.note, UNSEEN if recorder.threads.is_used else "", *dict.fromkeys(recorder.unseen))
            )
        ),
    )


def _ordered_values(recorder: DataflowRecorder, used: Iterable[int]) -> list[int]:
    """Return values in the order of their first use, inputs first."""
    first = list(dict.fromkeys(used))
    return sorted(first, key=lambda ref: recorder.values[-1 - ref].kind != "input")


def _nested_calls(calls: Sequence[ModuleCall], running: Sequence[int]) -> tuple[tuple[ModuleCall, ...], list[int]]:
    """Return the calls of operations and those around them, and the call of each operation.

    Calls are numbered in the order of their first operations, and each one has consecutive operations: a call that
    goes on after another one is two calls.
    """
    found = [ModuleCall(calls[0].path)]
    open_calls, numbers = [0], [0]
    call_of = []
    for call in running:
        if call == open_calls[-1]:
            call_of.append(numbers[-1])
            continue
        chain = [call]
        while chain[-1] > 0:
            chain.append(calls[chain[-1]].parent)
        chain.reverse()
        common = 0
        for one, other in zip(chain, open_calls, strict=False):
            if one != other:
                break
            common += 1
        del open_calls[common:], numbers[common:]
        for inner in chain[common:]:
            found.append(ModuleCall(calls[inner].path, numbers[-1]))
            open_calls.append(inner)
            numbers.append(len(found) - 1)
        call_of.append(numbers[-1])
    return tuple(found), call_of
