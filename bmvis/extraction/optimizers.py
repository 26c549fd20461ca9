"""Read the parameter groups of optimizers into a captured model. The optimizers do not change.

A factory can return optimizers in addition to a module, and the schedulers of their learning rates.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import msgspec
import torch
from torch import nn

from bmvis.errors import FactoryError, a_type
from bmvis.extraction import introspection
from bmvis.extraction.modules import LiveModel
from bmvis.extraction.settings.attribute_settings import entries
from bmvis.extraction.settings.setting_values import text_of
from bmvis.extraction.shortened import cut, digest, first_pairs
from bmvis.model.optimizer import Optimizer, ParameterGroup
from bmvis.model.tree import Parameter
from bmvis.untrusted import user_text

MAX_CHARACTERS = 60
"""Maximum length of a hyperparameter as text. A digest follows a text that is cut."""
MAX_ITEMS = 6
"""Number of items up to which a hyperparameter that is a sequence is recorded item by item."""
_RETURNS = (
    "a factory must return a torch.nn.Module, (module, optimizer), (module, [optimizers]) "
    "or (module, module.configure_optimizers())"
)
_LIGHTNING = ("optimizer", "lr_scheduler", "scheduler")
"""Keys of the dictionaries that `configure_optimizers` can return, whose values are read:
https://lightning.ai/docs/pytorch/stable/common/lightning_module.html#configure-optimizers"""
_MAX_NESTING = 4
"""Maximum depth of the tuples, lists, and dictionaries around an optimizer."""
_WRAPPED = 3
"""Depth at which the module in a wrapper object is found: `detector.model.model`."""
_ATTRIBUTES = 100
"""Number of attributes of a wrapper object that are looked at."""
MAX_READ = 10_000
"""Number of items of a hyperparameter that are read."""
MAX_BITS = 256
"""Size of an integer that is written; Python writes none of more than 4300 digits."""
MAX_NESTING = 3
MAX_SETTINGS = 64
"""Number of arguments of a scheduler that are recorded by name."""
_OF_SCHEDULERS = ("optimizer", "base_lrs", "last_epoch", "verbose")
"""Attributes of schedulers that are not arguments, or that the parameter groups show."""
_PARTS = ("_schedulers", "_milestones", "_schedule_phases", "_anneal_func_type")
"""Private attributes of `SequentialLR`, `ChainedScheduler` and `OneCycleLR` that are arguments."""
_INTERNAL = ("params", "param_names", "name")


def unpack(returned: Any, factory: str) -> tuple[nn.Module, tuple[Any, ...]]:
    """Return the module that a factory returned, and its optimizers and schedulers.

    Raises:
        FactoryError: the factory returned neither a module nor a module with optimizers and schedulers.
    """
    if isinstance(returned, nn.Module):
        return returned, ()
    if not (isinstance(returned, tuple | list) and returned and isinstance(returned[0], nn.Module)):
        hint = _hint_for(returned)
        expected = "a factory must return a torch.nn.Module"
        raise FactoryError(f"{factory!r} returned {a_type(returned)}", hint=f"{expected}; {hint}" if hint else expected)
    model, *rest = returned
    flat = [_without_accelerate(thing) for other in rest if other is not None for thing in _flatten(other)]
    for thing in flat:
        if not (_is_optimizer(thing) or _is_scheduler(thing)):
            raise FactoryError(f"{factory!r} returned a module and {a_type(thing)}", hint=_RETURNS)
    return model, tuple(flat)


def _hint_for(returned: Any) -> str:
    """Return where the module is in what a factory returned; '' if that is unknown."""
    if returned is None:
        return "its `return` may be missing"
    if issubclass(type(returned), type) and issubclass(returned, nn.Module):
        return "call the class that it returns"
    if inspect.iscoroutine(returned):
        returned.close()  # no warning that it was never awaited
        return "call the coroutine function in a function that returns asyncio.run(…)"
    if type(returned).__module__.startswith("torch.export"):
        return "return its module()"  # the graph module that it has as an attribute has no parameters
    if type(returned) is dict:
        key = next((key for key in returned if type(key) is str and isinstance(returned[key], nn.Module)), "")
        return f"its item {user_text.safe_text(key)!r} is one: return that" if key else ""
    inside = _module_inside(returned)
    return f"its attribute {inside!r} is one: return that" if inside else ""


def _without_accelerate(thing: Any) -> Any:
    """Return the optimizer or scheduler in a wrapper of accelerate, which shares its parameter groups.

    https://huggingface.co/docs/accelerate/package_reference/torch_wrappers
    """
    if type(thing).__module__.partition(".")[0] != "accelerate":
        return thing
    inner = introspection.attribute(thing, "optimizer" if _is_optimizer(thing) else "scheduler")
    return inner if _is_optimizer(inner) or _is_scheduler(inner) else thing


def _module_inside(wrapper: Any, depth: int = _WRAPPED) -> str:
    """Return the path of the attribute of a wrapper object, such as a trainer, that is a module; '' if there is none.

    Only the dictionaries of objects are read: nothing of the wrapper runs.
    """
    try:
        attributes = object.__getattribute__(wrapper, "__dict__")
    except (AttributeError, TypeError):
        return ""
    if type(attributes) is not dict or issubclass(type(wrapper), type | ModuleType):
        return ""
    names = [name for name in attributes if isinstance(name, str) and name.isidentifier()][:_ATTRIBUTES]
    for name in names:
        if issubclass(type(attributes[name]), nn.Module):
            return name
    for name in names if depth > 1 else ():
        inner = _module_inside(attributes[name], depth - 1)
        if inner:
            return f"{name}.{inner}"
    return ""


def _flatten(returned: Any, nesting: int = 0) -> Iterator[Any]:
    """Yield the objects in the containers that `configure_optimizers` of Lightning can return."""
    inner: Sequence[Any] | None = None
    if isinstance(returned, tuple | list):
        inner = returned
    elif isinstance(returned, dict) and any(key in returned for key in _LIGHTNING):
        inner = [returned[key] for key in _LIGHTNING if returned.get(key) is not None]
    if inner is None or nesting == _MAX_NESTING:
        yield returned
        return
    for thing in inner:
        yield from _flatten(thing, nesting + 1)


def note_groups(live: LiveModel, returned: Sequence[Any]) -> LiveModel:
    """Return the model with the optimizers in its tree, and the numbers of its groups in each parameter.

    Args:
        live: the captured model.
        returned: the optimizers and schedulers that the factory returned with the model.
    """
    optimizers = [thing for thing in returned if _is_optimizer(thing)]
    if not optimizers:
        return live
    groups = [group for optimizer in optimizers for group in _groups(optimizer)]
    numbers_of: dict[int, list[int]] = {}
    for number, group in enumerate(groups):
        for tensor in dict.fromkeys(map(id, _tensors(group))):
            numbers_of.setdefault(tensor, []).append(number)
    known: dict[int, int] = {}
    replaced: dict[tuple[Parameter, tuple[int, ...]], Parameter] = {}
    modules = []
    for module, own in zip(live.tree.modules, live.parameters, strict=True):
        tensors = [tensor for _, tensor in own]
        for identity in map(id, tensors):
            known.setdefault(identity, len(known))
        numbers = [tuple(numbers_of.get(id(tensor), ())) for tensor in tensors]
        numbers += [()] * (len(module.parameters) - len(tensors))  # packed weights of a quantized module
        parameters = []
        for parameter, of_it in zip(module.parameters, numbers, strict=True):
            key = (parameter, of_it)
            if key not in replaced:
                replaced[key] = msgspec.structs.replace(parameter, groups=of_it)
            parameters.append(replaced[key])
        modules.append(msgspec.structs.replace(module, parameters=tuple(parameters)) if parameters else module)
    schedulers = [thing for thing in returned if not _is_optimizer(thing)]
    noted = tuple(_optimizer(optimizer, known, schedulers) for optimizer in optimizers)
    return live._replace(tree=msgspec.structs.replace(live.tree, modules=tuple(modules), optimizers=noted))


def _optimizer(optimizer: Any, known: Mapping[int, int], schedulers: Sequence[Any]) -> Optimizer:
    own = [s for s in schedulers if introspection.attribute(s, "optimizer") is optimizer]
    return Optimizer(
        type=user_text.safe_text(type(optimizer).__name__),
        groups=tuple(_group(group, known) for group in _groups(optimizer)),
        schedulers=tuple(user_text.safe_text(type(scheduler).__name__) for scheduler in own),
        scheduler_settings=tuple(map(_scheduler_settings, own)),
    )


def _scheduler_settings(scheduler: Any, nesting: int = 0) -> dict[str, str]:
    """Return the arguments of a scheduler that it keeps in attributes, and those of the schedulers inside it."""
    found: dict[str, str] = {}
    for name, value in list(object.__getattribute__(scheduler, "__dict__").items()):
        if type(name) is not str or name in _OF_SCHEDULERS or (name[:1] == "_" and name not in _PARTS):
            continue
        if name == "milestones" and issubclass(type(value), dict):
            value = _milestones(value)
        if name == "_schedule_phases" and type(value) is list:
            value = [phase.get("end_step") for phase in value if type(phase) is dict]
        if name == "_schedulers" and type(value) in (list, tuple):
            for number, inner in enumerate(value if nesting < MAX_NESTING else ()):
                inside = _scheduler_settings(inner, nesting + 1) if _is_scheduler(inner) else {}
                found |= {f"{number}.{key}": text for key, text in inside.items()}
            value = [type(inner) for inner in value]
        found |= dict(entries(name.lstrip("_"), value))
    return dict(first_pairs(found.items(), MAX_SETTINGS, "more settings"))


def _milestones(counts: Mapping[Any, Any]) -> list[Any]:
    """Return the milestones of `MultiStepLR`, which counts how often each one is given."""
    numbers = {step: count if type(count) is int else 1 for step, count in counts.items()}
    return [step for step in sorted(numbers) for _ in range(min(numbers[step], MAX_SETTINGS))]


def _group(group: Mapping[Any, Any], known: Mapping[int, int]) -> ParameterGroup:
    tensors = list(map(id, _tensors(group)))
    name = group.get("name")
    return ParameterGroup(
        name=_cut(name) if type(name) is str else "",
        settings={_cut(str(key)): _written(value) for key, value in _settings(group)},
        tensors=len(tensors),
        foreign=sum(tensor not in known for tensor in tensors),
        order=_order([known.get(tensor, -1) for tensor in tensors]),
    )


def _order(places: list[int]) -> tuple[int, ...]:
    """Return the index of each place among those of the group; () if they are in order, and then the unknown ones."""
    own = sorted({place for place in places if place >= 0})
    rank = {place: index for index, place in enumerate(own)} | {-1: -1}
    order = tuple(rank[place] for place in places)
    usual = (*range(len(own)), *[-1] * (len(places) - len(own)))
    return () if order == usual else order


def _settings(group: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in group.items():
        if type(key) is str and key not in _INTERNAL:
            yield key, value


def _written(value: Any, nesting: int = 0) -> str:
    """Return a hyperparameter as text. `repr` runs for built-in types only, since other types have user code."""
    if isinstance(value, torch.Tensor):
        return _written(value.item()) if value.numel() == 1 and not value.is_meta else "a tensor"
    if isinstance(value, float):
        return f"{float(value):.8g}"
    if type(value) is int and value.bit_length() > MAX_BITS:
        return "an integer"
    if value is None or type(value) in (bool, int):
        return str(value)
    if type(value) is str:
        return _cut(value)
    if type(value) in (tuple, list) and nesting < MAX_NESTING:
        text = f"({', '.join(_written(item, nesting + 1) for item in value[:MAX_READ])})"
        return _cut(text) if len(value) <= MAX_ITEMS else f"{len(value)} values {digest(text)}"
    name = introspection.attribute(value, "__name__") if callable(value) else ""
    known = name if type(name) is str and name else text_of(value)
    return _cut(known or type(value).__name__)


def _cut(text: str) -> str:
    return cut(" ".join(user_text.safe_text(text).split()), MAX_CHARACTERS)


def _is_optimizer(thing: Any) -> bool:
    """Return whether an object has `param_groups` as torch.optim has them: other libraries have their own classes."""
    groups = introspection.attribute(thing, "param_groups")
    return isinstance(groups, list) and all(isinstance(group, dict) and "params" in group for group in groups)


def _is_scheduler(thing: Any) -> bool:
    return _is_optimizer(introspection.attribute(thing, "optimizer"))


def _groups(optimizer: Any) -> list[dict[Any, Any]]:
    groups: list[dict[Any, Any]] = optimizer.param_groups
    return groups


def _tensors(group: Mapping[Any, Any]) -> list[torch.Tensor]:
    tensors = group["params"]
    return [tensors] if isinstance(tensors, torch.Tensor) else list(tensors)
