"""Read a live `nn.Module` into a tree. The model is only looked at: nothing in it changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from bmvis.delta import Deltas, find_deltas
from bmvis.tree import Buffer, Model, Module, Parameter, join

_Record = TypeVar("_Record", Parameter, Buffer)
_Place = tuple[int, str, str, nn.Module, str | None]
"""Depth, name, path, module, and the path of the first place where this is a later one."""


def capture(model: nn.Module) -> Model:
    """Return the structure of `model`: modules, parameters, buffers, ties and deltas.

    Identity is by object, never by data pointer: on the meta device all pointers are 0.

    Raises:
        TypeError: `model` is no `torch.nn.Module`.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"bmvis captures a torch.nn.Module, not {type(model).__name__}")
    places = list(_walk(model))
    deltas = find_deltas([(path, module) for _, _, path, module, shared in places if shared is None])
    ties = _find_ties(places)
    reader = _Reader(deltas, ties)
    return Model(
        modules=tuple(reader.module(*place) for place in places),
        device=_device(places),
    )


def _walk(root: nn.Module) -> Iterator[_Place]:
    """Yield every place of every module in preorder; a module met again is not entered again.

    A stack of our own: `Module.named_modules` recurses, and fails on a model nested a thousand deep.
    """
    first_met: dict[int, str] = {}
    pending = [(0, "", "", root)]
    while pending:
        depth, name, path, module = pending.pop()
        shared_with = first_met.setdefault(id(module), path)
        if shared_with != path:
            yield depth, name, path, module, shared_with
            continue
        yield depth, name, path, module, None
        children = [(n, child) for n, child in module._modules.items() if child is not None]
        pending += [(depth + 1, n, join(path, n), child) for n, child in reversed(children)]


class _Ties:
    """Where each tensor is first met, and where again."""

    def __init__(self) -> None:
        self.first: dict[int, str] = {}
        self.again: dict[int, list[str]] = {}

    def meet(self, tensor: torch.Tensor, key: str) -> None:
        first = self.first.setdefault(id(tensor), key)
        if first != key:
            self.again.setdefault(id(tensor), []).append(key)


def _find_ties(places: list[_Place]) -> _Ties:
    ties = _Ties()
    for _, _, path, module, _ in places:
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                if tensor is not None:
                    ties.meet(tensor, join(path, name))
    return ties


class _Reader:
    """Makes the tree's records; equal parameters are one record, so wide models stay small."""

    def __init__(self, deltas: Deltas, ties: _Ties) -> None:
        self.deltas = deltas
        self.ties = ties
        self.seen: dict[Parameter | Buffer, Parameter | Buffer] = {}

    def module(self, depth: int, name: str, path: str, module: nn.Module, shared_with: str | None) -> Module:
        cls = type(module)
        qualname = cls.__qualname__
        return Module(
            name=name,
            depth=depth,
            type=cls.__name__,
            package=cls.__module__,
            qualname=qualname if qualname != cls.__name__ else "",
            parameters=tuple(self.parameter(n, join(path, n), p) for n, p in _present(module._parameters)),
            buffers=tuple(
                self.buffer(n, join(path, n), b, n not in module._non_persistent_buffers_set)
                for n, b in _present(module._buffers)
            ),
            shared_with=shared_with,
        )

    def parameter(self, name: str, key: str, parameter: torch.Tensor) -> Parameter:
        lazy = is_lazy(parameter)
        first = self.ties.first[id(parameter)]
        adapter = self.deltas.get(id(parameter))
        record = Parameter(
            name=name,
            shape=None if lazy else tuple(parameter.shape),
            dtype=_dtype(parameter),
            count=0 if lazy else parameter.numel(),
            stored_bytes=0 if lazy else parameter.numel() * parameter.element_size(),
            trainable=parameter.requires_grad,
            delta=adapter is not None,
            adapter=adapter or "",
            device=str(parameter.device),
            tied_to=first if first != key else "",
            tied_by=tuple(self.ties.again.get(id(parameter), ())) if first == key else (),
        )
        return self._one(record)

    def buffer(self, name: str, key: str, buffer: torch.Tensor, persistent: bool) -> Buffer:
        lazy = is_lazy(buffer)
        first = self.ties.first[id(buffer)]
        record = Buffer(
            name=name,
            shape=None if lazy else tuple(buffer.shape),
            dtype=_dtype(buffer),
            stored_bytes=0 if lazy else buffer.numel() * buffer.element_size(),
            persistent=persistent,
            device=str(buffer.device),
            tied_to=first if first != key else "",
        )
        return self._one(record)

    def _one(self, record: _Record) -> _Record:
        return self.seen.setdefault(record, record)  # type: ignore[return-value]  # equal records are of one type


def _device(places: list[_Place]) -> str:
    parameters = (p for _, _, _, module, _ in places for _, p in _present(module._parameters))
    first = next(parameters, None)
    return "cpu" if first is None else str(first.device)


def _present(tensors: Mapping[str, torch.Tensor | None]) -> list[tuple[str, torch.Tensor]]:
    return [(name, tensor) for name, tensor in tensors.items() if tensor is not None]


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
