"""Find which value of the dataflow a tensor has, and so which operation produced it.

A tensor is known by its identity, or else by its storage. Where something has written to the storage, also through a
view, the producer is the last operation that wrote to the tensor's part of it (`bmvis.extraction.dataflow.writes`).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch

from bmvis.extraction.dataflow.storage_regions import region_of
from bmvis.extraction.dataflow.writes import Join, StorageWrites


class Producers:
    """The producers of the tensors of one call, as references in `bmvis.model.dataflow`.

    Args:
        is_source: whether a value counts as a source of the operation that reads it now.
        join: adds an operation that combines values.
        last: returns a reference to the last operation.
    """

    def __init__(self, is_source: Callable[[int], bool], join: Join, last: Callable[[], int]) -> None:
        self._is_source = is_source
        self._join = join
        self._last = last
        self._known: dict[int, tuple[Any, int]] = {}
        """For the `id` of a tensor, a weak reference to it, and its producer."""
        self._storages: dict[int | None, int | None] = {}
        """For a storage, the operation that created it."""
        self._written: dict[int | None, StorageWrites] = {}
        """The storages that operations have written to in place."""
        self._latest = -1
        """The last operation when a storage was written to: values that are newer are as the operation left them."""
        self._storage_references: list[Any] = []
        """Weak references to the storages. While one exists, no other storage can get the same address."""

    @property
    def has_writes(self) -> bool:
        """Return whether operations have written to any storage in place."""
        return bool(self._written)

    def add_value(self, tensor: torch.Tensor, ref: int) -> None:
        """Record a tensor that no operation produced. A storage belongs to the first of its tensors."""
        self.set_alias(tensor, ref)
        storage = _storage(tensor)
        if storage is not None and storage._cdata not in self._storages:
            self._set_storage(storage, ref)

    def set_alias(self, tensor: torch.Tensor, ref: int) -> None:
        """Record that a tensor has a value, not its storage."""
        self._known[id(tensor)] = (weakref.ref(tensor), ref)

    def find(self, tensor: torch.Tensor) -> int | None:
        """Return a reference to the value of a tensor; None if it depends on nothing."""
        known = self._known.get(id(tensor))
        own = known[1] if known is not None and known[0]() is tensor else self._storages.get(storage_key(tensor))
        if not self._written or (own is not None and own > self._latest):
            return own
        writes = self._written.get(storage_key(tensor))
        if writes is None or (own is not None and own > writes.time):
            return own
        return writes.read(region_of(tensor), own)

    def _creator(self, tensor: torch.Tensor) -> int | None:
        """Return a reference to what produced a tensor, or else its storage, regardless of later writes."""
        known = self._known.get(id(tensor))
        if known is not None and known[0]() is tensor:
            return known[1]
        return self._storages.get(storage_key(tensor))

    def add_result(self, tensor: torch.Tensor, ref: int | None, *, is_fresh: bool) -> None:
        """Record the result of an operation; `is_fresh` if the operation created its storage."""
        if ref is None:
            self._known.pop(id(tensor), None)
        else:
            self.set_alias(tensor, ref)
        if is_fresh and (storage := _storage(tensor)) is not None:
            self._set_storage(storage, ref)

    def add_fresh(self, tensor: torch.Tensor, ref: int) -> None:
        """Record the result of an operation that created its storage. This is `add_result` in less time."""
        self._known[id(tensor)] = (weakref.ref(tensor), ref)
        try:
            storage = tensor.untyped_storage() if type(tensor) is torch.Tensor else _storage(tensor)
        except (RuntimeError, NotImplementedError):  # a sparse tensor
            return
        if storage is not None:
            self._set_storage(storage, ref)

    def add_views(self, base: torch.Tensor, views: Sequence[torch.Tensor]) -> bool:
        """Record views of a storage that operations have written to: what uses a view depends on its own part.

        Returns:
            Whether there are such writes. Without them, a view is an operation.
        """
        own = self._creator(base)
        if own is not None and own > self._latest:
            return False
        writes = self._written.get(storage_key(base))
        if writes is None or (own is not None and own > writes.time):
            return False
        for tensor in views:
            self.add_result(tensor, own, is_fresh=False)
        return True

    def add_write(self, tensor: torch.Tensor, ref: int | None) -> None:
        """Record that an operation has written to a tensor in place; None if it wrote what depends on nothing."""
        self.add_result(tensor, ref, is_fresh=False)
        storage = _storage(tensor)
        if storage is None:
            return
        key = storage._cdata
        if key not in self._storages:
            self._set_storage(storage, None)
        writes = self._written.get(key)
        if writes is None:
            base = self._storages[key]
            base = base if base is None or base >= 0 or self._is_source(base) else None
            writes = self._written[key] = StorageWrites(base, storage.nbytes())
        if _is_whole(tensor):
            writes.replace(region_of(tensor), ref, self._last())
        else:
            writes.add(region_of(tensor), ref, self._join, self._last)
        self._latest = self._last()

    def _set_storage(self, storage: torch.UntypedStorage, ref: int | None) -> None:
        key = storage._cdata
        if key not in self._storages:
            self._storage_references.append(storage._weak_ref())
        self._storages[key] = ref

    def close(self) -> None:
        """Release the storages."""
        while self._storage_references:
            torch.UntypedStorage._free_weak_ref(self._storage_references.pop())  # type: ignore[no-untyped-call]


def storage_key(tensor: torch.Tensor) -> int | None:
    """Return what identifies the storage of a tensor while it exists; None if it has none."""
    storage = _storage(tensor)
    return None if storage is None else storage._cdata


def _storage(tensor: torch.Tensor) -> torch.UntypedStorage | None:
    try:
        return tensor.untyped_storage() if tensor.layout is torch.strided else None
    except (RuntimeError, NotImplementedError):  # a tensor subclass without storage
        return None


def _is_whole(tensor: torch.Tensor) -> bool:
    """Return whether a tensor covers its storage, so that a write to it leaves nothing of the values before."""
    try:
        return tensor.numel() * tensor.element_size() == tensor.untyped_storage().nbytes()
    except (RuntimeError, NotImplementedError):
        return False
