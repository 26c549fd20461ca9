"""Sizes that changed from one model to another: of tensors, and the numbers of modules in a container."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bmvis.comparison.tensor_changes import tensors_of
from bmvis.model.tree import Model, Module


def resized(before: Model, after: Model, now: Mapping[int, int]) -> frozenset[tuple[str, str]]:
    """Return pairs of sizes before and after, as text. A setting that changed in this way only repeats the size.

    Args:
        before: the model before.
        after: the model now.
        now: the index in `after` of each module of `before` that is still there.
    """
    found: set[tuple[int, int]] = set()
    for old, new in now.items():
        was, is_now = before.modules[old], after.modules[new]
        if was.parameters is not is_now.parameters or was.buffers:
            found.update(_pairs(was, is_now))
        found.add((len(before.children[old]), len(after.children[new])))
    return frozenset((str(was), str(is_now)) for was, is_now in found if was != is_now)


def _pairs(old: Module, new: Module) -> Iterator[tuple[int, int]]:
    shapes = {tensor.name: tensor.shape for tensor in tensors_of(old)}
    for tensor in tensors_of(new):
        was = shapes.get(tensor.name)
        if was is not None and tensor.shape is not None and len(was) == len(tensor.shape):
            yield from zip(was, tensor.shape, strict=True)
