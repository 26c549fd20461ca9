"""Read the tensors of what a module returns, whatever holds them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import torch

from bmvis.extraction import introspection
from bmvis.model.tree import Output

MAX_OUTPUTS = 32
"""Tensors of one output that are noted."""
MAX_NESTING = 8
"""Levels of lists and dictionaries in an output that are looked into."""


def read_outputs(output: Any) -> tuple[Output, ...]:
    """Return the tensors of an output: those of dictionaries, named tuples and data classes with their names."""
    return tuple(islice(_tensors_of(output, "", MAX_NESTING), MAX_OUTPUTS))


def _tensors_of(output: Any, name: str, levels: int) -> Iterator[Output]:
    """Yield each tensor with the innermost name above it. A tensor that is met again is an output again."""
    if isinstance(output, torch.Tensor):
        yield Output(name, tuple(map(int, output.shape)))
        return
    if not levels:
        return
    for key, value in _fields(output):
        yield from _tensors_of(value, introspection.safe_text(str(key)) if key is not None else name, levels - 1)


def _fields(output: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the parts of an output with their names; None for the items of a tuple or list."""
    if isinstance(output, Mapping):
        yield from output.items()
    elif isinstance(output, tuple) and (names := getattr(output, "_fields", ())):
        yield from zip(names, output, strict=False)
    elif isinstance(output, tuple | list):
        yield from ((None, value) for value in output)
    elif dataclasses.is_dataclass(output) and not isinstance(output, type):
        yield from vars(output).items()
