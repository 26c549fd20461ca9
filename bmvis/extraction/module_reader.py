"""Create the record of each module of a tree: its class, tensors, settings, and the code of its state."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

import torch
from torch import nn

from bmvis.extraction import introspection
from bmvis.extraction.adapters import Deltas
from bmvis.extraction.class_names import ClassNames
from bmvis.extraction.extra_repr import ExtraReprReader
from bmvis.extraction.packed_parameters import has_codebooks, may_be_packed
from bmvis.extraction.settings.graph_code import code_settings
from bmvis.extraction.settings.hooks import tensor_attributes, tensor_hook_settings
from bmvis.extraction.settings.module_references import NO_REFERENCES, ModuleReferences
from bmvis.extraction.settings.module_settings import SettingsReader
from bmvis.extraction.settings.project_code import is_of_project
from bmvis.extraction.settings.tensor_values import buffer_values
from bmvis.extraction.state_code import StateCodeReader
from bmvis.extraction.tensors import Stored, may_pack, packed, stored
from bmvis.extraction.tied_weights import TiedWeights
from bmvis.model.tree import Buffer, Module, Parameter

_Record = TypeVar("_Record", Parameter, Buffer)


class ModuleReader:
    """Creates the records of the tree. Equal parameters share one record, which keeps wide models small."""

    def __init__(
        self,
        deltas: Deltas,
        tied: TiedWeights,
        class_names: ClassNames,
        references: ModuleReferences = NO_REFERENCES,
    ) -> None:
        self.class_names = class_names
        self.deltas = deltas
        self.tied = tied
        self.distinct = tied.ids | deltas.keys()
        """Ids of the parameters that are tied or deltas. Their records depend on more than the parameter."""
        self.extra_reprs = ExtraReprReader()
        self.settings = SettingsReader(references)
        self.state_codes = StateCodeReader()
        self.seen: dict[Parameter | Buffer, Parameter | Buffer] = {}
        self.plain: dict[Hashable, Parameter] = {}
        """Records of parameters that are not tied, packed or deltas, by the fields that differ between them."""
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
        kind: int,
    ) -> Module:
        """Return the record of a module. The arguments are those of a `ModuleOccurrence`; call it in preorder."""
        type_, package, qualname = self.class_names.read(module, path)
        self.settings.references.origin = path
        extra_repr = self.extra_reprs.read(module)
        return Module(
            name=name,
            depth=depth,
            type=type_,
            package=package,
            qualname=qualname if qualname != type_ else "",
            parameters=self._parameters(path, module, parameters, buffers),
            buffers=self._buffers(path, module, buffers) if buffers else (),
            extra_repr=extra_repr,
            shared_with=shared_with,
            settings=None
            if shared_with is not None
            else self._settings(module, kind, extra_repr, depth, parameters, buffers),
            state_code=self.state_codes.read(module, kind),
        )

    def _settings(
        self,
        module: nn.Module,
        kind: int,
        extra_repr: str,
        depth: int,
        parameters: introspection.Tensors,
        buffers: introspection.Tensors,
    ) -> dict[str, str] | None:
        found = self.settings.read(module, kind, extra_repr, depth, self.extra_reprs.whole)
        more = code_settings(module)
        if parameters:
            more |= tensor_hook_settings(parameters) | tensor_attributes(parameters)
        if buffers and is_of_project(type(module)):
            more |= buffer_values(module, buffers, self.settings.references.known)
        return {**(found or {}), **more} if more else found

    def _parameters(
        self, path: str, module: nn.Module, parameters: introspection.Tensors, buffers: introspection.Tensors
    ) -> tuple[Parameter, ...]:
        """Return a module's parameters and packed weights. Equal modules share one tuple."""
        may_be_known = bool(parameters) and not has_codebooks(module)
        records = [self._parameter(name, path, parameter, module, may_be_known) for name, parameter in parameters]
        if may_pack(module, buffers):
            records += [self._packed(name, form, device) for name, form, device in packed(module)]
        return self.rows.setdefault(tuple(map(id, records)), tuple(records)) if records else ()

    def _parameter(
        self, name: str, path: str, parameter: torch.Tensor, module: nn.Module, may_be_known: bool
    ) -> Parameter:
        """Return the record of a parameter: that of an equal one in another module if it `may_be_known`."""
        if (
            type(parameter) is not nn.Parameter
            or id(parameter) in self.distinct
            or parameter.layout is not torch.strided
        ):
            return self._one(self._described(name, path, parameter, module))
        try:
            key = (name, parameter.shape, parameter.dtype, parameter.requires_grad, parameter.device)
        except RuntimeError:  # a nested tensor has no `shape`
            return self._one(self._described(name, path, parameter, module))
        record = self.plain.get(key)
        if record is not None and may_be_known:
            return record  # the other reasons to be packed are a part of the key
        record = self._one(self._described(name, path, parameter, module))
        if not (record.quantization or may_be_packed(parameter, module)):
            self.plain[key] = record
        return record

    def _described(self, name: str, path: str, parameter: torch.Tensor, module: nn.Module) -> Parameter:
        adapter = self.deltas.get(id(parameter))
        form = stored(parameter, module)
        tied_to, tied_by = self.tied.ends(path, name, parameter)
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

    def _packed(self, name: str, form: Stored, device: str) -> Parameter:
        """Return the record of a packed weight of a quantized module, which is never trainable."""
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

    def _buffers(self, path: str, module: nn.Module, buffers: introspection.Tensors) -> tuple[Buffer, ...]:
        """Return a module's buffers."""
        unsaved = introspection.non_persistent(module)
        return tuple([self._buffer(name, path, buffer, module, name not in unsaved) for name, buffer in buffers])

    def _buffer(self, name: str, path: str, buffer: torch.Tensor, module: nn.Module, persistent: bool) -> Buffer:
        form = stored(buffer, module)
        record = Buffer(
            name=name,
            shape=form.shape,
            dtype=form.dtype,
            stored_bytes=form.stored_bytes,
            persistent=persistent,
            device=str(buffer.device),
            tied_to=self.tied.ends(path, name, buffer)[0],
        )
        return self._one(record)

    def _one(self, record: _Record) -> _Record:
        return self.seen.setdefault(record, record)  # type: ignore[return-value]  # equal records are of one type
