"""Renamed keys of a state dict: the old file loads with them."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from small_models import Named, bert
from torch import nn

import bmvis


def mlp(*sizes: int) -> nn.Sequential:
    return nn.Sequential(*(nn.Linear(a, b) for a, b in pairwise(sizes)))


class Own(nn.Module):
    def __init__(self, **shapes: int) -> None:
        super().__init__()
        for name, size in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.rand(size)))


def shared(name: str) -> nn.Module:
    one = mlp(2, 3)
    return Named(**{name: Named(first=one, second=one)}, other=nn.Linear(5, 5))


def lora(model: nn.Module) -> nn.Module:
    peft = pytest.importorskip("peft")
    return peft.get_peft_model(model, peft.LoraConfig(target_modules=["query", "value"]))


Build = Callable[[], nn.Module]


def repeated(name: str) -> nn.Module:
    return nn.Sequential(*(Named(norm=nn.LayerNorm(2), **{name: mlp(2, 3, 2)}) for _ in range(3)))


CERTAIN: dict[str, tuple[Build, Build, int]] = {
    "renamed": (
        lambda: Named(body=mlp(2, 3), head=nn.Linear(3, 4)),
        lambda: Named(body=mlp(2, 3), classifier=nn.Linear(3, 4)),
        2,
    ),
    "renamed in each block": (lambda: repeated("mlp"), lambda: repeated("ffn"), 12),
    "renamed at two levels": (
        lambda: Named(layers=nn.ModuleList([Named(up=mlp(2, 3), down=nn.LayerNorm(3)) for _ in range(3)])),
        lambda: Named(h=nn.ModuleList([Named(fc1=mlp(2, 3), fc2=nn.LayerNorm(3)) for _ in range(3)])),
        12,
    ),
    "renamed with its class": (
        lambda: Named(mlp=Named(up=nn.Linear(2, 3), act=nn.ReLU())),
        lambda: Named(ffn=nn.ModuleDict({"up": nn.Linear(2, 3), "act": nn.SiLU()})),
        2,
    ),
    "inserted": (
        lambda: mlp(2, 2, 2, 2),
        lambda: nn.Sequential(nn.LayerNorm(2), *mlp(2, 2, 2, 2)),
        6,
    ),
    "moved and renamed": (
        lambda: Named(a=nn.Linear(2, 3), b=nn.LayerNorm(3)),
        lambda: Named(encoder=Named(proj=nn.Linear(2, 3)), b=nn.LayerNorm(3)),
        2,
    ),
    "DataParallel": (lambda: mlp(2, 2, 2), lambda: nn.DataParallel(mlp(2, 2, 2)), 4),
    "unwrapped": (lambda: nn.DataParallel(mlp(2, 2, 2)), lambda: mlp(2, 2, 2), 4),
    "LoRA": (bert, lambda: lora(bert()), 39),
    "a parameter": (lambda: Own(gamma=3, beta=4), lambda: Own(weight=3, bias=4), 2),
    "shared": (lambda: shared("old"), lambda: shared("new"), 4),
}
"""The number of keys that the mapping has."""


@pytest.mark.parametrize(("before", "after", "count"), CERTAIN.values(), ids=CERTAIN)
def test_an_old_state_dict_loads_with_the_mapping(before: Build, after: Build, count: int) -> None:
    old, new = before(), after()
    keys = bmvis.compare(old, new).key_map()
    assert len(keys) == count
    state = {keys.get(key, key): tensor for key, tensor in old.state_dict().items()}
    loaded = new.load_state_dict(state, strict=False)
    assert loaded.unexpected_keys == []
    assert all(torch.equal(new.state_dict()[keys[key]], old.state_dict()[key]) for key in keys)
    assert not any("lora" not in key for key in loaded.missing_keys if not key.startswith("0."))


AMBIGUOUS: dict[str, tuple[Build, Build, int, int]] = {
    "two heads of one shape": (
        lambda: Named(a=nn.Linear(2, 3), b=nn.Linear(2, 3), body=nn.Linear(9, 9)),
        lambda: Named(c=nn.Linear(2, 3), d=nn.Linear(2, 3), body=nn.Linear(9, 9)),
        0,
        4,
    ),
    "two layers of each block": (
        lambda: nn.Sequential(*(Named(q=nn.Linear(2, 2), k=nn.Linear(2, 2)) for _ in range(2))),
        lambda: nn.Sequential(*(Named(query=nn.Linear(2, 2), key=nn.Linear(2, 2)) for _ in range(2))),
        0,
        8,
    ),
    "two classes with equal layers": (
        lambda: Named(a=nn.Sequential(nn.Linear(2, 3)), b=nn.ModuleList([nn.Linear(2, 3)])),
        lambda: Named(c=Named(x=nn.Linear(2, 3)), d=nn.ModuleDict({"y": nn.Linear(2, 3)})),
        0,
        4,
    ),
    "one of two heads": (
        lambda: Named(a=nn.Linear(2, 3), b=nn.Linear(2, 3)),
        lambda: Named(a=nn.Linear(2, 3), c=nn.Linear(2, 3)),
        2,
        2,
    ),
    "two parameters of one shape": (lambda: Own(a=3, b=3, c=4), lambda: Own(d=3, e=3, f=4), 1, 3),
    "a new number among equal ones": (
        lambda: nn.Sequential(*(nn.Linear(2, 2) for _ in range(2))),
        lambda: nn.Sequential(nn.LayerNorm(2), *(nn.Linear(2, 2) for _ in range(3))),
        0,
        4,
    ),
    "a new module of the same shape": (
        lambda: Named(a=nn.Linear(2, 3)),
        lambda: Named(c=nn.Linear(2, 3), d=nn.Linear(2, 3)),
        0,
        2,
    ),
}
"""The number of keys without and with `guess`."""


@pytest.mark.parametrize(("before", "after", "certain", "guessed"), AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_key_that_can_be_another_one_is_a_guess(before: Build, after: Build, certain: int, guessed: int) -> None:
    found = bmvis.compare(before(), after())
    assert (len(found.key_map()), len(found.key_map(guess=True))) == (certain, guessed)


def test_keys_that_are_still_there_are_not_renamed() -> None:
    assert bmvis.compare(mlp(2, 3), mlp(2, 4)).renamed == ()
    assert bmvis.compare(mlp(2, 3, 4), mlp(2, 3)).renamed == ()
