"""Read the settings of modules: plain values among the attributes of an instance.

Only `vars(module)` is read, and what a class of the project has in common (`class_settings.py`): no property and no
other code of a module runs. Not recorded are private attributes that `forward` does not read or that it changes, what
`extra_repr()` shows, what `torch_layers.py`
knows of PyTorch's own layers, and what `setting_values.py` leaves out.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from bmvis.extraction import introspection
from bmvis.extraction.attribute_kinds import HASHED, keys, zeros
from bmvis.extraction.settings.attribute_settings import entries
from bmvis.extraction.settings.class_settings import class_settings, names_of_calls, private_settings
from bmvis.extraction.settings.config_objects import adapter_configs, is_config
from bmvis.extraction.settings.hooks import hook_settings, hook_slots
from bmvis.extraction.settings.module_references import NO_REFERENCES, ModuleReferences
from bmvis.extraction.settings.project_code import is_of_project
from bmvis.extraction.settings.torch_layers import is_torch_layer, layer_defaults, setting_attributes
from bmvis.extraction.shortened import first_pairs
from bmvis.model.settings import DEFAULT, MODE, arguments, normal

MAX_SETTINGS = 256
"""Settings of one module that are recorded by name. The others are one setting with their number and a digest."""
_Entry = tuple[str, str, str | None]
"""Name and text of a setting, and the text that `normal` returns."""


class _Plan(NamedTuple):
    """What to read of the modules of a class that have the same attributes."""

    names: tuple[str, ...]
    """All attributes."""
    attributes: tuple[str, ...]
    """Those that can be settings."""
    hooks: tuple[str, ...]
    """Those that are dictionaries of hooks."""
    is_torch: bool
    """Whether the class is PyTorch's."""
    known: dict[Hashable, dict[str, str] | None]
    """The settings of modules that were read, by their values."""
    common: tuple[_Entry, ...]
    """The settings that all instances have in common."""
    called: frozenset[str]
    """The names of methods that its own ones, and those of the modules before it, call."""


class SettingsReader:
    """Reads the modules of one model. Modules with equal settings share one dictionary."""

    def __init__(self, references: ModuleReferences = NO_REFERENCES) -> None:
        self.references = references
        self._last: dict[type, _Plan] = {}
        self._plans: dict[tuple[type, tuple[str, ...]], _Plan] = {}
        self._defaults: dict[type, dict[str, str]] = {}
        self._arguments: dict[str, dict[str, str | None]] = {}
        self._texts: dict[Hashable, list[_Entry]] = {}
        self._distinct: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
        self._kinds: dict[tuple[int, str, str], dict[str, str] | None] = {}
        """Settings by the kind of a module, and the text of its `extra_repr()` with the digest of a truncated one."""
        self._called: frozenset[str] = frozenset()
        """The names that the methods of the classes of modules mention: `encode` in `self.encoder.encode(x)`."""
        self._modes: list[bool] = []
        """Whether each module from the root to the last one is in training mode."""

    def read(self, module: nn.Module, kind: int, extra_repr: str, depth: int, whole: str = "") -> dict[str, str] | None:
        """Return the settings of a module; None if there are none.

        Call it for the modules in preorder: the mode of a module is a setting if it differs from that of the parent.

        Args:
            module: the module.
            kind: its number from `AttributeKinds`.
            extra_repr: the result of its `extra_repr()`; what it shows is left out.
            depth: the number of levels below the root.
            whole: if `extra_repr` is truncated, its length and digest.
        """
        key = (kind, extra_repr, whole)
        if key not in self._kinds:
            self._kinds[key] = self._without_mode(module, extra_repr, whole)
        found = self._kinds[key]
        modes = self._modes
        del modes[depth:]
        above = modes[-1] if modes else None
        mode = object.__getattribute__(module, "__dict__").get("training", above) is not False
        modes.append(mode)
        return found if above is None or above is mode else self._one({**(found or {}), MODE: str(mode)})

    def _without_mode(self, module: nn.Module, extra_repr: str, whole: str) -> dict[str, str] | None:
        self.references.has_values = is_of_project(type(module))
        slots = introspection.module_attributes(module)
        found = self._plain(type(module), slots, extra_repr)
        if common := self._last[type(module)].common:
            shown = self._shown(extra_repr)
            more = [(name, text) for name, text, plain in common if name not in shown or shown[name] != plain]
            found = self._one(dict(more) | (found or {}))
        return self._one({**(found or {}), "extra_repr": whole}) if whole else found

    def _plain(self, cls: type, slots: Mapping[str, Any], extra_repr: str) -> dict[str, str] | None:
        names = tuple(slots)
        plan = self._last.get(cls)
        if plan is None or plan.names != names:
            plan = self._plan(cls, names)
        for slot in plan.hooks:
            if slots[slot]:
                return self._one(
                    dict([*self._attributes(cls, plan, slots, extra_repr), *hook_settings(slots, plan.hooks)])
                )
        if not plan.attributes:
            return None
        key = (extra_repr, *keys([slots[name] for name in plan.attributes]))
        if key not in plan.known:
            plan.known[key] = self._one(dict(self._attributes(cls, plan, slots, extra_repr)))
        return plan.known[key]

    def _plan(self, cls: type, names: tuple[str, ...]) -> _Plan:
        plan = self._plans.get((cls, names))
        if plan is None:
            self._called |= names_of_calls(cls, self._called)
            plan = self._plans[cls, names] = _plan(cls, names, self._called, self.references)
        self._last[cls] = plan
        return plan

    def _attributes(
        self, cls: type, plan: _Plan, slots: Mapping[str, Any], extra_repr: str
    ) -> Iterator[tuple[str, str]]:
        found = self._named(cls, plan, slots, self._shown(extra_repr))
        yield from first_pairs(found, MAX_SETTINGS, "more settings")

    def _shown(self, extra_repr: str) -> dict[str, str | None]:
        """Return the values of the arguments in an `extra_repr()`, as `normal` returns them."""
        if extra_repr not in self._arguments:
            self._arguments[extra_repr] = {name: normal(text) for name, text in arguments(extra_repr).items()}
        return self._arguments[extra_repr]

    def _named(
        self, cls: type, plan: _Plan, slots: Mapping[str, Any], shown: Mapping[str, str | None]
    ) -> Iterator[tuple[str, str]]:
        """Yield the settings of a module that its `extra_repr()` does not show, and that are not defaults."""
        defaults = self._defaults_of(cls)
        positional = {value for name, value in shown.items() if name.isdecimal()} if plan.is_torch else ()
        for attribute in plan.attributes:
            if plan.is_torch and issubclass(type(slots[attribute]), torch.Tensor):
                continue  # a normalization or pruning has computed it from the parameters
            for name, text, plain in self._entries(attribute, slots[attribute], plan.called):
                is_shown = shown.get(name.removesuffix(DEFAULT).lstrip("_")) == plain or plain in positional
                if not is_shown and (name not in defaults or defaults[name] != plain):
                    yield name, text

    def _entries(self, attribute: str, value: Any, called: frozenset[str]) -> list[_Entry]:
        if type(value) not in HASHED:
            return _entries(attribute, value, self.references, called)
        key = (attribute, type(value), value, *zeros((value,)))
        if key not in self._texts:
            self._texts[key] = _entries(attribute, value, self.references)
        return self._texts[key]

    def _defaults_of(self, cls: type) -> dict[str, str]:
        if cls not in self._defaults:
            self._defaults[cls] = dict(layer_defaults(cls))
        return self._defaults[cls]

    def _one(self, found: dict[str, str]) -> dict[str, str] | None:
        return self._distinct.setdefault(tuple(found.items()), found) if found else None


def _entries(
    attribute: str, value: Any, references: ModuleReferences, called: frozenset[str] = frozenset()
) -> list[_Entry]:
    if is_config(type(value)) or adapter_configs(attribute, value):
        return []  # the model records it as a configuration
    return [(name, text, normal(text)) for name, text in entries(attribute, value, references, called)]


def _plan(cls: type, names: tuple[str, ...], called: frozenset[str], references: ModuleReferences) -> _Plan:
    attributes, hooks = setting_attributes(cls, names, private_settings(cls, called)), hook_slots(names)
    common = _common(cls, names, called, references.of_classes())
    return _Plan(names, attributes, hooks, is_torch_layer(cls), {}, common, called)


def _common(
    cls: type, names: tuple[str, ...], called: frozenset[str], references: ModuleReferences
) -> tuple[_Entry, ...]:
    """Return the settings of a class without those that attributes of its instances replace."""
    common = class_settings(cls, called)
    return tuple(
        entry
        for name, value in common.items()
        if name not in names
        for entry in _entries(name, value, references, called)
    )
