"""Packed tensors of quantized checkpoints have their logical shapes and counts."""

import json
import struct
from pathlib import Path

import pytest

from bmvis.source import checkpoint

SIZES = {"F32": 4, "F16": 2, "BF16": 2, "I32": 4, "U8": 1, "I64": 8, "I16": 2, "I8": 1, "F8_E4M3": 1, "U32": 4}


def save(folder: Path, tensors, config=None) -> Path:
    """Write a checkpoint of tensors, each with a type and a shape, and a config.json with `quantization_config`."""
    entries, end = {}, 0
    for name, (dtype, *shape) in tensors.items():
        count = SIZES[dtype]
        for side in shape:
            count *= side
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + count]}
        end += count
    content = json.dumps(entries).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(content)) + content + bytes(end))
    if config is not None:
        (folder / "config.json").write_text(json.dumps({"quantization_config": config}))
    return folder


def parameters(folder: Path):
    """Return the shape, the quantization, the elements and the bytes of each parameter, by key."""
    model = checkpoint.read(folder).model
    return {
        f"{path}.{p.name}": (list(p.shape), p.stored_as, p.count, p.stored_bytes)
        for path, module in zip(model.paths, model.modules, strict=True)
        for p in module.parameters
    }


GPTQ = {"q.qweight": ("I32", 16, 32), "q.qzeros": ("I32", 1, 4), "q.scales": ("F16", 1, 32), "q.g_idx": ("I32", 128)}
AWQ = {"q.qweight": ("I32", 128, 4), "q.qzeros": ("I32", 1, 4), "q.scales": ("F16", 1, 32)}
PACKED = {"q.weight_packed": ("I32", 32, 16), "q.weight_scale": ("BF16", 32, 1), "q.weight_shape": ("I64", 2)}
MXFP4 = {"e.up_blocks": ("U8", 4, 64, 2, 16), "e.up_scales": ("U8", 4, 64, 2)}
NF4 = {
    "q.weight": ("U8", 2048, 1),
    "q.weight.absmax": ("U8", 64),
    "q.weight.quant_map": ("F32", 16),
    "q.weight.quant_state.bitsandbytes__nf4": ("U8", 90),
}
AQLM = {"q.codes": ("I16", 32, 8, 1), "q.codebooks": ("F16", 1, 65536, 1, 8), "q.scales": ("F16", 32, 1, 1, 1)}
AQLM_CONFIG = {
    "quant_method": "aqlm",
    "in_group_size": 8,
    "out_group_size": 1,
    "num_codebooks": 1,
    "nbits_per_codebook": 16,
}
FP8 = {"q.weight": ("F8_E4M3", 128, 128), "q.weight_scale_inv": ("F32", 1, 1)}


@pytest.mark.parametrize(
    ("tensors", "config", "expected"),
    [
        (AQLM, AQLM_CONFIG, {"q.codes": ([32, 64], "aqlm 1x16", 2048, 512 + 2 * 2**19 + 64)}),
        (GPTQ, {"quant_method": "gptq", "bits": 4}, {"q.qweight": ([128, 32], "int4 gptq", 4096, 2640)}),
        (GPTQ, {"quant_method": "gptq", "bits": 8}, {"q.qweight": ([64, 32], "int8 gptq", 2048, 2640)}),
        (AWQ, {"quant_method": "awq", "bits": 4}, {"q.qweight": ([128, 32], "int4 awq", 4096, 2128)}),
        (AWQ, {"quant_method": "awq", "w_bit": 4}, {"q.qweight": ([128, 32], "int4 awq", 4096, 2128)}),
        (
            PACKED,
            {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": {"num_bits": 4}}}},
            {"q.weight_packed": ([32, 128], "int4 compressed-tensors", 4096, 2128)},
        ),
        (MXFP4, {"quant_method": "mxfp4"}, {"e.up_blocks": ([4, 64, 64], "mxfp4", 16384, 8704)}),
        (
            NF4,
            {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
            {"q.weight": ([4096], "nf4", 4096, 2266)},
        ),
        (FP8, {"quant_method": "fp8"}, {"q.weight": ([128, 128], "float8_e4m3fn", 16384, 16388)}),
    ],
    ids=["AQLM", "gptq", "gptq-8", "awq", "awq-w_bit", "compressed-tensors", "mxfp4", "bitsandbytes", "fp8"],
)
def test_packed_weight_has_logical_shape_and_includes_scales_in_bytes(tmp_path, tensors, config, expected):
    assert parameters(save(tmp_path, tensors, config)) == expected


@pytest.mark.parametrize(
    "config",
    [
        None,
        {},
        "gptq",
        {"quant_method": "unknown", "bits": 4},
        {"quant_method": "gptq"},
        {"quant_method": "gptq", "bits": 0},
        {"quant_method": "gptq", "bits": -4},
        {"quant_method": "gptq", "bits": True},
        {"quant_method": "gptq", "bits": 10**30},
        {"quant_method": ["gptq"], "bits": 4},
        {
            "quant_method": "compressed-tensors",
            "config_groups": {"a": {"weights": {"num_bits": 4}}, "b": {"weights": {"num_bits": 8}}},
        },
        {"quant_method": "compressed-tensors", "config_groups": [1]},
    ],
    ids=repr,
)
def test_packed_shapes_are_shown_without_a_usable_configuration(tmp_path, config):
    found = parameters(save(tmp_path, GPTQ, config))
    assert found["q.qweight"] == ([16, 32], "int32", 512, 2048)
    assert len(found) == 4


def test_only_tensors_of_a_packed_weight_are_bookkeeping(tmp_path):
    tensors = GPTQ | {"norm.scales": ("F32", 8), "q.bias": ("F16", 32)}
    found = parameters(save(tmp_path, tensors, {"quant_method": "gptq", "bits": 4}))
    assert set(found) == {"q.qweight", "q.bias", "norm.scales"}


SCALED = {"q.weight": ("F8_E4M3", 16, 32), "q.weight_scale": ("F32", 1), "q.input_scale": ("F32", 1)}
NVFP4 = {
    "q.weight_packed": ("U8", 16, 32),
    "q.weight_scale": ("F8_E4M3", 16, 4),
    "q.weight_global_scale": ("F32", 1),
    "q.input_global_scale": ("F32", 1),
}
MODELOPT = {
    "q.weight": ("U8", 16, 32),
    "q.weight_scale": ("F8_E4M3", 16, 4),
    "q.weight_scale_2": ("F32",),
    "q.input_scale": ("F32",),
}
MLX = {"q.weight": ("U32", 16, 8), "q.scales": ("F16", 16, 1), "q.biases": ("F16", 16, 1)}
FLOATS = {"quant_method": "compressed-tensors", "config_groups": {"0": {"weights": {"num_bits": 4, "type": "float"}}}}


@pytest.mark.parametrize(
    ("tensors", "config", "expected"),
    [
        (SCALED, FLOATS, ("weight", [16, 32], "", 512 + 8)),
        (SCALED, {"quant_method": "modelopt"}, ("weight", [16, 32], "", 512 + 8)),
        (SCALED, {"quant_method": "fbgemm_fp8"}, ("weight", [16, 32], "", 512 + 8)),
        (NVFP4, FLOATS, ("weight_packed", [16, 64], "fp4 compressed-tensors", 512 + 72)),
        (MODELOPT, {"quant_method": "modelopt"}, ("weight", [16, 64], "nvfp4 modelopt", 512 + 72)),
        (MLX, {"group_size": 64, "bits": 4}, ("weight", [16, 64], "int4 mlx", 512 + 64)),
        (MLX, {"group_size": 64, "bits": 4, "q": {"group_size": 32}}, ("weight", [16, 32], "int8 mlx", 512 + 64)),
        (GPTQ, {"quant_method": "auto-round", "bits": 4}, ("qweight", [128, 32], "int4 auto-round", 2640)),
        (
            AWQ,
            {"quant_method": "intel/auto-round", "bits": 4, "packing_format": "auto_round:auto_awq"},
            ("qweight", [128, 32], "int4 auto-round", 2128),
        ),
        (
            {"q.weight": ("U8", 4, 32), "q.weight_scale": ("BF16", 1)},
            {"quant_method": "bitnet"},
            ("weight", [16, 32], "int2 bitnet", 128 + 2),
        ),
    ],
)
def test_scales_are_no_parameters_and_packed_values_count(tmp_path, tensors, config, expected):
    model = checkpoint.read(save(tmp_path, tensors, config)).model
    [weight] = model.modules[1].parameters
    assert (weight.name, list(weight.shape), weight.quantization, weight.stored_bytes) == expected
    assert not model.notes


@pytest.mark.parametrize(
    ("tensors", "config"),
    [
        (GPTQ, {"quant_method": "vptq"}),
        (GPTQ, {"quant_method": "gptq"}),
        (PACKED, {"quant_method": "compressed-tensors", "config_groups": {}}),
        (MLX, {"group_size": "64"}),
        (MLX, {"group_size": 50}),
    ],
)
def test_quantization_that_cannot_be_unpacked_is_noted(tmp_path, tensors, config):
    [note] = checkpoint.read(save(tmp_path, tensors, config)).model.notes
    assert "bmvis cannot unpack: the shapes are as stored" in note
