"""What operations have written to a storage in place, and which of them a tensor that uses the storage depends on.

Code can fill a tensor part by part, `out[:, :4] = a(x)`, or change a part through a view. A tensor that covers one part
depends on the write to that part, and the whole depends on all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from bmvis.extraction.dataflow.storage_regions import StorageRegion, relation

_MAX_PARTS = 128
"""Maximum number of parts that are distinguished in a storage."""
Join = Callable[[Sequence[int]], int]
"""Adds an operation that combines values, and returns a reference to it."""


class _WrittenPart(NamedTuple):
    """A part of a storage as one operation left it."""

    region: StorageRegion | None
    ref: int | None
    """The operation; None if it wrote what depends on nothing."""
    time: int
    """The last operation when the part was written."""


class StorageWrites:
    """The parts of one storage that operations have written to.

    Args:
        base: the value that the storage had before.
        size: its number of bytes.
    """

    def __init__(self, base: int | None, size: int) -> None:
        self._base = base
        self._size = size
        self._parts: list[_WrittenPart] = []
        self._are_apart = True
        """Whether no two of the parts have bytes in common."""
        self._written: int | None = None
        """The value of all parts together."""
        self._content: int | None = base
        """The value of the whole storage: that of all parts, with the value before if they do not cover it."""

    def read(self, region: StorageRegion | None, own: int | None) -> int | None:
        """Return what a part of the storage depends on; `own` is what produced the tensor that covers it."""
        for part in reversed(self._parts):
            if own is not None and own > part.time:
                return own
            found = relation(region, part.region)
            if found == "inside":
                return part.ref
            if found == "overlapping":
                return self._content
        return own

    @property
    def time(self) -> int:
        """Return the last operation when a part was written. A value that is newer needs no `read`."""
        return self._parts[-1].time if self._parts else -1

    def replace(self, region: StorageRegion | None, ref: int | None, time: int) -> None:
        """Record an operation that wrote to the whole storage."""
        self._parts = [_WrittenPart(region, ref, time)]
        self._base, self._written, self._content, self._are_apart = None, ref, ref, True

    def add(self, region: StorageRegion | None, ref: int | None, join: Join, time: Callable[[], int]) -> None:
        """Record an operation that wrote to a part of the storage."""
        found = [(part, relation(part.region, region)) for part in self._parts]
        kept = [part for part, how in found if how != "inside"]
        if len(kept) < len(found):
            refs = [part.ref for part in kept if part.ref is not None]
            self._written = join(refs) if len(refs) > 1 else next(iter(refs), None)
        self._are_apart = self._are_apart and region is not None and all(how != "overlapping" for _, how in found)
        self._written = _joined(self._written, ref, join)
        self._parts = [*kept, _WrittenPart(region, ref, -1)]
        if self._are_apart and sum(_bytes(part.region) for part in self._parts) == self._size:
            self._base = None
        self._content = _joined(self._base, self._written, join)
        self._parts[-1] = _WrittenPart(region, ref, time())
        if len(self._parts) > _MAX_PARTS:
            self._parts, self._are_apart = [_WrittenPart(None, self._content, time())], False


def _joined(one: int | None, other: int | None, join: Join) -> int | None:
    if one is None or other is None or one == other:
        return one if other is None else other
    return join((one, other))


def _bytes(region: StorageRegion | None) -> int:
    """Return the number of bytes in a region; 0 if it is not known."""
    if region is None:
        return 0
    size = 1
    for _, count in region.steps:
        size *= count
    return size
