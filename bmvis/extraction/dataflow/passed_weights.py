"""Parameters that are passed to a module as values, by a module around it or from another one.

Examples are the latents of a Perceiver, and the weight of an embedding that is normalized. Each one has an operation
that reads it. It comes before the call that it is passed to, so that each call keeps consecutive operations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bmvis.extraction.dataflow.dataflow_recorder import DataflowRecorder
from bmvis.extraction.dataflow.raw_operations import RawOperation, reordered
from bmvis.model.dataflow import ModuleCall


def place_reads(recorder: DataflowRecorder) -> dict[int, int]:
    """Move the operations that read passed parameters, and return the new reference of each operation; {} if none is.

    An operation that uses such a parameter in the module that passes it, uses what the operation has read.
    """
    reads = {index: around for (_, around), index in recorder.passed.items()}
    if not reads:
        return {}
    operations, calls = recorder.operations, recorder.stack.calls
    _move_out_of_called(recorder, reads)
    for (ref, around), index in recorder.passed.items():
        for operation in operations:
            if operation.call == around and ref in operation.sources and operation is not operations[index]:
                operation.sources = [index if source == ref else source for source in operation.sources]
    first = _first_operations(operations, calls, reads)
    places: dict[int, int] = {}
    for at, operation in enumerate(operations):
        for source in operation.sources:
            if source in reads:
                used = at if operation.call == reads[source] else first[_below(operation.call, reads[source], calls)]
                places[source] = min(places.get(source, at), used)
    return reordered(operations, [(places.get(index, index), index not in reads) for index in range(len(operations))])


def _move_out_of_called(recorder: DataflowRecorder, reads: Mapping[int, int]) -> None:
    """Move the reads of a module that is called too into the code around it, so that they do not look like calls."""
    operations, calls = recorder.operations, recorder.stack.calls
    called = {operation.call for index, operation in enumerate(operations) if index not in reads}
    paths = {calls[call].path for call in called}
    for index, around in reads.items():
        if calls[operations[index].call].path in paths:
            operations[index].call = around


def _first_operations(
    operations: Sequence[RawOperation], calls: Sequence[ModuleCall], reads: dict[int, int]
) -> dict[int, int]:
    """Return the first operation of each call, also of those that it makes."""
    first: dict[int, int] = {}
    for index, operation in enumerate(operations):
        call = -1 if index in reads else operation.call
        while call >= 0 and call not in first:
            first[call] = index
            call = calls[call].parent
    return first


def _below(call: int, around: int, calls: Sequence[ModuleCall]) -> int:
    """Return the call around `call`, or itself, that `around` makes."""
    while calls[call].parent not in (around, -1):
        call = calls[call].parent
    return call
