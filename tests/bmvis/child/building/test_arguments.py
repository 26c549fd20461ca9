"""Names in the arguments of a reference: data types, enumeration members, or classes that a parameter accepts."""

from __future__ import annotations

import enum
import sys
import types

import pytest
import torch
from torch import nn

from bmvis.child.building.arguments import resolve
from bmvis.errors import BmvisError, InvalidReferenceError
from bmvis.reference import parse_reference

SOURCE = """
import enum, functools, os
from collections.abc import Callable, Sequence
from typing import Optional
import torch
from torch import nn
from torch.nn import Tanh

class Size(enum.Enum):
    SMALL = 1
    LARGE = 2

class Other(enum.Enum):
    LARGE = 3

def net(size=Size.SMALL, act=nn.ReLU, dtype=torch.float32, width=8, number=3): ...
def annotated(size: Size, act: type[nn.Module], maybe: Size | None = None): ...

class Net(nn.Module):
    def __init__(self, size: Size = Size.SMALL, act: type[nn.Module] = nn.ReLU): ...

@functools.wraps(net)
def wrapped(*args, **kwargs): ...

class Inherits(Net): ...
class Builder:
    def __call__(self, act: type[nn.Module] | None = None): ...
    def method(self, act: type[nn.Module] | None = None): ...
builder = Builder()
method = builder.method
partial = functools.partial(annotated, maybe=None)
partial_of_class = functools.partial(Net, Size.SMALL)
def several(*acts: type[nn.Module]): ...
def callables(norm: Optional[Callable[..., nn.Module]] = None, key: Callable[[int], int] | None = None): ...
def nested(acts: dict[str, list[type[nn.Module]]] | None = None, sizes: Sequence[Size] | None = None): ...
def half_known(config: "Missing", act: "type[nn.Module] | None" = None): ...
"""


@pytest.fixture(scope="module")
def zoo():
    module = types.ModuleType("zoo_of_arguments")
    sys.modules["zoo_of_arguments"] = module
    exec(SOURCE, module.__dict__)
    yield module
    del sys.modules["zoo_of_arguments"]


def resolved(zoo, text, allow=("*",)):
    reference = parse_reference(f"zoo_of_arguments:{text}")
    found = resolve(getattr(zoo, reference.attribute), reference, allow)
    return [*found.arguments, *found.keywords.values()]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("net(dtype=torch.bfloat16)", [torch.bfloat16]),
        ("net(width={'a': [torch.int8]})", [{"a": [torch.int8]}]),
        ("net(size=Size.LARGE)", ["Size.LARGE"]),
        ("net(LARGE)", ["Size.LARGE"]),
        ("net(act=nn.GELU)", [nn.GELU]),
        ("net(act=Tanh)", [nn.Tanh]),
        ("annotated(Size.LARGE, nn.GELU)", ["Size.LARGE", nn.GELU]),
        ("annotated(Size.SMALL, nn.GELU, maybe=Size.LARGE)", ["Size.SMALL", nn.GELU, "Size.LARGE"]),
        ("Net(Size.LARGE, nn.GELU)", ["Size.LARGE", nn.GELU]),
        ("wrapped(size=Size.LARGE)", ["Size.LARGE"]),
        ("Inherits(act=nn.GELU)", [nn.GELU]),
        ("builder(nn.GELU)", [nn.GELU]),
        ("method(act=nn.GELU)", [nn.GELU]),
        ("partial(Size.LARGE, nn.GELU)", ["Size.LARGE", nn.GELU]),
        ("partial_of_class(act=nn.GELU)", [nn.GELU]),
        ("several(nn.GELU, nn.ReLU)", [nn.GELU, nn.ReLU]),
        ("callables(norm=nn.GroupNorm)", [nn.GroupNorm]),
        ("nested(acts={'a': [nn.GELU]})", [{"a": [nn.GELU]}]),
        ("nested(sizes=[Size.LARGE])", [["Size.LARGE"]]),
        ("half_known(3, nn.GELU)", [3, nn.GELU]),
        ("net(width=3)", [3]),
    ],
)
def test_names_are_resolved(zoo, text, values):
    def named(value):
        if isinstance(value, list):
            return list(map(named, value))
        return f"Size.{value.name}" if isinstance(value, enum.Enum) else value

    assert named(resolved(zoo, text)) == values


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("net(size=Size.LARGEE)", "did you mean 'LARGE'?"),
        ("net(size=Other.LARGE)", "a name can be"),
        ("net(act=nn.functional)", "a name can be"),
        ("net(act=os.system)", "a name can be"),
        ("net(act=Size)", "a name can be"),
        ("net(width=nn.GELU)", "a name can be"),
        ("net(dtype=torch.load)", "a name can be"),
        ("net(act=nn.Module.__init__)", "a name can be"),
        ("callables(norm=Size)", "a name can be"),
        ("callables(norm=os.system)", "a name can be"),
        ("callables(key=nn.GELU)", "a name can be"),
    ],
)
def test_other_names_are_refused(zoo, text, hint):
    with pytest.raises(BmvisError) as raised:
        resolved(zoo, text)
    assert raised.value.hint.startswith(hint)


def test_allow_list_checks_classes(zoo):
    allow = ("zoo_of_arguments:*",)
    assert resolved(zoo, "net(dtype=torch.int8)", allow) == [torch.int8]
    assert resolved(zoo, "net(act=nn.GELU)", (*allow, "torch.nn:GELU")) == [nn.GELU]
    with pytest.raises(InvalidReferenceError, match=r"not allowed.*add torch\.nn:GELU to `allow`"):
        resolved(zoo, "net(act=nn.GELU)", allow)
