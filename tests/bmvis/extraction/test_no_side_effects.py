"""Capture changes neither the model nor the state of PyTorch."""

import random
from collections.abc import Mapping

import pytest
import torch
from small_models import bert
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from bmvis import capture


def plain() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5), nn.MultiheadAttention(4, 2)).train()
    model[1].eval()
    model[0].bias.requires_grad_(False)
    model[0](torch.ones(2, 3)).sum().backward()
    model[0].register_forward_hook(_never)
    model[0].register_full_backward_hook(_never)
    model[1].register_state_dict_pre_hook(_quiet)
    return model


def parametrized() -> nn.Module:
    model = nn.Sequential(parametrizations.spectral_norm(nn.Linear(3, 3)), nn.utils.spectral_norm(nn.Linear(3, 3)))
    return model.train()


def lazy() -> nn.Module:
    return nn.Sequential(nn.LazyLinear(3), nn.LazyConv2d(2, 1))


def tied() -> nn.Module:
    model = nn.Sequential(nn.Embedding(4, 2), nn.Linear(2, 4))
    model[1].weight = model[0].weight
    return model


def meta() -> nn.Module:
    return nn.TransformerEncoderLayer(4, 2, device="meta")


def compiled() -> nn.Module:
    return torch.compile(nn.Linear(2, 2))


def quantized() -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4), nn.GRU(2, 2)), {nn.Linear, nn.GRU})


def lora() -> nn.Module:
    import peft

    model = peft.get_peft_model(bert(), peft.LoraConfig(target_modules=["query"], use_dora=True))
    model.add_adapter("second", peft.LoraConfig(target_modules=["query"]))
    return model


def _never(*_):
    raise AssertionError("a forward or backward pass ran")


def _quiet(*_):
    return None


def state(model: nn.Module) -> dict[str, object]:
    """Return the whole state of a model, by value and by identity."""
    found: dict[str, object] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        found[path] = (id(module), type(module), module.training, module.__class__.forward)
        found[f"{path} keys"] = list(vars(module))
        for key, value in vars(module).items():
            found[f"{path} {key}"] = fingerprint(value)
    return found


def fingerprint(value: object) -> object:
    if isinstance(value, torch.Tensor):
        grad = None if value.grad is None else (id(value.grad), value.grad.tolist())
        if nn.parameter.is_lazy(value):
            return id(value), type(value), value.requires_grad
        content = None if value.is_meta or value.is_quantized else value.tolist()
        version = None if value.is_inference() else value._version
        return id(value), type(value), value.dtype, value.device, value.requires_grad, grad, version, content
    if isinstance(value, Mapping):
        return {key: (id(inner), fingerprint(inner)) for key, inner in value.items()}
    if isinstance(value, int | float | str | bool | tuple | None):
        return value
    return id(value)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("factory", [plain, parametrized, lazy, tied, meta, compiled, quantized, lora])
def test_capture_leaves_the_model_unchanged(factory, monkeypatch):
    model = factory()
    before = state(model)
    monkeypatch.setattr(nn.Module, "_call_impl", _never)
    monkeypatch.setattr(nn.Module, "__setattr__", _never)
    monkeypatch.setattr(nn.Module, "__delattr__", _never)
    capture(model)
    monkeypatch.undo()
    assert state(model) == before


def process_state() -> dict[str, object]:
    """Return the global state of PyTorch and of random numbers."""
    return {
        "torch's random numbers": torch.get_rng_state().tolist(),
        "Python's random numbers": random.getstate(),
        "default dtype": torch.get_default_dtype(),
        "default device": torch.get_default_device(),
        "gradients": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "parametrization cache": (parametrize._cache_enabled, dict(parametrize._cache)),
        "torch functions": torch.overrides._get_current_function_mode_stack(),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "anomalies": torch.is_anomaly_enabled(),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("factory", [plain, parametrized, lazy, quantized, lora])
def test_capture_restores_global_state(factory):
    model = factory()
    with parametrize.cached(), torch.device("meta"), torch.enable_grad():
        before = process_state()
        capture(model)
        assert process_state() == before


def test_repeated_capture_gives_equal_trees():
    model = plain()
    assert capture(model) == capture(model)


def test_captured_model_can_be_freed():
    import gc
    import weakref

    model = nn.Sequential(nn.Linear(2, 2))
    gone = weakref.ref(model[0].weight)
    tree = capture(model)
    del model
    gc.collect()
    assert gone() is None
    assert tree.modules[1].parameters[0].count == 4


def test_captured_model_has_gradients():
    model = nn.Linear(2, 1)
    output = model(torch.ones(1, 2)).sum()
    capture(model)
    output.backward()
    assert model.weight.grad.tolist() == [[1.0, 1.0]]
