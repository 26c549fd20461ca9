"""A pattern finds what gives a model without arguments, in each form of callable."""

from __future__ import annotations

import types

from bmvis.child.listing import model_names

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
