"""Read a live `nn.Module` into a tree. Nothing in the model changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import torch
from torch import nn

from bmvis.errors import FactoryError
from bmvis.extraction import introspection, unregistered
from bmvis.extraction.active_parameters import active_parameters
from bmvis.extraction.adapters import find_deltas
from bmvis.extraction.adapters.base import NamedModules
from bmvis.extraction.attribute_kinds import AttributeKinds
from bmvis.extraction.class_names import ClassNames
from bmvis.extraction.keras_layers import KerasLayers
from bmvis.extraction.lightning import missing_layers
from bmvis.extraction.module_reader import ModuleReader
from bmvis.extraction.settings.configurations import find_configurations
from bmvis.extraction.settings.module_references import ModuleReferences
from bmvis.extraction.settings.tensor_values import KnownValue, no_value
from bmvis.extraction.shortened import digest
from bmvis.extraction.tied_weights import TiedWeights
from bmvis.extraction.unregistered import Unregistered, find_unregistered
from bmvis.extraction.versions import find_versions
from bmvis.gc_pause import paused_gc
from bmvis.model.preorder import child_path
from bmvis.model.settings import UNREGISTERED
from bmvis.model.tree import Model, Module
from bmvis.untrusted import user_text

Originals = Mapping[int, torch.Tensor]
"""The tensors that others replace during a call, by the id of the other one (`meta_device.fake_tensors`)."""
_NO_ORIGINALS: Originals = MappingProxyType({})


class ModuleOccurrence(NamedTuple):
    """A module at one of its paths."""

    depth: int
    name: str
    path: str
    module: nn.Module
    shared_with: str | None
    """Path of the first occurrence if the module is shared; None for the first one."""
    parameters: introspection.Tensors
    buffers: introspection.Tensors
    kind: int
    """The number of the module from `AttributeKinds`."""


class LiveModel(NamedTuple):
    """A live model and its tree, from one walk. Optimizers and calls are matched with the tree by these objects."""

    tree: Model
    occurrences: Sequence[ModuleOccurrence]
    originals: Originals = _NO_ORIGINALS

    @property
    def modules(self) -> Sequence[nn.Module]:
        """Return the live module of each module of the tree."""
        return [found.module for found in self.occurrences]

    @property
    def parameters(self) -> Sequence[introspection.Tensors]:
        """Return the parameters of each module, with their names."""
        return [found.parameters for found in self.occurrences]

    @property
    def buffers(self) -> Sequence[introspection.Tensors]:
        """Return the buffers of each module, with their names."""
        return [found.buffers for found in self.occurrences]

    @property
    def root(self) -> nn.Module:
        """Return the outermost module."""
        return self.occurrences[0].module


def capture(model: nn.Module) -> Model:
    """Return the structure of `model`: modules, parameters, buffers, ties and deltas.

    Identity is by object, never by data pointer: on the meta device all pointers are 0. The only code of the model
    that runs is `extra_repr()` of modules and `__tensor_flatten__` of tensor subclasses.

    Args:
        model: any module, also one that is being trained.

    Raises:
        TypeError: `model` is not a `torch.nn.Module`.
        FactoryError: a module was not initialized, or registers something other than a module or tensor.
    """
    return capture_live(model).tree


def capture_live(model: nn.Module, known: KnownValue = no_value, originals: Originals = _NO_ORIGINALS) -> LiveModel:
    """Return the structure of `model` with its modules and tensors. See `capture`.

    Args:
        model: any module.
        known: the values of tensors on the meta device.
        originals: tensors that the tree has in place of those that the modules have now.

    Raises:
        TypeError: `model` is not a `torch.nn.Module`.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"expected a torch.nn.Module, got {type(model).__name__}")
    with torch.no_grad(), torch._C.DisableTorchFunction(), paused_gc():
        occurrences = list(walk(model, originals))
        kinds = (found.kind for found in occurrences if found.shared_with is None)
        tensors = (tensor for found in occurrences for _, tensor in (*found.parameters, *found.buffers))
        hidden = list(find_unregistered(_named_modules(occurrences), kinds, tensors))
        modules = with_unregistered(_read_modules(occurrences, known), hidden)
        notes = (
            *map(unregistered.note, hidden),
            *unregistered.frozen_notes(_named_modules(occurrences)),
            *missing_layers(_named_modules(occurrences)),
        )
        tree = Model(
            modules=modules,
            device=_device(occurrences),
            notes=notes,
            configurations=find_configurations(_distinct(occurrences)),
            versions=find_versions({module.package for module in modules}),
        )
        active = active_parameters(tree, [found.module for found in occurrences])
        return LiveModel(msgspec.structs.replace(tree, active=active) if active else tree, occurrences)


def _distinct(occurrences: Sequence[ModuleOccurrence]) -> list[nn.Module]:
    """Return the first module of each kind: the others have the same values."""
    found: dict[int, nn.Module] = {}
    for occurrence in occurrences:
        found.setdefault(occurrence.kind, occurrence.module)
    return list(found.values())


def _read_modules(occurrences: list[ModuleOccurrence], known: KnownValue) -> tuple[Module, ...]:
    """Return the tree's modules. The reader's tables are as large as the tree, and are freed on return."""
    deltas, names = find_deltas(_named_modules(occurrences)), ClassNames(_named_modules(occurrences))
    parameters = ((found.path, found.parameters) for found in occurrences)
    buffers = ((found.path, found.buffers) for found in occurrences)
    named = ((found.path, found.module) for found in occurrences if found.shared_with is None)
    references = ModuleReferences(named, known)
    reader = ModuleReader(deltas, TiedWeights(parameters, buffers), names, references)
    return tuple([reader.module(*found) for found in occurrences])


def with_unregistered(modules: tuple[Module, ...], hidden: Sequence[Unregistered]) -> tuple[Module, ...]:
    """Return the modules with a setting for each attribute that has unregistered modules or tensors."""
    if not hidden:
        return modules
    changed = list(modules)
    first_occurrences = [index for index, module in enumerate(modules) if module.shared_with is None]
    for found in hidden:
        index = first_occurrences[found.owner]
        text = f"{unregistered.contents_text(found)} {digest(_contents_text(found))}"
        settings = {**(changed[index].settings or {}), found.attribute + UNREGISTERED: text}
        changed[index] = msgspec.structs.replace(changed[index], settings=settings)
    return tuple(changed)


def _contents_text(found: Unregistered) -> str:
    """Return what decides the behavior of unregistered modules and tensors as text, without their devices."""
    reader, kinds = ModuleReader({}, TiedWeights((), ()), ClassNames(())), AttributeKinds()
    texts: list[object] = [(tuple(tensor.shape), str(tensor.dtype)) for tensor in found.tensors]
    for module in found.modules:
        own = introspection.parameters(module), introspection.buffers(module)
        read = reader.module(0, "", "", module, None, *own, kinds.read(module))
        parameters = [(one.name, one.shape, one.dtype, one.trainable) for one in read.parameters]
        buffers = [(one.name, one.shape, one.dtype) for one in read.buffers]
        texts.append((read.import_path, read.extra_repr, read.settings, parameters, buffers))
    return repr(texts)


def walk(root: nn.Module, originals: Originals = _NO_ORIGINALS) -> Iterator[ModuleOccurrence]:
    """Yield all occurrences of all modules in preorder. The children of a shared module follow its first one only.

    Each module is read once: in a large model, a second read finds it out of the processor's caches. The walk has its
    own stack because `Module.named_modules` recurses, and fails on a model with a thousand levels.
    """
    first_met: dict[int, str] = {}
    layers, kinds = KerasLayers(), AttributeKinds()
    pending = [(0, "", "", root)]
    while pending:
        depth, name, path, module = pending.pop()
        try:
            children, parameters, buffers = layers.contents(module)
        except introspection.InvalidModuleError as error:
            raise _invalid(path, module, error) from error
        if originals:
            parameters, buffers = _restored(parameters, originals), _restored(buffers, originals)
        first = first_met.get(id(module))
        if first is not None:
            yield ModuleOccurrence(depth, name, path, module, first, parameters, buffers, kinds.read(module))
            continue
        first_met[id(module)] = path
        yield ModuleOccurrence(depth, name, path, module, None, parameters, buffers, kinds.read(module))
        if children:
            pending += [(depth + 1, n, child_path(path, n), child) for n, child in reversed(children)]


def _restored(tensors: introspection.Tensors, originals: Originals) -> introspection.Tensors:
    return [(name, originals.get(id(tensor), tensor)) for name, tensor in tensors]


def _invalid(path: str, module: nn.Module, error: introspection.InvalidModuleError) -> FactoryError:
    where = f"the module {path!r}" if path else "the root module"
    return FactoryError(
        f"{where} ({user_text.class_name(type(module))}) is not valid: {error}",
        hint="call super().__init__() first in __init__, and register modules and parameters by assignment",
    )


def _named_modules(occurrences: list[ModuleOccurrence]) -> NamedModules:
    """Return each module with the path of its first occurrence. The list is as large as the tree: do not keep it."""
    return [(found.path, found.module) for found in occurrences if found.shared_with is None]


def _device(occurrences: list[ModuleOccurrence]) -> str:
    first = next((parameter for found in occurrences for _, parameter in found.parameters), None)
    return "cpu" if first is None else str(first.device)
