"""Follow values that a call reads out of tensors: as Python numbers, lists and NumPy arrays.

No operation shows what code computes with them. Where a tensor is made of exactly what was read, its source is known.
Else the record names the module that reads values, so that a figure without such connections does not look complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import torch

READERS = frozenset(
    getattr(torch.Tensor, name)
    for name in ("item", "tolist", "numpy", "__array__", "__float__", "__int__", "__index__")
)
"""Functions of tensors that return their values. `bool` is for control flow."""
FROM_HOST = "lift_fresh"
"""The operation that PyTorch runs for a tensor that is made of Python numbers or an array."""
_MAX_ITEMS = 10_000
"""Maximum number of items of one list that are followed."""
_MAX_PATHS = 3
"""Maximum number of modules that the note names."""


class _Read:
    """Values that were read."""

    __slots__ = ("is_count", "is_used", "path", "ref", "values")

    def __init__(self, path: str, ref: int, values: Any) -> None:
        self.path = path
        self.ref = ref
        self.values = values
        """The number, list or array. While it exists, nothing else has its identity or address."""
        self.is_count = isinstance(values, int)
        """Whether it can be a size or an index, which values do not depend on."""
        self.is_used = False


class HostValues:
    """The values that a call has read.

    Args:
        producer: returns a reference to the value of a tensor; None if it depends on nothing.
        path: returns the path of the module that runs.
    """

    def __init__(self, producer: Callable[[torch.Tensor], int | None], path: Callable[[], str]) -> None:
        self._producer = producer
        self._path = path
        self.reads: list[_Read] = []
        self._by_id: dict[int, _Read] = {}
        self._given: list[int] = []
        """References to the values that the running function gets as numbers, lists or arrays."""
        self._has_unknown = False
        """Whether a tensor was made of values that were not read."""

    def add(self, tensor: Any, values: Any) -> None:
        """Record that code reads the values of a tensor."""
        ref = self._producer(tensor) if isinstance(tensor, torch.Tensor) else None
        if ref is None or isinstance(values, bool):
            return
        read = _Read(self._path(), ref, values)
        self.reads.append(read)
        for value in islice(_items(values), _MAX_ITEMS):
            if not isinstance(value, int):  # small integers are the same object everywhere
                self._by_id[id(value)] = read

    def enter(self, args: Iterable[Any], kwargs: Mapping[str, Any] | None) -> None:
        """Note which values a function gets."""
        self._given = self.references((*args, *(kwargs or {}).values()))

    def references(self, things: Any) -> list[int]:
        """Return references to the values among numbers, lists and arrays, also in lists."""
        if not self.reads:
            return []
        found = [read for thing in islice(_items(things), _MAX_ITEMS) if (read := self._find(thing)) is not None]
        for read in found:
            read.is_used = True
        return list(dict.fromkeys(read.ref for read in found))

    def _find(self, thing: Any) -> _Read | None:
        if isinstance(thing, torch.Tensor):
            return None
        return self._by_id.get(id(thing)) or self._at(_address(thing))

    def _at(self, address: int | None) -> _Read | None:
        """Return the array that has the memory at an address."""
        if address is None:
            return None
        for read in self.reads:
            start = _address(read.values)
            if start is not None and start <= address < start + max(1, read.values.nbytes):
                return read
        return None

    def sources(self, operation: str, given: Sequence[torch.Tensor]) -> list[int]:
        """Return references to the values that the running operation gets as numbers or memory."""
        if operation != FROM_HOST or self._given:
            return self._given
        read = self._at(given[0].data_ptr()) if given and not given[0].is_meta else None
        if read is None:
            self._has_unknown = True
            return []
        read.is_used = True
        return [read.ref]

    @property
    def note(self) -> str:
        """Return which modules compute with values outside of PyTorch; '' if none does."""
        lost = [read for read in self.reads if not read.is_used and (self._has_unknown or not read.is_count)]
        if self._has_unknown and not lost:
            lost = self.reads
        paths = list(dict.fromkeys(read.path or "root" for read in lost))
        if not paths:
            return ""
        more = f" and {len(paths) - _MAX_PATHS} more" if len(paths) > _MAX_PATHS else ""
        names = ", ".join(paths[:_MAX_PATHS])
        return f"values that code reads as Python numbers or NumPy arrays in {names}{more}"


def _items(things: Any) -> Iterator[Any]:
    """Yield an object, and all that is in it if it is a list or tuple; without an end if a list contains itself."""
    open_lists = [iter((things,))]
    while open_lists:
        for thing in open_lists[-1]:
            yield thing
            if isinstance(thing, list | tuple):
                open_lists.append(iter(thing))
                break
        else:
            open_lists.pop()


def _address(thing: Any) -> int | None:
    """Return the address of the memory of a NumPy array; None for other objects."""
    if type(thing).__module__ != "numpy" or not hasattr(thing, "nbytes"):
        return None
    return int(thing.__array_interface__["data"][0])
