"""Read a live `nn.Module` into a tree. The model is only looked at: nothing in it changes."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from typing import TypeVar

import torch
from torch import nn

from bmvis import slots
from bmvis.collecting import uncollected
from bmvis.delta import Deltas, find_deltas
from bmvis.said import Listener
from bmvis.storage import Stored, may_pack, packed, stored
from bmvis.tree import Buffer, Model, Module, Parameter, join

_Record = TypeVar("_Record", Parameter, Buffer)
_Place = tuple[int, str, str, nn.Module, str | None]
"""Depth, name, path, module, and the path of the first place where this is a later one."""
_Tensors = list[tuple[str, torch.Tensor]]
_MANGLED = re.compile(r"^__torch__\.|___torch_mangle_\d+\.")


def capture(model: nn.Module) -> Model:
    """Return the structure of `model`: modules, parameters, buffers, ties and deltas.

    Identity is by object, never by data pointer: on the meta device all pointers are 0. Of the modules' own
    code `extra_repr` runs, of tensor subclasses' `__tensor_flatten__`; nothing else does.

    Raises:
        TypeError: `model` is no `torch.nn.Module`.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"bmvis captures a torch.nn.Module, not {type(model).__name__}")
    with torch.no_grad(), torch._C.DisableTorchFunction(), uncollected():
        places = list(walk(model))
        deltas = find_deltas([(path, module) for _, _, path, module, shared in places if shared is None])
        tensors = [(slots.parameters(module), slots.buffers(module)) for _, _, _, module, _ in places]
        reader = _Reader(deltas, _find_ties(places, tensors))
        modules = tuple(reader.module(*place, *held) for place, held in zip(places, tensors, strict=True))
        return Model(modules=modules, device=_device(places))


def walk(root: nn.Module) -> Iterator[_Place]:
    """Yield every place of every module in preorder; a module met again is not entered again.

    A stack of our own: `Module.named_modules` recurses, and fails on a model nested a thousand deep.
    """
    first_met: dict[int, str] = {}
    pending = [(0, "", "", root)]
    while pending:
        depth, name, path, module = pending.pop()
        shared_with = first_met.get(id(module))
        if shared_with is not None:
            yield depth, name, path, module, shared_with
            continue
        first_met[id(module)] = path
        yield depth, name, path, module, None
        pending += [(depth + 1, n, join(path, n), child) for n, child in reversed(slots.children(module))]


class _Ties:
    """Where each tensor is first met, and where again."""

    def __init__(self) -> None:
        self.first: dict[int, str] = {}
        self.again: dict[int, list[str]] = {}
        self.met: list[torch.Tensor] = []
        """Keeps them alive, and so their ids: a script module hands out passing ones."""

    def meet(self, tensor: torch.Tensor, key: str) -> None:
        self.met.append(tensor)
        first = self.first.setdefault(id(tensor), key)
        if first != key:
            self.again.setdefault(id(tensor), []).append(key)


def _find_ties(places: list[_Place], tensors: list[tuple[_Tensors, _Tensors]]) -> _Ties:
    """Meet all parameters, then all buffers: a parameter is never tied to a buffer, for that has no count."""
    ties = _Ties()
    for kind in (0, 1):
        for (_, _, path, _, _), held in zip(places, tensors, strict=True):
            for name, tensor in held[kind]:
                ties.meet(tensor, join(path, name))
    return ties


class _Reader:
    """Makes the tree's records; equal parameters are one record, so wide models stay small."""

    def __init__(self, deltas: Deltas, ties: _Ties) -> None:
        self.deltas = deltas
        self.ties = ties
        self.listener = Listener()
        self.seen: dict[Parameter | Buffer, Parameter | Buffer] = {}
        self.names: dict[type, tuple[str, str, str]] = {}
        self.kinds: dict[Hashable, Hashable] = {}
        self.plain: dict[Hashable, Parameter] = {}
        """Records of parameters that are not tied, packed or deltas, by what is told of them."""

    def module(
        self,
        depth: int,
        name: str,
        path: str,
        module: nn.Module,
        shared_with: str | None,
        parameters: _Tensors,
        buffers: _Tensors,
    ) -> Module:
        type_, package, qualname = self.class_names(module)
        unsaved = slots.unsaved(module) if buffers else frozenset()
        return Module(
            name=name,
            depth=depth,
            type=type_,
            package=package,
            qualname=qualname if qualname != type_ else "",
            parameters=(
                *[self.parameter(n, join(path, n), p, module) for n, p in parameters],
                *([self.packed(n, form, device) for n, form, device in packed(module)] if may_pack(module) else ()),
            ),
            buffers=tuple([self.buffer(n, join(path, n), b, module, n not in unsaved) for n, b in buffers]),
            extra_repr=self.listener.ask(module),
            shared_with=shared_with,
        )

    def class_names(self, module: nn.Module) -> tuple[str, str, str]:
        """Return the name, package and qualified name of the module's class."""
        cls = type(module)
        if slots.home(cls).startswith("torch.jit"):
            return _compiled_class(module) or _class(cls)
        if cls not in self.names:
            self.names[cls] = _class(cls)
        return self.names[cls]

    def parameter(self, name: str, key: str, parameter: torch.Tensor, holder: nn.Module) -> Parameter:
        identity = id(parameter)
        if type(parameter) is not nn.Parameter or identity in self.ties.again or identity in self.deltas:
            return self._one(self.described(name, key, parameter, holder))
        more = (parameter.dtype, parameter.requires_grad, parameter.device, parameter.layout)
        try:
            record = self.plain.get((name, parameter.shape, more))
        except RuntimeError:  # a nested tensor has no shape to be asked for
            return self._one(self.described(name, key, parameter, holder))
        if record is None:
            record = self.described(name, key, parameter, holder)
            if not record.quantization:
                self.plain[name, record.shape, self.kinds.setdefault(more, more)] = record
        return record

    def described(self, name: str, key: str, parameter: torch.Tensor, holder: nn.Module) -> Parameter:
        first = self.ties.first[id(parameter)]
        adapter = self.deltas.get(id(parameter))
        form = stored(parameter, holder)
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
            tied_to=first if first != key else "",
            tied_by=tuple(self.ties.again.get(id(parameter), ())) if first == key else (),
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

    def buffer(self, name: str, key: str, buffer: torch.Tensor, holder: nn.Module, persistent: bool) -> Buffer:
        first = self.ties.first[id(buffer)]
        form = stored(buffer, holder)
        record = Buffer(
            name=name,
            shape=form.shape,
            dtype=form.dtype,
            stored_bytes=form.stored_bytes,
            persistent=persistent,
            device=str(buffer.device),
            tied_to=first if first != key else "",
        )
        return self._one(record)

    def _one(self, record: _Record) -> _Record:
        return self.seen.setdefault(record, record)  # type: ignore[return-value]  # equal records are of one type


def _class(cls: type) -> tuple[str, str, str]:
    """Return the name, package and qualified name of a class."""
    return slots.text(cls.__name__), slots.text(slots.home(cls)), slots.text(cls.__qualname__)


def _compiled_class(module: nn.Module) -> tuple[str, str, str] | None:
    """Return the names of the class that a TorchScript module was compiled from."""
    script = slots.attribute(module, "_c")
    if script is None:
        return None
    package, _, name = _MANGLED.sub("", script._type().qualified_name()).rpartition(".")
    return slots.text(name), slots.text(package), slots.text(name)


def _device(places: list[_Place]) -> str:
    parameters = (p for _, _, _, module, _ in places for _, p in slots.parameters(module))
    first = next(parameters, None)
    return "cpu" if first is None else str(first.device)
