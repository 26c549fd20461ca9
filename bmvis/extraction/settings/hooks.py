"""Read hooks of a module, and hooks and attributes of its parameters: they change what a call or a training step does.

No code of a hook runs.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from bmvis.extraction import introspection
from bmvis.extraction.settings.plain_texts import is_volatile
from bmvis.extraction.settings.setting_values import callable_text, text_of
from bmvis.extraction.shortened import first_items
from bmvis.untrusted import user_text

MAX_HOOKS = 16
"""Hooks of one kind that are recorded by name."""
_HOOKS = {
    "_forward_pre_hooks": "forward_pre_hooks",
    "_forward_hooks": "forward_hooks",
    "_backward_pre_hooks": "backward_pre_hooks",
    "_backward_hooks": "backward_hooks",
}
_TENSOR_HOOKS = {
    "_backward_hooks": "backward_hooks",
    "_post_accumulate_grad_hooks": "post_accumulate_grad_hooks",
}
"""What `register_hook` and `register_post_accumulate_grad_hook` of a tensor fill."""
_PLAIN = (bool, int, float, str)
_STORED = frozenset((dict, *_PLAIN))
"""Classes of what a parameter with attributes refers to: its `__dict__`, or values that Python stores without one."""
_LAZY = "torch.nn.modules.lazy."
"""What a lazy module registers until it is called: its tensors show that."""


def hook_slots(names: Collection[str]) -> tuple[str, ...]:
    """Return those of the attributes of a module that are dictionaries of hooks."""
    return tuple(slot for slot in _HOOKS if slot in names)


def hook_settings(attributes: Mapping[str, Any], slots: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield a setting for each kind of hooks that a module has: `forward_hooks` and the names of the functions.

    Args:
        attributes: the `__dict__` of the module.
        slots: the result of `hook_slots`.
    """
    for slot in slots:
        if _size(attributes[slot]):
            names = [_hook(function) for function in list(dict.values(attributes[slot]))]
            names = [found for found in names if not found.startswith(_LAZY)]
            if names:
                yield _HOOKS[slot], " + ".join(first_items(names, MAX_HOOKS))


def tensor_hook_settings(tensors: introspection.Tensors) -> dict[str, str]:
    """Return a setting for each kind of hooks that a tensor has: `weight.backward_hooks`.

    Args:
        tensors: the parameters of a module, with their names.
    """
    found = {}
    for name, tensor in tensors:
        for slot, kind in _TENSOR_HOOKS.items():
            registered = getattr(tensor, slot)
            if _size(registered):
                names = map(_hook, list(dict.values(registered)))
                found[f"{name}.{kind}"] = " + ".join(first_items(names, MAX_HOOKS))
    return found


def tensor_attributes(tensors: introspection.Tensors) -> dict[str, str]:
    """Return a setting for each plain value among the public attributes of a parameter: `weight.lr_mult`.

    Args:
        tensors: the parameters of a module, with their names.
    """
    found = {}
    for name, tensor in tensors:
        if type(tensor) is not nn.Parameter:
            continue  # a class of a library keeps its state there
        if _STORED.isdisjoint(map(type, gc.get_referents(tensor))):
            continue  # a read of `__dict__` would make one, which the parameter keeps
        for key, value in introspection.own_dict(tensor).items():
            is_plain = type(key) is str and key[:1] != "_" and type(value) in _PLAIN
            if is_plain and not is_volatile(key, value) and (text := text_of(value, key)) is not None:
                found[f"{name}.{key}"] = text
    return found


def _size(registered: Any) -> int:
    return dict.__len__(registered) if issubclass(type(registered), dict) else 0


def _hook(function: Any) -> str:
    """Return the name of a hook, and the arguments of those that PyTorch's normalization and pruning register."""
    if introspection.class_module(type(function)).startswith("torch.nn.utils."):
        return _utility(function)
    return callable_text(function) or f"{_class_path(function)}()"


def _utility(function: Any) -> str:
    slots: Mapping[str, Any] = object.__getattribute__(function, "__dict__")
    methods = slots.get("_pruning_methods")
    if isinstance(methods, tuple):
        return " and ".join(map(_hook, methods))
    found = [f"{name}={text}" for name, value in slots.items() if name[0] != "_" and (text := text_of(value, name))]
    return f"{_class_path(function)}({', '.join(found)})"


def _class_path(thing: Any) -> str:
    return f"{introspection.class_module(type(thing))}.{user_text.class_qualname(type(thing))}"
