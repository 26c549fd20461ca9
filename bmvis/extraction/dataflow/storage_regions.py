"""Which part of its storage a tensor covers, and whether two parts overlap.

Slices of one tensor have common strides, so each of them is a range of positions along each stride. Two slices are
disjoint if their ranges along one stride are. Where the strides do not fit, the parts count as overlapping.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal, NamedTuple

Relation = Literal["disjoint", "inside", "overlapping"]


class StorageRegion(NamedTuple):
    """A part of a storage, in bytes."""

    offset: int
    end: int
    steps: tuple[tuple[int, int], ...]
    """Strides and sizes of the dimensions with several elements, the largest stride first."""


def region_of(tensor: Any) -> StorageRegion | None:
    """Return the part of its storage that a tensor covers; None if that is not known."""
    try:
        width = tensor.element_size()
        offset = tensor.storage_offset() * width
        pairs = zip(tensor.stride(), tensor.shape, strict=True)
        steps = [(int(stride) * width, int(size)) for stride, size in pairs if size != 1 and stride]
    except (RuntimeError, NotImplementedError, TypeError):  # a tensor subclass, or sizes that are symbols
        return None
    steps.append((1, width))
    end = offset + sum(stride * (size - 1) for stride, size in steps) + 1
    return StorageRegion(offset, end, tuple(sorted(steps, reverse=True)))


def relation(one: StorageRegion | None, other: StorageRegion | None) -> Relation:
    """Return how the bytes of `one` relate to those of `other`.

    Returns:
        "disjoint" if they have no byte in common, "inside" if all bytes of `one` belong to `other`; "overlapping"
        otherwise, and if this is not known.
    """
    if one is None or other is None:
        return "overlapping"
    if one.end <= other.offset or other.end <= one.offset:
        return "disjoint"
    if one == other:
        return "inside"
    strides = sorted({stride for stride, _ in (*one.steps, *other.steps)}, reverse=True)
    if any(above % below for above, below in pairwise(strides)):
        return "overlapping"
    here, there = _ranges(one, strides), _ranges(other, strides)
    if here is None or there is None:
        return "overlapping"
    pairs = list(zip(here, there, strict=True))
    if any(a.stop <= b.start or b.stop <= a.start for a, b in pairs):
        return "disjoint"
    return "inside" if all(b.start <= a.start and a.stop <= b.stop for a, b in pairs) else "overlapping"


def _ranges(region: StorageRegion, strides: list[int]) -> list[range] | None:
    """Return the range of positions along each stride; None if the region is not a product of ranges."""
    sizes = dict(region.steps)
    if len(sizes) != len(region.steps):  # two dimensions with one stride, such as the windows of `unfold`
        return None
    found: list[range] = []
    rest = region.offset
    carried = 1
    for index in range(len(strides) - 1, -1, -1):
        stride = strides[index]
        size = sizes.get(stride, 1)
        if carried > 1 and size > 1:
            return None
        size *= carried
        carried = 1
        start, wrap = rest // stride, None
        if index:
            wrap = strides[index - 1] // stride
            start %= wrap
            rest -= start * stride
            if start == 0 and size > wrap and size % wrap == 0:
                carried, size = size // wrap, wrap
            if start + size > wrap:
                return None
        found.append(range(start, start + size))
    return found
