"""Read a live `nn.Module` into a tree. The model is only looked at: nothing in it changes."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple, TypeVar

import msgspec
import torch
from torch import nn

from bmvis.extraction import introspection, unregistered
from bmvis.extraction.active_parameters import active_parameters
from bmvis.extraction.adapters import Deltas, find_deltas
from bmvis.extraction.extra_repr import ExtraReprReader
from bmvis.extraction.lightning import missing_layers
from bmvis.extraction.packed_parameters import may_be_packed
from bmvis.extraction.state_code import StateCodeReader
from bmvis.extraction.tensors import Stored, may_pack, packed, stored
from bmvis.extraction.unregistered import find_unregistered
from bmvis.gc_pause import paused_gc
from bmvis.model.tree import Buffer, Model, Module, Parameter, join

_Record = TypeVar("_Record", Parameter, Buffer)
_Place = tuple[int, str, str, nn.Module, str | None, introspection.Tensors, introspection.Tensors]
"""Depth, name, path, module, the path of the first place where this is a later one, parameters and buffers."""
_MANGLED = re.compile(r"^__torch__\.|___torch_mangle_\d+\.")


class LiveModel(NamedTuple):
    """A live model and its tree, from one walk: optimizers and calls are read into the tree by these objects."""

    tree: Model
    places: Sequence[_Place]

    @property
    def modules(self) -> Sequence[nn.Module]:
        """Return the object at each place of the tree."""
        return [place[3] for place in self.places]

    @property
    def parameters(self) -> Sequence[introspection.Tensors]:
        """Return the parameters at each place, with their names."""
        return [place[5] for place in self.places]

    @property
    def buffers(self) -> Sequence[introspection.Tensors]:
        """Return the buffers at each place, with their names."""
        return [place[6] for place in self.places]

    @property
    def root(self) -> nn.Module:
        """Return the outermost module."""
        return self.places[0][3]


def capture(model: nn.Module) -> Model:
    """Return the structure of `model`: modules, parameters, buffers, ties and deltas.

    Identity is by object, never by data pointer: on the meta device all pointers are 0. Of the modules' own
    code `extra_repr` runs, of tensor subclasses' `__tensor_flatten__`; nothing else does.

    Args:
        model: any module; it may be in use.

    Raises:
        TypeError: `model` is not a `torch.nn.Module`.
    """
    return capture_live(model).tree


def capture_live(model: nn.Module) -> LiveModel:
    """Return the structure of `model` with the objects that it was read from; see `capture`.

    Raises:
        TypeError: `model` is not a `torch.nn.Module`.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"bmvis captures a torch.nn.Module, not {type(model).__name__}")
    with torch.no_grad(), torch._C.DisableTorchFunction(), paused_gc():
        places = list(walk(model))
        modules = _read(places)
        notes = (*map(unregistered.note, find_unregistered(_paths(places))), *missing_layers(_paths(places)))
        tree = Model(modules=modules, device=_device(places), notes=notes)
        active = active_parameters(tree, [place[3] for place in places])
        return LiveModel(msgspec.structs.replace(tree, active=active) if active else tree, places)


def _read(places: list[_Place]) -> tuple[Module, ...]:
    """Return the tree's modules. What the reader has looked up is as large as the tree, and is freed here."""
    reader = _Reader(find_deltas(list(_paths(places))), _find_ties(places))
    return tuple([reader.module(*place) for place in places])


def walk(root: nn.Module) -> Iterator[_Place]:
    """Yield every place of every module in preorder; a module met again is not entered again.

    Each module is looked at once: in a large model it is out of the processor's caches when one comes back to it.
    A stack of our own: `Module.named_modules` recurses, and fails on a model nested a thousand deep.
    """
    first_met: dict[int, str] = {}
    pending = [(0, "", "", root)]
    while pending:
        depth, name, path, module = pending.pop()
        children, parameters, buffers = introspection.contents(module)
        first = first_met.get(id(module))
        if first is not None:
            yield depth, name, path, module, first, parameters, buffers
            continue
        first_met[id(module)] = path
        yield depth, name, path, module, None, parameters, buffers
        if children:
            pending += [(depth + 1, n, join(path, n), child) for n, child in reversed(children)]


def _paths(places: list[_Place]) -> Iterator[tuple[str, nn.Module]]:
    """Yield each module with the path of its first place."""
    return ((path, module) for _, _, path, module, shared, *_ in places if shared is None)


class _Ties:
    """The tensors that stand in several places, by their ids, which hold as long as the places do."""

    def __init__(self) -> None:
        self.first: dict[int, str] = {}
        """State-dict key of the first place."""
        self.again: dict[int, list[str]] = {}
        """Those of the later ones."""


def _find_ties(places: list[_Place]) -> _Ties:
    """Meet all parameters, then all buffers: a parameter is never tied to a buffer, for that has no count."""
    ties = _Ties()
    met: dict[int, tuple[str, str]] = {}
    for path, tensors in chain([(place[2], place[5]) for place in places], [(place[2], place[6]) for place in places]):
        for name, tensor in tensors:
            here = (path, name)
            first = met.setdefault(id(tensor), here)
            if first is not here:
                ties.first[id(tensor)] = join(*first)
                ties.again.setdefault(id(tensor), []).append(join(*here))
    return ties


class _Reader:
    """Makes the tree's records; equal parameters are one record, so wide models stay small."""

    def __init__(self, deltas: Deltas, ties: _Ties) -> None:
        self.deltas = deltas
        self.ties = ties
        self.told = ties.again.keys() | deltas.keys()
        """Ids of the tensors of which more is told than they say themselves."""
        self.extra_reprs = ExtraReprReader()
        self.state_codes = StateCodeReader()
        self.seen: dict[Parameter | Buffer, Parameter | Buffer] = {}
        self.names: dict[type, tuple[str, str, str]] = {}
        self.plain: dict[Hashable, Parameter] = {}
        """Records of parameters that are not tied, packed or deltas, by what is told of them."""
        self.rows: dict[tuple[int, ...], tuple[Parameter, ...]] = {}
        """The parameters of a module, by the ids of their records."""

    def module(
        self,
        depth: int,
        name: str,
        path: str,
        module: nn.Module,
        shared_with: str | None,
        parameters: introspection.Tensors,
        buffers: introspection.Tensors,
    ) -> Module:
        type_, package, qualname = self.class_names(module)
        return Module(
            name=name,
            depth=depth,
            type=type_,
            package=package,
            qualname=qualname if qualname != type_ else "",
            parameters=self.parameters(path, module, parameters, buffers),
            buffers=self.buffers(path, module, buffers) if buffers else (),
            extra_repr=self.extra_reprs.read(module),
            shared_with=shared_with,
            state_code=self.state_codes.read(module),
        )

    def class_names(self, module: nn.Module) -> tuple[str, str, str]:
        """Return the name, package and qualified name of the module's class."""
        cls = type(module)
        known = self.names.get(cls)
        if known is None:
            if introspection.class_module(cls).startswith("torch.jit"):
                return _compiled_class(module) or _class(cls)
            known = self.names[cls] = _class(_unparametrized(cls))
        return known

    def parameters(
        self, path: str, module: nn.Module, parameters: introspection.Tensors, buffers: introspection.Tensors
    ) -> tuple[Parameter, ...]:
        """Return a module's parameters and what it packs away; modules that are alike share one tuple."""
        records = [self.parameter(name, path, parameter, module) for name, parameter in parameters]
        if may_pack(module, buffers):
            records += [self.packed(name, form, device) for name, form, device in packed(module)]
        return self.rows.setdefault(tuple(map(id, records)), tuple(records)) if records else ()

    def parameter(self, name: str, path: str, parameter: torch.Tensor, holder: nn.Module) -> Parameter:
        if type(parameter) is not nn.Parameter or id(parameter) in self.told or parameter.layout is not torch.strided:
            return self._one(self.described(name, path, parameter, holder))
        try:
            key = (name, parameter.shape, parameter.dtype, parameter.requires_grad, parameter.device)
        except RuntimeError:  # a nested tensor has no shape to be asked for
            return self._one(self.described(name, path, parameter, holder))
        if may_be_packed(parameter):
            return self._one(self.described(name, path, parameter, holder))
        record = self.plain.get(key)
        if record is None:
            record = self._one(self.described(name, path, parameter, holder))
            if not record.quantization:
                self.plain[key] = record
        return record

    def described(self, name: str, path: str, parameter: torch.Tensor, holder: nn.Module) -> Parameter:
        adapter = self.deltas.get(id(parameter))
        form = stored(parameter, holder)
        tied_to, tied_by = self.ends(name, path, parameter)
        return Parameter(
            name=name,
            shape=form.shape,
            dtype=form.dtype,
            count=form.count,
            stored_bytes=form.stored_bytes,
            trainable=parameter.requires_grad,
            delta=adapter is not None,
            adapter=adapter or "",
            quantization=form.quantization,
            device=str(parameter.device),
            tied_to=tied_to,
            tied_by=tied_by,
        )

    def packed(self, name: str, form: Stored, device: str) -> Parameter:
        """Return a weight that a quantised module packs away: it never trains."""
        record = Parameter(
            name=name,
            shape=form.shape,
            dtype=form.dtype,
            count=form.count,
            stored_bytes=form.stored_bytes,
            trainable=False,
            quantization=form.quantization,
            device=device,
        )
        return self._one(record)

    def buffers(self, path: str, module: nn.Module, buffers: introspection.Tensors) -> tuple[Buffer, ...]:
        """Return a module's buffers."""
        unsaved = introspection.non_persistent(module)
        return tuple([self.buffer(name, path, buffer, module, name not in unsaved) for name, buffer in buffers])

    def buffer(self, name: str, path: str, buffer: torch.Tensor, holder: nn.Module, persistent: bool) -> Buffer:
        form = stored(buffer, holder)
        record = Buffer(
            name=name,
            shape=form.shape,
            dtype=form.dtype,
            stored_bytes=form.stored_bytes,
            persistent=persistent,
            device=str(buffer.device),
            tied_to=self.ends(name, path, buffer)[0],
        )
        return self._one(record)

    def ends(self, name: str, path: str, tensor: torch.Tensor) -> tuple[str, tuple[str, ...]]:
        """Return the key under which a tensor is first met, at later places; and those of the later places, there."""
        first, key = self.ties.first.get(id(tensor)), join(path, name)
        if first is None:
            return "", ()
        return ("", tuple(self.ties.again[id(tensor)])) if first == key else (first, ())

    def _one(self, record: _Record) -> _Record:
        return self.seen.setdefault(record, record)  # type: ignore[return-value]  # equal records are of one type


def _class(cls: type) -> tuple[str, str, str]:
    """Return the name, package and qualified name of a class."""
    return (
        introspection.safe_text(cls.__name__),
        introspection.safe_text(introspection.class_module(cls)),
        introspection.safe_text(cls.__qualname__),
    )


def _unparametrized(cls: type) -> type:
    """Return the class that `torch.nn.utils.parametrize` derived a class from."""
    is_derived = introspection.class_module(cls) == "torch.nn.utils.parametrize"
    return cls.__bases__[0] if is_derived and cls.__name__ == f"Parametrized{cls.__bases__[0].__name__}" else cls


def _compiled_class(module: nn.Module) -> tuple[str, str, str] | None:
    """Return the names of the class that a TorchScript module was compiled from."""
    script = introspection.attribute(module, "_c")
    if script is None:
        return None
    package, _, name = _MANGLED.sub("", script._type().qualified_name()).rpartition(".")
    return introspection.safe_text(name), introspection.safe_text(package), introspection.safe_text(name)


def _device(places: list[_Place]) -> str:
    first = next((parameter for place in places for _, parameter in place[5]), None)
    return "cpu" if first is None else str(first.device)
