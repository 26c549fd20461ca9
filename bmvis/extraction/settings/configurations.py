"""Read the configuration objects that modules have or share. `config_objects` lists their kinds.

For classes of libraries the difference from the defaults is recorded, for all others each value. Only attributes of the
instance and the signature of its class are read. The one call is that of the base class in transformers 4, which has
its defaults in the body of its constructor.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import nn

from bmvis.extraction import introspection
from bmvis.extraction.settings.attribute_settings import entries
from bmvis.extraction.settings.config_objects import (
    ATTRIBUTES,
    LIBRARIES,
    adapter_configs,
    is_config,
    is_of_library,
    values_of,
)
from bmvis.extraction.settings.project_code import is_of_project
from bmvis.extraction.settings.setting_values import text_of
from bmvis.extraction.shortened import first_pairs, number_and_digest
from bmvis.model.settings import GENERATION, Configuration, normal
from bmvis.untrusted import user_text

MAX_CONFIGURATIONS = 32
"""Configurations that are recorded by value. The others of a class are one, with their number and a digest."""
MAX_VALUES = 1_000
"""Values of one configuration that are recorded by name. The others are one, with their number and a digest."""
MAX_NESTING = 3
"""Levels of configurations in configurations, such as `text_config`."""
_BASES = ("PretrainedConfig", "PreTrainedConfig", "GenerationConfig")
_HPARAMS = "_hparams"
_OF_GENERATION = "generation_config"
_USUAL = (*ATTRIBUTES, _HPARAMS)
_FIELDS = "__dataclass_fields__"
_NO_DEFAULT = object()
_PRIVATE = {
    "_attn_implementation_internal": "attn_implementation",
    "_experts_implementation_internal": "experts_implementation",
}
"""Attributes of transformers that are recorded although they are private: which kernels run."""
_IGNORED = frozenset(
    (
        *("transformers_version", "architectures", "id2label", "label2id", "torch_dtype", "dtype", "name_or_path"),
        *("model_type", "peft_version", "peft_type", "task_type", "auto_mapping", "revision"),
        *("base_model_name_or_path", "inference_mode", "runtime_config", "generation_config"),
    )
)
"""Values that other facts of the record cover, or that only describe."""


def find_configurations(modules: Iterable[nn.Module]) -> tuple[Configuration, ...]:
    """Return the configurations of a model in the order of its modules, each once.

    Args:
        modules: the modules in preorder.
    """
    seen: dict[int, Any] = {}
    read: dict[int, Any] = {}
    found: list[Configuration] = []
    for attribute, value, is_own in _candidates(modules):
        if id(value) in read:
            continue
        read[id(value)] = value
        for config in _configs(attribute, value, is_own=is_own):
            if id(config) not in seen:
                pairs = _values(config, "", 0, seen)
                if attribute == _OF_GENERATION:
                    pairs = _own_of_generation(pairs, read.values())
                values = dict(first_pairs(pairs, MAX_VALUES, "more values"))
                if values or attribute != _OF_GENERATION:
                    found.append(Configuration(user_text.class_name(type(config)), values))
    return _limited(found)


def _own_of_generation(pairs: Iterable[tuple[str, str]], others: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Yield the values of a generation configuration that do not come from the configurations of the model."""
    of_models = {
        entry
        for config in others
        if is_of_library(type(config)) and user_text.class_name(type(config)) != GENERATION
        for name, value in values_of(config).items()
        for entry in entries(str(name).removeprefix("_"), value)
    }
    yield from (pair for pair in pairs if pair not in of_models and pair[1] not in ("None", "False"))


def _candidates(modules: Iterable[nn.Module]) -> Iterator[tuple[str, Any, bool]]:
    """Yield the attributes of modules and of their classes that may be configurations, with the usual ones first.

    The third value is whether the class of the module is of the project.
    """
    types: dict[type, bool] = {}
    """Whether values of a type are configurations."""
    classes: dict[type, bool] = {}
    for module in modules:
        cls = type(module)
        slots = introspection.module_attributes(module)
        if cls not in classes:
            classes[cls] = is_of_project(cls)
            of_class = _of_class(cls) if classes[cls] else {}
            yield from ((name, value, True) for name, value in of_class.items() if name not in slots)
        is_own = classes[cls]
        if not slots.keys().isdisjoint(_USUAL):
            yield from ((name, slots[name], is_own) for name in _USUAL if name in slots)
        types.update((kind, is_config(kind)) for kind in {*map(type, slots.values())}.difference(types))
        for name, value in slots.items():
            if types[type(value)] and type(name) is str:
                yield name, value, is_own


def _of_class(cls: type) -> dict[str, Any]:
    """Return the configurations in the bodies of a class and of its base classes of the project."""
    bodies = [base.__dict__ for base in reversed(type.mro(cls)) if is_of_project(base)]
    return {name: value for body in bodies for name, value in list(body.items()) if is_config(type(value))}


def _limited(found: list[Configuration]) -> tuple[Configuration, ...]:
    others: dict[str, list[str]] = {}
    for config in found[MAX_CONFIGURATIONS:]:
        others.setdefault(config.type, []).append(repr(config.values))
    rest = (Configuration(kind, {"more configurations": number_and_digest(texts)}) for kind, texts in others.items())
    return (*found[:MAX_CONFIGURATIONS], *rest)


def _configs(attribute: str, value: Any, *, is_own: bool) -> list[Any]:
    """Return the configurations in an attribute: itself, or PEFT's by the names of their adapters.

    In classes of libraries, private attributes do not count, and those of transformers and PEFT count in their usual
    attributes only. Lightning keeps `hparams` in `_hparams`.
    """
    kind = type(value)
    if of_adapters := adapter_configs(attribute, value):
        return of_adapters
    if attribute == _HPARAMS and issubclass(kind, dict):
        return [value]
    if (attribute[:1] == "_" and not is_own) or not is_config(kind):
        return []
    return [value] if is_own or attribute in ATTRIBUTES or not is_of_library(kind) else []


def _values(config: Any, prefix: str, nesting: int, seen: dict[int, Any]) -> Iterator[tuple[str, str]]:
    seen[id(config)] = config
    cls = type(config)
    is_library = introspection.class_module(cls).startswith(LIBRARIES)
    defaults = {"experts_implementation": "eager", **dict(_defaults(cls))} if is_library else {}
    for attribute, value in values_of(config).items():
        name = _PRIVATE.get(attribute, attribute)
        if type(name) is not str or name[:1] == "_" or (is_library and name in _IGNORED):
            continue
        if is_config(type(value)):
            if id(value) not in seen and nesting < MAX_NESTING:
                yield from _values(value, f"{prefix}{name}.", nesting + 1, seen)
            elif id(value) not in seen and (deep := text_of(value, name)) is not None:
                yield f"{prefix}{name}", deep
            continue
        for key, text in entries(name, value):
            if key not in defaults or normal(defaults[key]) != normal(text):
                yield prefix + key, text


def _defaults(cls: type) -> Iterator[tuple[str, str]]:
    """Yield the defaults of a base class, of the signature of a class, and of the fields of a dataclass."""
    yield from _base_defaults(cls)
    for name, parameter in inspect.signature(cls).parameters.items():
        if parameter.default is not parameter.empty:
            yield from entries(name, parameter.default)
    yield from (pair for name, field in _fields(cls).items() for pair in entries(name, _default(field)))


def _base_defaults(cls: type) -> Iterator[tuple[str, str]]:
    """Yield the defaults that transformers 4 takes from `kwargs` in the constructor of `PretrainedConfig`."""
    base = next((base for base in type.mro(cls) if _is_base(base)), None)
    if base is None or _fields(base):
        return
    try:
        values = vars(base())
    except Exception:  # of another version of the library: then all values are recorded
        return
    for name, value in values.items():
        yield from entries(_PRIVATE.get(name, name), value)


def _is_base(cls: type) -> bool:
    module = introspection.class_module(cls)
    return user_text.class_name(cls) in _BASES and module.startswith("transformers.")


def _fields(cls: type) -> Mapping[str, Any]:
    fields: object = next((base.__dict__[_FIELDS] for base in type.mro(cls) if _FIELDS in base.__dict__), {})
    return fields if isinstance(fields, dict) else {}


def _default(field: Any) -> Any:
    """Return the default of a field of a dataclass, made by its factory if that is a class of Python."""
    if field.default is not dataclasses.MISSING:
        return field.default
    return field.default_factory() if field.default_factory in (list, dict, set, tuple) else _NO_DEFAULT
