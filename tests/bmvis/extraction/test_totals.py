"""The totals of every subtree equal the sums from PyTorch, for any tree of modules."""

from types import SimpleNamespace

import pytest
import torch
from captured import captured_parameters
from examples import EXAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from bmvis import capture
from bmvis.model.preorder import module_paths, subtree_sizes
from bmvis.model.totals import subtree_totals

DTYPES = [torch.float32, torch.float16, torch.float64, torch.int8, torch.complex64]


class Part(nn.Module):
    __repr__ = object.__repr__  # PyTorch's own recurses without end if a module contains itself


@st.composite
def models(draw: st.DrawFn) -> nn.Module:
    """Draw a tree of modules; tensors and modules can be shared, frozen, None, or contain themselves."""
    pool = SimpleNamespace(
        modules=[Part() for _ in range(draw(st.integers(1, 8)))],
        parameters=draw(st.lists(parameters(), max_size=6)),
    )
    for index, module in enumerate(pool.modules):
        for name in draw(st.lists(st.sampled_from("pqrs"), unique=True)):
            module._parameters[name] = draw(st.sampled_from([*pool.parameters, None]) if pool.parameters else st.none())
        if draw(st.booleans()):
            module.register_buffer("extra", torch.zeros(3), persistent=draw(st.booleans()))
        for name in draw(st.lists(st.sampled_from("abcd"), unique=True)):
            module._modules[name] = draw(st.sampled_from([*pool.modules[index:], pool.modules[0], None]))
    return pool.modules[0]


@st.composite
def parameters(draw: st.DrawFn) -> nn.Parameter:
    dtype = draw(st.sampled_from(DTYPES))
    sides = draw(st.lists(st.integers(0, 4), max_size=3))
    frozen = draw(st.booleans()) or not (dtype.is_floating_point or dtype.is_complex)
    parameter = nn.Parameter(torch.empty(sides, dtype=dtype, device="meta"), requires_grad=not frozen)
    if draw(st.booleans()):
        parameter._is_delta = True
    return parameter


def torch_totals(module: nn.Module) -> tuple[int, int, int, int]:
    own = list(module.parameters())
    return (
        sum(p.numel() for p in own),
        sum(p.numel() for p in own if p.requires_grad),
        sum(p.numel() for p in own if getattr(p, "_is_delta", False)),
        sum(p.numel() * p.element_size() for p in own),
    )


@settings(max_examples=EXAMPLES, deadline=None)
@given(models())
def test_subtree_totals_equal_sums_from_torch(model):
    tree = capture(model)
    found = [(t.count, t.trainable, t.delta, t.stored_bytes) for t in subtree_totals(tree)]
    assert found == [torch_totals(model.get_submodule(path)) for path in module_paths(tree.modules)]


@settings(max_examples=EXAMPLES, deadline=None)
@given(models())
def test_every_module_and_state_dict_key_is_captured_once(model):
    tree = capture(model)
    places = module_paths(tree.modules)
    first = {path: m for path, m in zip(places, tree.modules, strict=True) if m.shared_with is None}
    assert list(first) == [path for path, _ in model.named_modules()]
    keys = [(f"{path}.{p.name}".lstrip("."), p) for path, m in first.items() for p in m.parameters]
    assert [key for key, p in keys if not p.tied_to] == [name for name, _ in model.named_parameters()]
    assert [key for key, _ in keys] == [name for name, _ in all_parameters(model)]


def all_parameters(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """Return all parameters by path, once for each distinct module."""
    return [
        (f"{path}.{name}".lstrip("."), parameter)
        for path, module in model.named_modules()
        for name, parameter in module._parameters.items()
        if parameter is not None
    ]


@settings(max_examples=EXAMPLES, deadline=None)
@given(models())
def test_tied_parameters_name_each_other(model):
    tree = capture(model)
    places = module_paths(tree.modules)
    found = captured_parameters(model)
    for key, parameter in found.items():
        assert all(found[again].tied_to == key for again in parameter.tied_by)
        if parameter.tied_to:
            assert key in found[parameter.tied_to].tied_by
    for path, module in zip(places, tree.modules, strict=True):
        if module.shared_with is not None:
            assert model.get_submodule(path) is model.get_submodule(module.shared_with)
    assert subtree_sizes(tree.modules)[0] == len(tree.modules)


@pytest.mark.parametrize("where", ["meta", "cpu"])
def test_subtree_totals_of_t5_equal_sums_from_torch(where):
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(d_model=8, d_kv=4, d_ff=8, num_layers=2, num_heads=2, vocab_size=11)
    with torch.device(where):
        model = T5ForConditionalGeneration(config)
    tree = capture(model)
    found = [t.count for t in subtree_totals(tree)]
    assert found == [torch_totals(model.get_submodule(path))[0] for path in module_paths(tree.modules)]
