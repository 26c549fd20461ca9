"""A pattern finds what gives a model without arguments, in each form of callable."""

from __future__ import annotations

import sys
import types

import pytest
from torch import nn

from bmvis.child.building.listing import calls, each_reference, matching_factories, model_names
from bmvis.errors import FactoryError
from bmvis.reference_patterns import parse_pattern

SOURCE = """
import functools
from torch import nn

def plain() -> nn.Module: ...
def defaults(width=8): ...
def needs(width): ...
def number() -> int: ...
async def later(): ...
async def stream():
    yield 1

@functools.lru_cache
def cached(): ...

@functools.wraps(plain)
def wrapped(*args, **kwargs): ...

partial = functools.partial(needs, 8)
partial_of_class = functools.partial(nn.Linear, 2, 2)
short_partial = functools.partial(needs)
partial_later = functools.partial(later)

class Zoo:
    def method(self): ...
    def needing(self, width): ...
    def __call__(self): ...

class Net(nn.Module): ...
class NotNet: ...

def cycle(): ...
cycle.__wrapped__ = cycle

class Meta(type):
    __subclasscheck__ = __instancecheck__ = lambda *_: 1 / 0
    __call__ = property(lambda cls: 1 / 0)
class Hostile(metaclass=Meta): ...
hostile = object.__new__(Hostile)

method = Zoo().method
needing = Zoo().needing
instance = Zoo()
not_callable = NotNet()
number_value = 3
"""


def test_factories_of_a_module_are_found() -> None:
    module = types.ModuleType("zoo_of_listing")
    exec(SOURCE, module.__dict__)
    found = model_names(module)
    assert found == ["plain", "defaults", "cached", "wrapped", "partial", "Net", "method", "instance"]


def test_names_of_all_are_found() -> None:
    module = types.ModuleType("zoo_of_listing")
    exec(SOURCE, module.__dict__)
    module.__all__ = ["partial_of_class", "later", "cached"]
    assert model_names(module) == ["partial_of_class", "cached"]


def test_names_that_give_no_model_are_passed_over_with_a_reason() -> None:
    module = types.ModuleType("zoo_of_listing")
    exec(SOURCE, module.__dict__)
    module.Identity = nn.Identity  # type: ignore[attr-defined]
    found = matching_factories(module, parse_pattern("zoo_of_listing:*"))
    assert found.references[:2] == ("zoo_of_listing:plain", "zoo_of_listing:defaults")
    assert found.passed_over == (
        "needs (missing a required argument: 'width')",
        "number (returns int)",
        "later (a coroutine function)",
        "stream (a coroutine function)",
        "short_partial (missing a required argument: 'width')",
        "partial_later (a coroutine function)",
        "needing (missing a required argument: 'width')",
        "partial_of_class (imported, not in __all__)",
        "Identity (imported, not in __all__)",
    )


def test_pattern_with_arguments_finds_what_takes_them() -> None:
    module = types.ModuleType("zoo_of_listing")
    exec(SOURCE, module.__dict__)
    module.model = nn.Identity()  # type: ignore[attr-defined]
    found = matching_factories(module, parse_pattern("zoo_of_listing:*(width=4)"))
    assert found.references == tuple(
        f"zoo_of_listing:{name}(width=4)" for name in ("defaults", "needs", "short_partial", "Net", "needing")
    )
    assert "plain (got an unexpected keyword argument 'width')" in found.passed_over
    assert "model (a module object takes no arguments)" in found.passed_over


RESULTS = """
from __future__ import annotations
import contextlib, functools, typing
from torch import nn, optim

T = typing.TypeVar("T")
class Encoder(typing.Protocol):
    def forward(self, x): ...

def anything() -> typing.Any: ...
def union() -> nn.Linear | nn.Conv1d: ...
def optional() -> nn.Module | None: ...
def old_optional() -> typing.Optional[nn.Module]: ...
def with_optimizer() -> tuple[nn.Module, optim.Optimizer]: ...
def optional_tuple() -> typing.Tuple[nn.Module, optim.Optimizer] | None: ...
def protocol() -> Encoder: ...
def made() -> nn.Sequential[int]: ...
def single() -> tuple[nn.Module]: ...
def with_lists() -> tuple[nn.Module, list[optim.Optimizer], typing.Any]: ...
class Generic(nn.Module, typing.Generic[T]): ...
class Needy(Generic[T]):
    def __init__(self, width): ...
IntNet = Generic[int]
IntNeedy = Needy[int]

def number_or_text() -> int | str | None: ...
def tuples() -> tuple[tuple[nn.Module, int], int]: ...
def transformed() -> tuple[nn.Module, int]: ...
def several() -> tuple[nn.Module, ...]: ...
def listed() -> list[nn.Module]: ...
def cls() -> type[nn.Module]: ...
def layers():
    yield nn.Identity()

def sequential(function):
    @functools.wraps(function)
    def build():
        return nn.Sequential(*function())
    return build

built_layers = sequential(layers)
opened = contextlib.contextmanager(layers)
"""


def test_annotated_results_that_can_be_a_module_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("zoo_of_listing")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(RESULTS, module.__dict__)
    found = matching_factories(module, parse_pattern("zoo_of_listing:*"))
    names = [reference.partition(":")[2] for reference in found.references]
    assert names[:4] == ["anything", "union", "optional", "old_optional"]
    assert names[4:8] == ["with_optimizer", "optional_tuple", "protocol", "made"]
    assert names[8:] == ["single", "with_lists", "Generic", "IntNet", "built_layers"]
    others = [name.partition(" ")[0] for name in found.passed_over]
    assert others[:2] == ["Needy", "IntNeedy"]
    assert others[2:-3] == ["number_or_text", "tuples", "transformed", "several", "listed", "cls"]
    assert found.passed_over[-3::2] == (
        "layers (a generator function)",
        "opened (a context manager)",
    )


MODELS = """
from torch import nn

def net_1(): ...
def needs(width): ...

MODELS = {"small net": net_1, 'a"b': nn.Identity, "needs": needs, 3: net_1, "instance": nn.Identity()}
NETS = [net_1, needs, nn.Identity]
names = ["a", "b'c", 2, None, ["d"]]
many = range(10)

class Zoo:
    MODELS = {"inner": net_1}
"""


@pytest.mark.parametrize(
    ("pattern", "references"),
    [
        ("zoo:MODELS[*]", ["zoo:MODELS['small net']", "zoo:MODELS['a\"b']", "zoo:MODELS[3]", "zoo:MODELS['instance']"]),
        ("zoo:MODELS[*](width=2)", ["zoo:MODELS['a\"b'](width=2)", "zoo:MODELS['needs'](width=2)"]),
        ("zoo:NETS[*]", ["zoo:NETS[0]", "zoo:NETS[2]"]),
        ("zoo:needs(*names, 3, act='x')", [f"zoo:needs({name}, 3, act='x')" for name in ("'a'", '"b\'c"', "2")]),
        ("zoo:Zoo.MODELS[*]", ["zoo:Zoo.MODELS['inner']"]),
        ("zoo:needs(*names)", ["zoo:needs('a')", 'zoo:needs("b\'c")', "zoo:needs(2)"]),
        ("zoo:needs(*Zoo.MODELS)", ["zoo:needs('inner')"]),
    ],
)
def test_each_model_of_a_dictionary_or_list_is_found(pattern: str, references: list[str]) -> None:
    module = types.ModuleType("zoo")
    exec(MODELS, module.__dict__)
    assert list(each_reference(module, parse_pattern(pattern))) == references


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("zoo:NONE[*]", "zoo:NONE is missing"),
        ("zoo:needs(*many)", "zoo:many is a range"),
        ("zoo:needs(*net_1)", "zoo:net_1 is a function"),
    ],
)
def test_other_objects_are_an_error(pattern: str, message: str) -> None:
    module = types.ModuleType("zoo")
    exec(MODELS, module.__dict__)
    with pytest.raises(FactoryError) as raised:
        list(each_reference(module, parse_pattern(pattern)))
    assert raised.value.message == message


def test_list_that_a_function_returns_is_called_with_each_item() -> None:
    pattern = parse_pattern("zoo:build(*names('a*'), 3)")
    assert list(calls(pattern, ["a", 1])) == ["zoo:build('a', 3)", "zoo:build(1, 3)"]
    assert list(calls(pattern, {"b": 0})) == ["zoo:build('b', 3)"]


def test_function_without_a_call_is_an_error_with_the_call() -> None:
    module = types.ModuleType("zoo")
    exec(MODELS, module.__dict__)
    with pytest.raises(FactoryError) as raised:
        list(each_reference(module, parse_pattern("zoo:needs(*net_1)")))
    assert raised.value.hint == "to use the list that it returns, call it: build(*net_1())"
