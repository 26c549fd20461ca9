"""The operations of one call of a model, and which of them use the results of which others.

A reference to a value is a number: `i` is the result of operation `i`, and `-1 - i` is `Dataflow.values[i]`, which no
operation computes. Operations are in the order of the call, so a reference to an operation is to an earlier one.
Operations that no output depends on are left out, and so are those that depend on no value.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import msgspec

Dims = tuple[int, ...]


class FlowValue(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, array_like=True):
    """A tensor that the call starts with."""

    kind: Literal["input", "parameter", "buffer"]
    name: str
    """The name of the argument of the model, or of the tensor in its module."""
    path: str = ""
    """The path of the module that has the parameter or buffer."""
    shape: Dims | None = None


class ModuleCall(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, array_like=True):
    """One call of a module. The first one is the call of the model."""

    path: str
    parent: int = -1
    """The index of the call that makes it; -1 for the model."""


class FlowOperation(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, array_like=True):
    """An operation, or all operations of a call that makes no other calls."""

    call: int
    """The index of the innermost call that runs it."""
    name: str
    """What it does: `+`, `concat`, `attention`, `softmax`."""
    sources: tuple[int, ...] = ()
    """References to the values that it uses, each once."""
    shape: Dims | None = None
    """The shape of the result; None if there are several."""


class FlowResult(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, array_like=True):
    """An output of the model: one tensor, or several with one name."""

    name: str
    sources: tuple[int, ...]


class Dataflow(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """The record of one call of a model; see `bmvis.extraction.dataflow.dataflow_recorder`."""

    values: tuple[FlowValue, ...]
    calls: tuple[ModuleCall, ...]
    operations: tuple[FlowOperation, ...]
    results: tuple[FlowResult, ...]
    called_with: str = ""
    """The inputs: `input_ids: int64[1, 8]`."""
    unseen: tuple[str, ...] = ()
    """What the record does not have: `values that code reads as Python numbers or NumPy arrays in encoder`."""

    @cached_property
    def ranges(self) -> Sequence[tuple[int, int]]:
        """For each call, the first of its operations and the end; those of the calls that it makes are in between."""
        starts, ends = [len(self.operations)] * len(self.calls), [0] * len(self.calls)
        for index, operation in enumerate(self.operations):
            if not ends[operation.call]:
                starts[operation.call] = index
            ends[operation.call] = index + 1
        for call in range(len(self.calls) - 1, 0, -1):
            parent = self.calls[call].parent
            starts[parent] = min(starts[parent], starts[call])
            ends[parent] = max(ends[parent], ends[call])
        return list(zip(starts, ends, strict=True))
