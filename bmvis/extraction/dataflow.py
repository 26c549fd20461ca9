"""Record which operation of a call uses the results of which others.

The hooks and the dispatch mode of `bmvis.extraction.forward` report calls of modules and operations to a recorder. It
finds the producer of a tensor by identity. For a tensor that something has written to, also through a view, the
producer is the last operation that wrote to its part of the storage (`bmvis.extraction.writes`).
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch

from bmvis.extraction.call_stack import CallStack
from bmvis.extraction.modules import LiveModel
from bmvis.extraction.operation_names import operation_name
from bmvis.extraction.regions import region_of
from bmvis.extraction.writes import StorageWrites
from bmvis.model.dataflow import Dims, FlowValue

_SHAPE_ONLY = ("new_", "empty", "zeros", "ones", "full", "rand", "arange")
"""Beginnings of the names of operations whose results do not depend on the values of their arguments."""
_COMBINING = frozenset(("+", "−", "×", "concat", "stack"))
"""Operations that use the weight of an embedding as a value."""


_LISTS = (list, tuple)


class RawOperation:
    """An operation under construction. `sources` are references as in `bmvis.model.dataflow`."""

    __slots__ = ("call", "name", "shape", "sources")

    def __init__(self, call: int, name: str, sources: list[int], shape: Sequence[Any] | None) -> None:
        self.call = call
        self.name = name
        self.sources = sources
        self.shape = shape


class _Traits(NamedTuple):
    """What the schema of an operation shows about its results."""

    name: str
    is_view: bool
    is_constant: bool
    written: tuple[int | str, ...]
    """Positions or names of the arguments that it writes to. It does not read those with a name, such as `out`."""


class DataflowRecorder:
    """The values, calls and operations of one call of a model."""

    def __init__(self, live: LiveModel) -> None:
        self.stack = CallStack(live)
        self.values: list[FlowValue] = []
        self.operations: list[RawOperation] = []
        self._producers: dict[int, tuple[Any, int]] = {}
        """For the `id` of a tensor, a weak reference to it, and its producer."""
        self._storages: dict[int | None, int | None] = {}
        """For a storage, the operation that created it."""
        self._written: dict[int | None, StorageWrites] = {}
        """The storages that operations have written to in place."""
        self._held: list[Any] = []
        """Weak references to the storages. While one exists, no other storage can get the same address."""
        self._owners: dict[int, tuple[str, ...]] = {}
        """For the reference of a parameter or buffer, the paths of the modules that have it."""
        self.passed: dict[tuple[int, int], int] = {}
        """For a parameter and the call that passes it on, the operation that reads it."""
        self._traits: dict[Any, _Traits] = {}
        self._register_tensors(live)

    def _register_tensors(self, live: LiveModel) -> None:
        for kind, each in (("parameter", live.parameters), ("buffer", live.buffers)):
            known: dict[int, int] = {}
            for place, tensors in zip(live.places, each, strict=True):
                for name, tensor in tensors:
                    path, full_name = self.stack.owner(place[2], name)
                    if id(tensor) in known:
                        self._owners[known[id(tensor)]] += (path,)
                        continue
                    known[id(tensor)] = ref = self._add_value(tensor, FlowValue(kind, full_name, path))  # type: ignore[arg-type]
                    self._owners[ref] = (path,)

    def _add_value(self, tensor: torch.Tensor, value: FlowValue) -> int:
        self.values.append(value)
        ref = -len(self.values)
        self._producers[id(tensor)] = (weakref.ref(tensor), ref)
        storage = _storage(tensor)
        if storage is not None and storage._cdata not in self._storages:
            self._set_storage(storage, ref)
        return ref

    def add_input(self, name: str, tensor: torch.Tensor) -> None:
        """Record an argument of the call."""
        self._add_value(tensor, FlowValue("input", name, "", sizes(_shape(tensor))))

    def producer(self, tensor: torch.Tensor) -> int | None:
        """Return a reference to the value of a tensor; None if it depends on nothing."""
        return self._value_of(tensor, self._creator(tensor))

    def _creator(self, tensor: torch.Tensor) -> int | None:
        """Return a reference to what produced a tensor, or else its storage, regardless of later writes."""
        known = self._producers.get(id(tensor))
        if known is not None and known[0]() is tensor:
            return known[1]
        return self._storages.get(_key(tensor))

    def _value_of(self, tensor: torch.Tensor, own: int | None) -> int | None:
        """Return a reference to the value of a tensor that `own` has produced."""
        if not self._written:
            return own
        writes = self._written.get(_key(tensor))
        if writes is None or (own is not None and own > writes.time):
            return own
        return writes.read(region_of(tensor), own)

    def observe(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any], result: Any) -> None:
        """Record an operation that has run."""
        traits = self._traits.get(func) or self._traits.setdefault(func, _traits(func))
        results = (result,) if isinstance(result, torch.Tensor) else tensors_in((result,))
        if traits.is_view and self._written and self._viewed(args, results):
            return
        sources = [] if traits.is_constant else self._sources(traits, args, kwargs)
        if traits.is_view and len(sources) == 1 and sources[0] < 0:
            for tensor in results:
                self._producers[id(tensor)] = (weakref.ref(tensor), sources[0])
            return
        ref = self._add(traits, sources, results) if sources else None
        for place in traits.written:
            written = args[place] if isinstance(place, int) and place < len(args) else kwargs.get(str(place))
            for tensor in tensors_in((written,)):
                self._wrote(tensor, ref)
        if traits.written and ref is None:
            return
        is_fresh = not traits.is_view and not traits.written
        for tensor in results:
            own = ref
            if ref is not None and tensor is not results[0]:
                own = self._append(RawOperation(self.operations[ref].call, "item", [ref], _shape(tensor)))
            self._produced(tensor, own, is_fresh=is_fresh)

    def _viewed(self, args: Sequence[Any], results: Sequence[torch.Tensor]) -> bool:
        """Record views of a storage that operations have written to: what uses a view depends on its own part."""
        base = next(iter(tensors_in(args)), None)
        writes = None if base is None else self._written.get(_key(base))
        if base is None or writes is None:
            return False
        own = self._creator(base)
        if own is not None and own > writes.time:
            return False
        for tensor in results:
            self._produced(tensor, own, is_fresh=False)
        return True

    def _sources(self, traits: _Traits, args: Sequence[Any], kwargs: dict[str, Any]) -> list[int]:
        found: dict[int, None] = {}
        arguments = args[1:] if traits.name == "copy_" else args
        if kwargs:
            arguments = (*arguments, *(value for name, value in kwargs.items() if name not in traits.written))
        for tensor in tensors_in(arguments):
            ref = self.producer(tensor)
            if ref is None or (ref < 0 and not self._counts(ref)):
                continue
            found[ref] = None
        return list(found)

    def _counts(self, ref: int) -> bool:
        """Return whether a value counts as a source: a buffer only in a call of the module that has it."""
        return self.values[-1 - ref].kind != "buffer" or self.stack.path in self._owners[ref]

    def _add(self, traits: _Traits, sources: list[int], results: Sequence[torch.Tensor]) -> int:
        call = self.stack.call
        shape = _shape(results[0]) if results else None
        if min(sources) >= 0:
            return self._append(RawOperation(call, operation_name(traits.name), sources, shape))
        sources = self._with_passed(traits, sources)
        foreign = {ref: path for ref in sources if (path := self._foreign_owner(ref)) is not None}
        if len(set(foreign.values())) > 1:  # weights of several modules are combined, such as those of an ensemble
            sources = [self._read(ref, foreign[ref]) if ref in foreign else ref for ref in sources]
        elif foreign:
            # Code calls `module.forward` directly, or uses `other.weight`: the operation is that of the owner.
            call = self.stack.implied_call(next(iter(foreign.values())), self.operations)
        return self._append(RawOperation(call, operation_name(traits.name), sources, shape))

    def _with_passed(self, traits: _Traits, sources: list[int]) -> list[int]:
        """Return the sources with operations that read the parameters that the running module gets as values.

        They are those of a module around it or elsewhere. If it uses own weights too, so are those of its submodules.
        """
        weights = [ref for ref in sources if ref < 0 and self._weight_owners(ref)]
        holders = {ref: self.stack.holder(self._owners[ref]) for ref in weights}
        here = self.stack.call
        if not holders or all(holder == here for holder in holders.values()):
            return sources
        are_operands = here in holders.values()
        combines = operation_name(traits.name) in _COMBINING
        found = []
        for ref in sources:
            holder = holders.get(ref, here)
            if holder is None:
                path = self.stack.nearest(self._owners[ref])
                is_value = are_operands or self.stack.is_outside(path) or (combines and self.stack.is_table(path))
                found.append(self._passed(ref, None) if is_value else ref)
            else:
                found.append(ref if holder == here else self._passed(ref, holder))
        return found

    def _passed(self, ref: int, holder: int | None) -> int:
        """Return the operation that reads a parameter for a call that gets it as a value."""
        path = "" if holder is not None else self.stack.nearest(self._owners[ref])
        around = self.stack.call_around(path) if holder is None else holder
        if (ref, around) not in self.passed:
            call = self.stack.add_call(path, around) if holder is None else holder
            self.passed[ref, around] = self._append(RawOperation(call, "", [ref], None))
        return self.passed[ref, around]

    def _weight_owners(self, ref: int) -> tuple[str, ...]:
        """Return the paths of the modules that have a parameter; none if the value is none."""
        return self._owners.get(ref, ()) if self.values[-1 - ref].kind == "parameter" else ()

    def _foreign_owner(self, ref: int) -> str | None:
        """Return the path of the module that has a parameter if its code does not run; else None."""
        owners = self._weight_owners(ref) if ref < 0 else ()
        return self.stack.nearest(owners) if owners and self.stack.holder(owners) is None else None

    def _read(self, ref: int, path: str) -> int:
        """Add an operation for a module whose parameter other code uses."""
        call = self.stack.implied_call(path, self.operations)
        return self._append(RawOperation(call, "alias", [ref], None))

    def _append(self, operation: RawOperation) -> int:
        self.operations.append(operation)
        return len(self.operations) - 1

    def _produced(self, tensor: torch.Tensor, ref: int | None, *, is_fresh: bool) -> None:
        if ref is None:
            self._producers.pop(id(tensor), None)
        else:
            self._producers[id(tensor)] = (weakref.ref(tensor), ref)
        if is_fresh and (storage := _storage(tensor)) is not None:
            self._set_storage(storage, ref)

    def _wrote(self, tensor: torch.Tensor, ref: int | None) -> None:
        self._produced(tensor, ref, is_fresh=False)
        storage = _storage(tensor)
        if storage is None:
            return
        key = storage._cdata
        if key not in self._storages:
            self._set_storage(storage, None)
        writes = self._written.get(key)
        if writes is None:
            base = self._storages[key]
            base = base if base is None or base >= 0 or self._counts(base) else None
            writes = self._written[key] = StorageWrites(base, storage.nbytes())
        if _is_whole(tensor):
            writes.replace(region_of(tensor), ref, len(self.operations) - 1)
        else:
            writes.add(region_of(tensor), ref, self._join, lambda: len(self.operations) - 1)

    def _join(self, refs: Sequence[int]) -> int:
        """Add an operation for a tensor whose parts have different values."""
        return self._append(RawOperation(self.stack.call, "assign", list(refs), None))

    def _set_storage(self, storage: torch.UntypedStorage, ref: int | None) -> None:
        key = storage._cdata
        if key not in self._storages:
            self._held.append(storage._weak_ref())
        self._storages[key] = ref

    def close(self) -> None:
        """Release the storages of the call."""
        while self._held:
            torch.UntypedStorage._free_weak_ref(self._held.pop())  # type: ignore[no-untyped-call]


def _traits(func: Any) -> _Traits:
    schema = getattr(func, "_schema", None)
    if schema is None:  # a higher-order operator
        return _Traits(getattr(func, "__name__", ""), False, False, ())
    name = schema.name.rpartition("::")[2]
    written: list[int | str] = []
    for position, argument in enumerate(schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            written.append(argument.name if argument.kwarg_only else position)
    is_view = not written and any(out.alias_info is not None for out in schema.returns)
    is_constant = name.startswith(_SHAPE_ONLY) or name in ("fill_", "zero_", "normal_", "uniform_")
    return _Traits(name, is_view, is_constant and not is_view, tuple(written))


def tensors_in(things: Iterable[Any]) -> list[torch.Tensor]:
    """Return the tensors in arguments or results, also those in lists."""
    found: list[torch.Tensor] = []
    for thing in things:
        if isinstance(thing, torch.Tensor):
            found.append(thing)
        elif isinstance(thing, _LISTS):
            found += tensors_in(thing)
    return found


def _key(tensor: torch.Tensor) -> int | None:
    """Return what identifies the storage of a tensor while it exists; None if it has none."""
    storage = _storage(tensor)
    return None if storage is None else storage._cdata


def _storage(tensor: torch.Tensor) -> torch.UntypedStorage | None:
    try:
        return tensor.untyped_storage() if tensor.layout is torch.strided else None
    except (RuntimeError, NotImplementedError):  # a tensor subclass without storage
        return None


def sizes(shape: Sequence[Any] | None) -> Dims | None:
    """Return a shape as numbers; None if they are not known."""
    try:
        return None if shape is None else tuple(map(int, shape))
    except (RuntimeError, TypeError):
        return None


def _is_whole(tensor: torch.Tensor) -> bool:
    """Return whether a tensor covers its storage, so that a write to it leaves nothing of the values before."""
    try:
        return tensor.numel() * tensor.element_size() == tensor.untyped_storage().nbytes()
    except (RuntimeError, NotImplementedError):
        return False


def _shape(tensor: torch.Tensor) -> Sequence[Any] | None:
    """Return the shape; its sizes can be symbols."""
    try:
        return tensor.shape
    except RuntimeError:  # a nested tensor has no `shape`
        return None
