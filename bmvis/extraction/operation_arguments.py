"""Read the tensors in the arguments and results of operations, and their shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from bmvis.model.dataflow import Dims

_LISTS = (list, tuple)


def tensors_in(things: Iterable[Any]) -> list[torch.Tensor]:
    """Return the tensors in arguments or results, also those in lists."""
    found: list[torch.Tensor] = []
    for thing in things:
        if isinstance(thing, torch.Tensor):
            found.append(thing)
        elif isinstance(thing, _LISTS):
            found += tensors_in(thing)
    return found


def sizes(shape: Sequence[Any] | None) -> Dims | None:
    """Return a shape as numbers; None if they are not known."""
    try:
        return None if shape is None else tuple(map(int, shape))
    except (RuntimeError, TypeError, AttributeError):  # the last one: the lengths of a jagged tensor
        return None


def shape_of(tensor: torch.Tensor) -> Sequence[Any] | None:
    """Return the shape; its sizes can be symbols."""
    try:
        return tensor.shape
    except RuntimeError:  # a nested tensor has no `shape`
        return None
