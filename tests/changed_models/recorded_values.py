"""Changes of values that a record shortens, of orders, and of objects that settings contain."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.optim import lr_scheduler

from changed_models.models import Build


class Plain(nn.Module):
    """A module with given attributes."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        for name, value in attributes.items():
            setattr(self, name, value)


class Described(nn.Module):
    """A module whose `extra_repr()` is given."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def extra_repr(self) -> str:
        return self._text


def plain(**attributes: Any) -> Build:
    return functools.partial(Plain, **attributes)


def described(text: str) -> Build:
    return functools.partial(Described, text)


def hooked(*hooks: Callable[..., Any]) -> Build:
    def build() -> nn.Module:
        model = nn.Linear(2, 2)
        for hook in hooks:
            model.register_forward_hook(hook)
        return model

    return build


def one(*_: Any) -> None:
    """Do nothing."""


def other(*_: Any) -> None:
    """Do nothing."""


def scaled(*_: Any, factor: int) -> None:
    """Do nothing."""


def optimized(order: slice = slice(None), foreign: int = 0, *, is_last: bool = True, **settings: Any) -> Build:
    """Return a build of a model and an optimizer of its parameters in some order, and of other tensors."""

    def build() -> tuple[Any, ...]:
        model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
        own, others = list(model.parameters())[order], [nn.Parameter(torch.zeros(1)) for _ in range(foreign)]
        optimizer = torch.optim.SGD([*own, *others] if is_last else [*others, *own], lr=0.1)
        optimizer.param_groups[0].update(settings)
        return model, optimizer

    return build


def scheduled(schedule: Callable[..., Any]) -> Build:
    def build() -> tuple[Any, ...]:
        model, optimizer = optimized()()
        return model, optimizer, schedule(optimizer)

    return build


def in_order(*names: str, kind: type[nn.Module] = nn.Linear) -> Build:
    """Return a build of a `Sequential` whose children have names."""
    sizes = {nn.Linear: (2, 2)}.get(kind, ())
    return lambda: nn.Sequential(OrderedDict((name, kind(*sizes)) for name in names))


def shared_then(width: int) -> Build:
    """Return a build of a model with an unregistered layer behind a module that occurs twice."""

    def build() -> nn.Module:
        layer = nn.Linear(2, 2)
        return nn.Sequential(layer, layer, Plain(items=[nn.Linear(2, width)]))

    return build


def with_buffers(*names: str) -> Build:
    def build() -> nn.Module:
        model = nn.Linear(2, 2)
        for name in names:
            model.register_buffer(name, torch.zeros(1))
        return model

    return build


def nested(heads: int) -> Build:
    """Return a build of a model with a configuration below several others."""
    config = SimpleNamespace(heads=heads)
    for _ in range(5):
        config = SimpleNamespace(inner=config)
    return plain(cfg=config)


def transformers_config(heads: int) -> Any:
    from transformers import BertConfig

    return BertConfig(num_attention_heads=heads)


def sized(size: int, text: str = "", **attributes: Any) -> Build:
    """Return a build of a module with a parameter, an `extra_repr()`, and attributes."""

    def build() -> nn.Module:
        model = Described(text)
        model.weight = nn.Parameter(torch.zeros(size))
        for name, value in attributes.items():
            setattr(model, name, value)
        return model

    return build


class Scale:
    """A hook with an attribute."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, *_: Any) -> None:
        """Do nothing."""


MANY = {f"k{number}": number for number in range(300)}
LONG = ", ".join(f"k{number}={number}" for number in range(100))
CHANGES: dict[str, tuple[Build, Build, str | None, int]] = {
    "order in a group": (optimized(), optimized(slice(None, None, -1)), "training", 1),
    "other order in a group": (optimized(slice(1, None)), optimized(slice(None, 0, -1)), "training", 1),
    "foreign tensor first": (optimized(foreign=1), optimized(foreign=1, is_last=False), "training", 1),
    "foreign tensor": (optimized(), optimized(foreign=1), "training", 2),
    "last of many values of a group": (
        optimized(sizes=list(range(20))),
        optimized(sizes=[*range(19), 0]),
        "training",
        1,
    ),
    "end of a text of a group": (optimized(text="a" * 90), optimized(text="a" * 89 + "b"), "training", 1),
    "dictionary of a group": (optimized(options={"a": 1}), optimized(options={"a": 2}), "training", 1),
    "partial function of a group": (
        optimized(f=functools.partial(functional.relu, inplace=True)),
        optimized(f=functools.partial(functional.relu, inplace=False)),
        "training",
        1,
    ),
    "digits of a rate": (optimized(lr=1.0000001e-3), optimized(lr=1.000002e-3), "training", 1),
    "milestone that is given twice": (
        scheduled(lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [1, 2])),
        scheduled(lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [1, 2, 2])),
        "training",
        1,
    ),
    "last of many hooks": (hooked(*[one] * 20), hooked(*[one] * 19, other), "numerics", 1),
    "number of hooks": (hooked(*[one] * 20), hooked(*[one] * 21), "numerics", 1),
    "last of many settings": (plain(**MANY), plain(**MANY | {"k299": 0}), "numerics", 1),
    "end of a long extra_repr": (described(LONG), described(LONG.replace("k99=99", "k99=0")), "numerics", 1),
    "end of a very long extra_repr": (described("a" * 5_000 + "b"), described("a" * 5_000 + "c"), "numerics", 1),
    "last of very many numbers": (
        plain(table=list(range(5_000))),
        plain(table=[*range(4_999), 0]),
        "numerics",
        1,
    ),
    "count of numbers beyond the limit": (plain(table=[0] * 70_000), plain(table=[0] * 70_001), "numerics", 1),
    "order of a Sequential": (in_order("a", "b"), in_order("b", "a"), "numerics", 1),
    "order of activations": (
        lambda: nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh())),
        lambda: nn.Sequential(OrderedDict(b=nn.Tanh(), a=nn.ReLU())),
        "numerics",
        1,
    ),
    "order of buffers": (with_buffers("a", "b"), with_buffers("b", "a"), "cosmetic", 1),
    "layer in a list": (plain(items=[nn.Linear(2, 2)]), plain(items=[nn.Linear(2, 3)]), "numerics", 1),
    "setting of a layer in a list": (plain(items=[nn.Dropout(0.1)]), plain(items=[nn.Dropout(0.2)]), "numerics", 1),
    "layer in a dictionary": (plain(of={"a": nn.Linear(2, 2)}), plain(of={"a": nn.Linear(2, 3)}), "numerics", 1),
    "layer in a list after a shared module": (shared_then(2), shared_then(3), "numerics", 1),
    "number with an object": (plain(stages=[("a", object(), 1)]), plain(stages=[("a", object(), 2)]), "numerics", 1),
    "number with a long string": (plain(parts=["a" * 100, 1]), plain(parts=["a" * 100, 2]), "numerics", 1),
    "count of nested numbers": (plain(table=[[0] * 300] * 300), plain(table=[[0] * 300] * 299), "numerics", 1),
    "configuration below many": (nested(4), nested(8), "numerics", 1),
    "configuration of a library": (
        lambda: Plain(text_config=transformers_config(12)),
        lambda: Plain(text_config=transformers_config(6)),
        "numerics",
        1,
    ),
    "bytes": (plain(code=b"ab"), plain(code=b"cd"), "numerics", 1),
    "time steps": (plain(time=8), plain(time=16), "numerics", 1),
    "argument that is given twice": (described("k=3, k=2"), described("k=5, k=2"), "numerics", 1),
    "word with a size": (sized(4, "4, relu"), sized(8, "8, gelu"), "checkpoint", 2),
    "window of the size of a layer": (sized(4, window_size=4), sized(8, window_size=8), "checkpoint", 2),
    "affinity, which has init in it": (plain(affinity=1), plain(affinity=2), "numerics", 1),
    "initialization": (plain(weight_init="a"), plain(weight_init="b"), "training", 1),
    "noise schedule": (plain(noise_schedule="linear"), plain(noise_schedule="cosine"), "numerics", 1),
    "layer in a list named aux": (plain(aux=[nn.Linear(2, 2)]), plain(aux=[nn.Linear(2, 3)]), "numerics", 1),
    "hook that is an object": (hooked(Scale(2)), hooked(Scale(3)), "numerics", 1),
    "slice": (plain(part=slice(3)), plain(part=slice(4)), "numerics", 1),
}
"""The build before and after, the most serious class, and the greatest number of lines."""
