"""Recognize configuration objects, and read their values without code of their classes.

Configurations are those of transformers and PEFT, `SimpleNamespace`, `argparse.Namespace`, data classes, classes of
attrs, models of pydantic, and the dictionaries of OmegaConf and ml_collections. What they keep is read: an
interpolation of OmegaConf stays `${width}`.
"""

from __future__ import annotations

import argparse
import enum
import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from torch import nn

from bmvis.extraction import introspection
from bmvis.extraction.settings.project_code import class_attributes_of, is_of_project
from bmvis.untrusted import user_text

ATTRIBUTES = ("config", "generation_config", "cfg", "hparams", "peft_config")
"""The usual attributes of modules with a configuration. PEFT keeps a dictionary with one for each adapter."""
LIBRARIES = ("transformers.", "peft.")
_BASES = ("PretrainedConfig", "PreTrainedConfig", "GenerationConfig", "PeftConfigMixin")
_PLAIN = frozenset((bool, int, float, str, type(None), dict, list, tuple, set))
_NO_CONFIGS = (nn.Module, type, enum.Enum, int, float, str, list, tuple, set, frozenset)
"""Classes whose instances are no configurations, whatever their names: what they contain is no attribute."""
_MARKS = ("__dataclass_fields__", "__attrs_attrs__")
"""Attributes of data classes, and of classes of attrs."""
_NAMES = re.compile(r"(?:Config|Configuration|Cfg|Conf|Args|Arguments|H[pP]arams|Params|Settings|Options|Opts?)$")
"""Names of classes of the project whose instances are configurations."""
_STORES: Mapping[tuple[str, str], str] = {
    ("omegaconf.", "DictConfig"): "_content",
    ("ml_collections.", "ConfigDict"): "_fields",
}
"""Classes of libraries, by the start of their module and their name, with the attribute that has the entries."""
_NODES = {"omegaconf.": ("_content", "_val"), "ml_collections.": ("_value",)}
"""Attributes with the value of an entry."""


def is_config(cls: type) -> bool:
    """Return whether instances of a class are configurations."""
    if cls in _PLAIN or issubclass(cls, _NO_CONFIGS):
        return False
    if is_of_library(cls) or _store(cls) or issubclass(cls, SimpleNamespace | argparse.Namespace):
        return True
    if introspection.class_module(cls).startswith(("torch.", *LIBRARIES)):
        return False
    return (
        _is_own(cls)
        or any(mark in cls.__dict__ for mark in _MARKS)
        or any(
            user_text.class_name(base) == "BaseModel" and introspection.class_module(base).startswith("pydantic.")
            for base in type.mro(cls)
        )
    )


def _is_own(cls: type) -> bool:
    """Return whether a class of the project is a configuration by its name."""
    return _NAMES.search(user_text.class_name(cls)) is not None and is_of_project(cls)


def is_of_library(cls: type) -> bool:
    """Return whether a class is a configuration of transformers or PEFT."""
    return any(
        user_text.class_name(base) in _BASES and introspection.class_module(base).startswith(LIBRARIES)
        for base in type.mro(cls)
    )


def adapter_configs(attribute: str, value: Any) -> list[Any]:
    """Return the configurations in the dictionary that PEFT keeps in an attribute; none for other attributes."""
    if type(value) is not dict or attribute not in ATTRIBUTES:
        return []
    return [config for config in value.values() if is_of_library(type(config))]


def values_of(config: Any) -> dict[Any, Any]:
    """Return the values of a configuration, or of a dictionary, by their names."""
    if issubclass(type(config), dict):
        return dict(dict.items(config))
    common = class_attributes_of(type(config)) if _is_own(type(config)) else {}
    own = common | introspection.attributes_of(config)
    store = _store(type(config))
    if not store:
        return own
    kept = own.get(store)
    return {key: _plain(value) for key, value in dict.items(kept)} if isinstance(kept, dict) else {}


def _store(cls: type) -> str:
    for base in type.mro(cls):
        for (module, name), store in _STORES.items():
            if user_text.class_name(base) == name and introspection.class_module(base).startswith(module):
                return store
    return ""


def _plain(value: Any) -> Any:
    """Return the value of an entry. An entry with entries of its own is returned unchanged."""
    cls = type(value)
    if is_config(cls):
        return value
    for module, names in _NODES.items():
        if introspection.class_module(cls).startswith(module):
            own = introspection.own_dict(value)
            kept = next((own[name] for name in names if name in own), None)
            return [_plain(item) for item in kept] if isinstance(kept, list) else kept
    return value
