"""A pattern finds what gives a model without arguments, in each form of callable."""

from __future__ import annotations

import types

import pytest

from bmvis.child.listing import each, model_names
from bmvis.errors import FactoryError
from bmvis.reference import parse_pattern

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
    found = model_names(module, "*")
    assert found == ["plain", "defaults", "cached", "wrapped", "partial", "Net", "method", "instance"]


def test_names_of_all_are_found() -> None:
    module = types.ModuleType("zoo_of_listing")
    exec(SOURCE, module.__dict__)
    module.__all__ = ["partial_of_class", "later", "cached"]
    assert model_names(module, "*") == ["partial_of_class", "cached"]


MODELS = """
from torch import nn

def net_1(): ...
def needs(width): ...

MODELS = {"small net": net_1, 'a"b': nn.Identity, "needs": needs, 3: net_1, "instance": nn.Identity()}
names = ["a", "b'c", 2, None, ["d"]]
many = range(10)

class Zoo:
    MODELS = {"inner": net_1}
"""


@pytest.mark.parametrize(
    ("pattern", "references"),
    [
        ("zoo:MODELS[*]", ["zoo:MODELS['small net']", "zoo:MODELS['a\"b']", "zoo:MODELS['instance']"]),
        ("zoo:Zoo.MODELS[*]", ["zoo:Zoo.MODELS['inner']"]),
        ("zoo:needs(*names)", ["zoo:needs('a')", 'zoo:needs("b\'c")', "zoo:needs(2)"]),
        ("zoo:needs(*Zoo.MODELS)", ["zoo:needs('inner')"]),
    ],
)
def test_each_model_of_a_dictionary_or_list_is_found(pattern: str, references: list[str]) -> None:
    module = types.ModuleType("zoo")
    exec(MODELS, module.__dict__)
    assert list(each(module, parse_pattern(pattern))) == references


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("zoo:names[*]", "zoo:names is a list"),
        ("zoo:NONE[*]", "zoo:NONE is missing"),
        ("zoo:needs(*many)", "zoo:many is a range"),
        ("zoo:needs(*net_1)", "zoo:net_1 is a function"),
    ],
)
def test_other_objects_are_an_error(pattern: str, message: str) -> None:
    module = types.ModuleType("zoo")
    exec(MODELS, module.__dict__)
    with pytest.raises(FactoryError) as raised:
        list(each(module, parse_pattern(pattern)))
    assert raised.value.message == message
