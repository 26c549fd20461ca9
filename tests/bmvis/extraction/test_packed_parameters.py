"""Parameters that represent more elements than they have."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from bmvis import capture


class HQQLinear(nn.Module):
    def __init__(self, meta):
        super().__init__()
        self.meta = meta
        self.W_q = nn.Parameter(torch.zeros(32, 64, dtype=torch.uint8), requires_grad=False)


class Mxfp4Experts(nn.Module):
    def __init__(self):
        super().__init__()
        self.up_blocks = nn.Parameter(torch.zeros(4, 64, 2, 16, dtype=torch.uint8), requires_grad=False)
        self.up_scales = nn.Parameter(torch.zeros(4, 64, 2, dtype=torch.uint8), requires_grad=False)
        self.up_bias = nn.Parameter(torch.zeros(4, 64))


class CompressedLinear(nn.Module):
    def __init__(self, bits):
        super().__init__()
        self.quantization_scheme = SimpleNamespace(weights=SimpleNamespace(num_bits=bits))
        self.weight_packed = nn.Parameter(torch.zeros(32, 16, dtype=torch.int32), requires_grad=False)
        self.weight_scale = nn.Parameter(torch.zeros(32, 1))


class QuantizedLinear(nn.Module):
    """As AQLM's: 64 inputs in groups of 8, and two codebooks of 256 entries."""

    def __init__(self):
        super().__init__()
        self.in_features, self.out_features, self.num_codebooks, self.nbits_per_codebook = 64, 32, 2, 8
        self.codebooks = nn.Parameter(torch.zeros(2, 256, 1, 8), requires_grad=False)
        self.codes = nn.Parameter(torch.zeros(32, 8, 2, dtype=torch.int8), requires_grad=False)
        self.scales = nn.Parameter(torch.zeros(32, 1, 1, 1), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(32), requires_grad=False)


class Pairs(nn.Module):
    def __init__(self):
        super().__init__()
        values = torch.zeros(4, 8, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)
        self.weight = nn.Parameter(values, requires_grad=False)


def facts(module):
    parameters = capture(nn.Sequential(module)).modules[1].parameters
    return {p.name: (p.shape, p.count, p.stored_bytes, p.quantization) for p in parameters}


CASES = {
    "HQQ": (
        HQQLinear({"shape": (64, 64), "nbits": 4}),
        {"W_q": ((64, 64), 4096, 2048, "int4")},
    ),
    "HQQ, a torch.Size": (
        HQQLinear({"shape": torch.Size((64, 64)), "nbits": 4}),
        {"W_q": ((64, 64), 4096, 2048, "int4")},
    ),
    "MXFP4": (
        Mxfp4Experts(),
        {
            "up_blocks": ((4, 64, 64), 16384, 8192, "mxfp4"),
            "up_scales": ((4, 64, 2), 0, 512, "mxfp4 scales"),
            "up_bias": ((4, 64), 256, 1024, ""),
        },
    ),
    "AQLM": (
        QuantizedLinear(),
        {
            "codebooks": ((2, 256, 1, 8), 0, 16384, "aqlm codebooks"),
            "codes": ((32, 64), 2048, 512, "aqlm 2x8"),
            "scales": ((32, 1, 1, 1), 0, 128, "aqlm scales"),
            "bias": ((32,), 32, 128, ""),
        },
    ),
    "pairs of 4-bit values": (Pairs(), {"weight": ((4, 16), 64, 32, "float4_e2m1fn")}),
    "compressed-tensors": (
        CompressedLinear(4),
        {"weight_packed": ((32, 128), 4096, 2048, "int4"), "weight_scale": ((32, 1), 32, 128, "")},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_packed_parameter_has_its_logical_shape(name):
    module, expected = CASES[name]
    assert facts(module) == expected


@pytest.mark.parametrize(
    "meta", [None, {}, {"shape": (64, 64)}, {"shape": 64, "nbits": 4}, {"shape": (64, 64), "nbits": "4"}], ids=repr
)
def test_parameter_without_usable_attributes_has_its_own_shape(meta):
    assert facts(HQQLinear(meta)) == {"W_q": ((32, 64), 2048, 2048, "")}


def test_partitioned_parameters_of_zero3_have_their_true_shape():
    model = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 4))
    for parameter in model.parameters():
        parameter.ds_shape, parameter.ds_numel = parameter.shape, parameter.numel()
        parameter.data = torch.empty(0)
    captured = capture(model)
    assert [p.shape for module in captured.modules for p in module.parameters] == [(16, 8), (16,), (4, 16), (4,)]
    assert sum(p.count for module in captured.modules for p in module.parameters) == 212


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_empty_parameters_stay_empty(shape):
    model = nn.Module()
    model.w = nn.Parameter(torch.empty(shape))
    assert facts(model) == {"w": (shape, math.prod(shape), 0, "")}


@pytest.mark.parametrize("bits", [0, -4, 17, True])
def test_parameter_with_impossible_number_of_bits_has_its_own_shape(bits):
    assert facts(HQQLinear({"shape": (64, 64), "nbits": bits})) == {"W_q": ((32, 64), 2048, 2048, "")}
