"""Facts without a host: how they are written, of models and of modules, and which are refused."""

import msgspec
import pytest
from captured import capture
from torch import nn
from trees import bert, linear

from bmvis.errors import BmvisError, OptionError
from bmvis.model.call import Call
from bmvis.model.tree import Model, Module, Problem
from bmvis.overviews.fact_text import fact_text
from bmvis.overviews.facts import parse_fact, parse_words, split_module

NAMED = {"bert", "taken"}
NET = Model((Module("", 0, "Net"), linear("a", 1, 10_000, 10_948), linear("b", 1, 3, 3)))


def written(text: str, model: Model = NET, of: str = "parameters") -> str:
    return fact_text(model, parse_words(text, of, NAMED.__contains__, "auto")).text


@pytest.mark.parametrize(
    ("style", "count", "size"),
    [
        ("short", "109.5M", "438 MB"),
        ("exact", "109,490,960", "437,963,840 bytes"),
        ("words", "109.5 million", "438 MB"),
        ("rounded", "110 million", "440 MB"),
    ],
)
def test_style_of_a_fact_sets_its_rounding(style, count, size):
    assert written(f"zoo:net {style}") == count
    assert written(f"zoo:net format={style}", of="size") == size


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (72, "72"),
        (5_212, "5,200"),
        (5_250, "5,300"),
        (9_960, "10 thousand"),
        (355_000_000, "360 million"),
        (999_500_000, "1 billion"),
        (1_240_000_000, "1.2 billion"),
    ],
)
def test_rounded_numbers_have_two_significant_digits(number, shown):
    weight = msgspec.structs.replace(NET.modules[2].parameters[0], count=number)
    model = Model((msgspec.structs.replace(NET.root, parameters=(weight,)),))
    assert written("zoo:net rounded", model) == shown


@pytest.mark.parametrize(
    ("text", "reference", "module"),
    [
        ("bert", "bert", ""),
        ("bert:encoder.layer.0", "bert", "encoder.layer.0"),
        ("zoo:bert", "zoo:bert", ""),
        ("taken:bert", "taken", "bert"),
        ("pkg.zoo:bert", "pkg.zoo:bert", ""),
        ("pkg.zoo:bert:encoder", "pkg.zoo:bert", "encoder"),
        ('pkg.zoo:bert({"a": (1, 2)}, "b:c"):0.x', 'pkg.zoo:bert({"a": (1, 2)}, "b:c")', "0.x"),
        ("snapshot:bert:pooler", "snapshot:bert", "pooler"),
        ("checkpoint:a/b.safetensors", "checkpoint:a/b.safetensors", ""),
    ],
)
def test_references_with_a_module(text, reference, module):
    assert split_module(text, NAMED.__contains__) == (reference, module)


def test_words_of_a_role():
    fact = parse_words(
        'pkg.zoo:f(a=(1, "x y")):layer macs exact inputs="a: int64[1, 8]; b: bool[2]"', "", NAMED.__contains__, "cpu"
    )
    assert fact.reference == 'pkg.zoo:f(a=(1, "x y"))'
    assert fact.request.inputs == "a: int64[1, 8]; b: bool[2]"
    assert fact.request.device == "cpu"
    assert (fact.options.of, fact.options.format, fact.options.module) == ("macs", "exact", "layer")
    assert fact.unknown == '[unknown: macs of pkg.zoo:f(a=(1, "x y")), layer]'


def test_inputs_are_requested_for_calls_only():
    written = {"inputs": "int64[1, 8]"}
    requests = [parse_fact("bert", written | {"of": of}, NAMED.__contains__, "auto").request for of in ("macs", "size")]
    assert [request.inputs for request in requests] == ["int64[1, 8]", ""]


def test_every_module_has_the_numbers_that_pytorch_counts():
    inside = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3))
    torch_model = nn.ModuleDict({"first": inside, "again": inside, "tied": nn.Linear(3, 4)})
    torch_model["tied"].weight = inside[0].weight
    model = capture(torch_model)
    for path, module in torch_model.named_modules(remove_duplicate=False):
        place = f"net:m:{path}" if path else "net:m"
        assert written(f"{place} exact", model) == f"{sum(p.numel() for p in module.parameters()):,}"
        assert written(place, model, of="type") == type(module).__name__
        assert written(f"{place} exact", model, of="depth") == str(
            max(name.count(".") + 1 if name else 0 for name, _ in module.named_modules())
        )


def test_macs_of_a_module_and_of_one_that_nobody_called():
    first, second = (msgspec.structs.replace(module, call=Call(1, macs=9)) for module in NET.modules[:2])
    model = Model((first, second, NET.modules[2]))
    assert written("m:net:a inputs=float32[1]", model, of="macs") == "9"
    with pytest.raises(OptionError, match="'m:net, b' has no value of 'macs'"):
        written("m:net:b inputs=float32[1]", model, of="macs")
    with pytest.raises(OptionError, match="'macs' requires 'inputs'"):
        written("bert", bert(), of="macs")


@pytest.mark.parametrize(
    ("text", "of", "message"),
    [
        ("", "parameters", "the fact has no model"),
        ("zoo:net:c", "parameters", "the model 'zoo:net' has no module 'c' (known: a, b)"),
        ("x:net:a", "active", "a module has no value of 'active'"),
        ("x:net", "delta size", "invalid value 'delta size' for option 'of'"),
    ],
)
def test_invalid_fact_is_an_error(text, of, message):
    with pytest.raises(OptionError) as caught:
        fact_text(NET, parse_fact(text, {"of": of}, set().__contains__, "auto"))
    assert message in str(caught.value)


def test_a_call_that_failed_concerns_macs_only():
    model = msgspec.structs.replace(NET, inputs="int64[1]", untraced=Problem("the model could not be called"))
    assert written("bert rounded", model) == "110 million"
    with pytest.raises(BmvisError, match="could not be called"):
        written("bert", model, of="macs")


def test_a_number_of_a_model_that_may_lack_modules_is_no_fact():
    with pytest.raises(BmvisError, match="may be incomplete"):
        written("zoo:net", msgspec.structs.replace(NET, incomplete=Problem("the tree may be incomplete")))
