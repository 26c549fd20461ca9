"""Modules with equal attributes are read once; a module with any other attribute is read itself."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
import torch
from torch import nn

from bmvis.extraction.attribute_kinds import AttributeKinds
from bmvis.extraction.modules import capture


@dataclass
class BlockConfig:
    heads: int = 2


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rate = 1
        self.steps = (1, 2)
        self.weight = nn.Parameter()

    def forward(self, x: Any) -> Any:
        return x * self.rate


class Other(Block):
    """A class that differs in nothing."""


AQLM = (torch.zeros(4, 1, 1), torch.zeros(1, 256, 1, 8), torch.zeros(4, 1, 1, 1))
"""Codes, codebooks and scales of a layer of AQLM."""


def hook(*_: Any) -> None:
    """Do nothing."""


def given(**attributes: Any) -> Callable[[nn.Module], None]:
    def change(module: nn.Module) -> None:
        for name, value in attributes.items():
            object.__setattr__(module, name, value)

    return change


def deleted(module: nn.Module) -> None:
    del module.rate


CHANGES: dict[str, Callable[[nn.Module], object]] = {
    "value": given(rate=2),
    "type of a number": given(rate=True),
    "type of an equal number": given(rate=1.0),
    "type in a tuple": given(steps=(True, 2)),
    "other attribute": given(extra=3),
    "no attribute": deleted,
    "forward of the instance": given(forward=functools.partial(hook, scale=3)),
    "method of the instance": lambda module: given(forward=types.MethodType(hook, module))(module),
    "configuration": given(config=BlockConfig(7)),
    "configuration in a private attribute": given(_hparams={"width": 5}),
    "dictionary": given(options={"scale": 4}),
    "module in a list": given(layers=[nn.Linear(2, 3)]),
    "module in a closure": given(act=lambda x, inner=nn.Linear(2, 3): inner(x)),  # noqa: B008  # one module is enough
    "hook": lambda module: module.register_forward_hook(hook),
    "hook with a module": lambda module: module.register_forward_hook(functools.partial(nn.Linear(2, 3), hook)),
    "backward hook": lambda module: module.register_full_backward_hook(hook),
    "hook of the state dict": lambda module: module.register_state_dict_pre_hook(hook),
    "hook that loads": lambda module: module.register_load_state_dict_post_hook(hook),
    "method that saves": given(state_dict=hook),
}


def changed(change: Callable[[nn.Module], object]) -> nn.Module:
    module = Block()
    change(module)
    return module


def facts(module: nn.Module, *others: nn.Module) -> tuple[Any, ...]:
    """Return what is recorded of a module after others, without its path."""
    name = str(len(others))
    tree = capture(nn.Sequential(*others, module))
    notes = [note.replace(f"{name}.", "") for note in tree.notes]
    return msgspec.structs.replace(tree.modules[-1], name=""), notes, tree.configurations


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_module_with_another_attribute_is_read_itself(change: Callable[[nn.Module], object]) -> None:
    module = changed(change)
    alone = facts(module)
    assert facts(module, Block(), Block()) == alone
    assert alone != facts(Block())
    kinds = AttributeKinds()
    assert len({kinds.read(each) for each in (Block(), Block(), module, changed(given(rate=9)))}) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (BlockConfig(7), BlockConfig(8)),
        ({"scale": 4}, {"scale": 5}),
        ([1], [2]),
        ([nn.Linear(2, 3)], [nn.Linear(4, 5)]),
        (functools.partial(hook, scale=3), functools.partial(hook, scale=4)),
        ([], ()),
        ((1, [2]), (1, [3])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_module_with_another_value_of_an_attribute_is_read_itself(one: Any, other: Any) -> None:
    module, before = changed(given(value=one)), changed(given(value=other))
    record, notes, configurations = facts(module)
    after, all_notes, all_configurations = facts(module, before)
    assert record == after
    assert set(notes) <= set(all_notes)
    assert set(map(repr, configurations)) <= set(map(repr, all_configurations))
    assert facts(module, before) != facts(before, before)


def test_modules_of_one_class_with_equal_attributes_are_of_one_kind() -> None:
    config, kinds = BlockConfig(), AttributeKinds()
    modules = [changed(given(config=config, pruned=set(), names=[])) for _ in range(3)]
    assert len(set(map(kinds.read, modules))) == 1


def test_tensors_children_and_mode_do_not_count() -> None:
    modules = [nn.Linear(2, 3), nn.Linear(2, 3, bias=False), nn.Linear(2, 3).eval()]
    modules[1].add_module("child", nn.ReLU())
    modules[2].register_buffer("mask", None)
    assert len(set(map(AttributeKinds().read, modules))) == 1


def test_module_with_hooks_equals_only_itself() -> None:
    kinds, modules = AttributeKinds(), [Block(), Block()]
    for module in modules:
        module.register_forward_hook(hook)
    first, second, again = map(kinds.read, (*modules, modules[0]))
    assert first == again != second


def test_classes_are_read_on_their_own() -> None:
    kinds = AttributeKinds()
    assert kinds.read(Block()) != kinds.read(Other())


def test_attribute_that_changed_between_two_captures_is_read_again() -> None:
    model = nn.Sequential(Block(), Block())
    assert [module.settings for module in capture(model).modules[1:]] == [{"rate": "1", "steps": "(1, 2)"}] * 2
    model[1].rate = 5
    assert [module.settings["rate"] for module in capture(model).modules[1:]] == ["1", "5"]


def patched(state: Any, *_: Any) -> None:
    """Load nothing."""


def test_code_that_replaces_that_of_pytorch_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.Module, "_load_from_state_dict", patched)
    code = capture(nn.Sequential(Block())).modules[1].state_code
    assert code is not None
    assert code.loading == (f"{__name__}.patched",)


def test_version_and_state_code_of_a_base_class_are_recorded() -> None:
    base = type("Base", (Block,), {"_version": 4, "get_extra_state": hook})
    code = capture(nn.Sequential(Block(), type("Inner", (base,), {})())).modules[2].state_code
    assert code is not None
    assert (code.version, code.saves_extra, code.loads_extra) == (4, True, False)


def test_each_configuration_of_one_class_is_recorded() -> None:
    configs = [BlockConfig(3), BlockConfig(4), BlockConfig(3)]
    model = nn.Sequential(*[changed(given(config=config)) for config in configs], nn.ReLU())
    assert [found.values for found in capture(model).configurations] == [{"heads": "3"}, {"heads": "4"}, {"heads": "3"}]


def test_a_parameter_among_codebooks_has_its_own_record() -> None:
    packed = nn.Module()
    packed.codes, packed.codebooks, packed.scales = (nn.Parameter(x) for x in AQLM)
    packed.num_codebooks, packed.nbits_per_codebook, packed.out_features, packed.in_features = 1, 8, 4, 8
    plain = nn.Module()
    plain.scales = nn.Parameter(AQLM[2])
    tree = capture(nn.Sequential(plain, packed))
    alone = capture(packed)
    assert tree.modules[2].parameters == alone.root.parameters
    assert tree.modules[1].parameters[0].count == 4
    assert alone.root.parameters[2].count == 0
