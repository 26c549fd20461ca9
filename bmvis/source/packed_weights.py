"""Restore the logical shapes of packed weights in quantized checkpoints, from `quantization_config` in config.json.

A quantizer stores several values in one integer, with scales and zero points. The shapes in the file are then the
packed shapes. `quantization_config` names the method and the bits:
https://huggingface.co/docs/transformers/main_classes/quantization
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from bmvis.source.tensor_file import StoredTensor, quoted

_INT_BITS: Mapping[str, int] = {"int32": 32, "uint8": 8, "int8": 8, "int16": 16, "int64": 64}
_MAX_BITS = 16
_MAX_SIZE = 2**16
"""Maximum size of a group, and number of codebooks, that a configuration can set."""


class _Scheme(msgspec.Struct, frozen=True):
    """The storage format of weights of one method."""

    weight: str
    """The name of the packed tensor in its module."""
    bookkeeping: tuple[str, ...]
    """The names of the other tensors of the storage, such as scales."""
    axis: int
    """The dimension along which values are packed; -1 is the last one."""


_KEYS = ("quantization_config", "compression_config", "quantization")
"""Keys of `config.json` with the quantization; `quantization` is that of MLX."""
_SCALES = (
    "weight_scale",
    "weight_scale_inv",
    "weight_scale_2",
    "activation_scale",
    "input_scale",
    "input_scale_ub",
    "input_global_scale",
    "input_zero_point",
    "output_scale",
)
"""Tensors with the scales of a weight, or of the input of its module."""
_SCHEMES: Mapping[str, _Scheme] = {
    "gptq": _Scheme("qweight", ("qzeros", "scales", "g_idx"), 0),
    "awq": _Scheme("qweight", ("qzeros", "scales"), 1),
    "hqq": _Scheme("W_q", ("scale", "zero", "meta", "nbits", "group_size", "shape"), 0),
    "compressed-tensors": _Scheme(
        "weight_packed",
        (*_SCALES, "weight_zero_point", "weight_shape", "weight_g_idx", "weight_global_scale"),
        -1,
    ),
}
"""The formats by `quant_method`. Sources of the names and the packed dimensions:

- `gptq`: https://github.com/AutoGPTQ/AutoGPTQ/blob/main/auto_gptq/nn_modules/qlinear/qlinear_cuda_old.py
- `awq`: https://github.com/casper-hansen/AutoAWQ/blob/main/awq/modules/linear/gemm.py
- `hqq`: https://github.com/mobiusml/hqq/blob/master/hqq/core/quantize.py
- `compressed-tensors`: https://github.com/vllm-project/compressed-tensors/tree/main/src/compressed_tensors/compressors
"""


def unpack_weights(
    tensors: Mapping[str, StoredTensor], config: Mapping[str, Any]
) -> tuple[Mapping[str, StoredTensor], tuple[str, ...]]:
    """Return the tensors of a checkpoint with the logical shapes of packed weights, and notes for the page.

    Other tensors of the storage of a weight (scales, zero points) are marked as bookkeeping, and their bytes are added
    to the weight. A note reports a method of which bmvis does not know how it packs weights.

    Args:
        tensors: the tensors of the files, by state-dict key.
        config: the content of `config.json`; {} if there is none.
    """
    quantization = next(filter(None, (config.get(key) for key in _KEYS)), None)
    if not isinstance(quantization, dict):
        return tensors, ()
    found = _unpacked(tensors, quantization)
    if found is not None:
        return found, ()
    method = quoted(str(quantization.get("quant_method", "")))
    return tensors, (f"config.json has a quantization ({method}) that bmvis cannot unpack: the shapes are as stored",)


def _unpacked(
    tensors: Mapping[str, StoredTensor], quantization: Mapping[str, Any]
) -> Mapping[str, StoredTensor] | None:
    """Return the tensors with logical shapes; None if the method, or how it packs the weights, is unknown."""
    method = str(quantization.get("quant_method", "")).removeprefix("intel/")
    if method == "mxfp4":
        return _unpack_mxfp4(tensors)
    if method in ("fp8", "fbgemm_fp8"):
        return _with_bookkeeping(tensors, "weight", _SCALES, None)
    if method == "aqlm":
        return _unpack_aqlm(tensors, quantization)
    if method == "bitsandbytes":
        return _unpack_bitsandbytes(tensors, quantization)
    if method.startswith("modelopt"):
        return _unpack_bytes(tensors, "_scale_2", -1, 2, "nvfp4 modelopt")
    if method == "bitnet":
        return _unpack_bytes(tensors, "_scale", 0, 4, "int2 bitnet")
    if not method and "group_size" in quantization:
        return _unpack_mlx(tensors, quantization)
    if method == "compressed-tensors":
        tensors = _with_bookkeeping(tensors, "weight", _SCALES, None)
        if not any(name.endswith("weight_packed") for name in tensors):
            return tensors
    packing = "awq" if "awq" in str(quantization.get("packing_format")) else "gptq"
    scheme, bits = _SCHEMES.get(packing if method == "auto-round" else method), _bits(quantization)
    if scheme is None or not bits:
        return None
    label = f"{_number_type(quantization)}{bits} {method}"

    def widen(tensor: StoredTensor) -> StoredTensor:
        return _widened(tensor, bits, scheme.axis, label)

    return _with_bookkeeping(tensors, scheme.weight, scheme.bookkeeping, widen)


def _number_type(quantization: Mapping[str, Any]) -> str:
    groups = quantization.get("config_groups")
    weights = (
        [group.get("weights") for group in groups.values() if isinstance(group, dict)]
        if isinstance(groups, dict)
        else []
    )
    return "fp" if any(isinstance(weight, dict) and weight.get("type") == "float" for weight in weights) else "int"


def _bits(quantization: Mapping[str, Any]) -> int:
    """Return the bits per value; 0 if the configuration does not set them, or sets several numbers."""
    groups = quantization.get("config_groups")
    if isinstance(groups, dict):
        weights = [group.get("weights") for group in groups.values() if isinstance(group, dict)]
        found = {weight.get("num_bits") for weight in weights if isinstance(weight, dict)}
        bits = found.pop() if len(found) == 1 else 0
    else:
        bits = next((quantization[name] for name in ("bits", "w_bit", "nbits") if name in quantization), 0)
    return bits if isinstance(bits, int) and not isinstance(bits, bool) and 0 < bits <= _MAX_BITS else 0


def _widened(tensor: StoredTensor, bits: int, axis: int, label: str) -> StoredTensor:
    """Return a packed tensor with its logical shape.

    Example: int32 of shape [512, 4096] with 4 bits along axis 0 becomes [4096, 4096].
    """
    if tensor.dtype not in _INT_BITS or not tensor.shape or (axis >= 0 and axis >= len(tensor.shape)):
        return tensor
    shape = list(tensor.shape)
    shape[axis] = shape[axis] * _INT_BITS[tensor.dtype] // bits
    return msgspec.structs.replace(tensor, shape=tuple(shape), quantization=label)


def _with_bookkeeping(
    tensors: Mapping[str, StoredTensor],
    weight: str,
    bookkeeping: tuple[str, ...],
    widen: Callable[[StoredTensor], StoredTensor] | None,
) -> Mapping[str, StoredTensor]:
    """Return the tensors with the logical shape of each packed weight, and its storage tensors marked."""
    found = dict(tensors)
    for name, tensor in tensors.items():
        module, _, last = name.rpartition(".")
        if last != weight:
            continue
        prefix = f"{module}." if module else ""
        owned = [key for key in (f"{prefix}{other}" for other in bookkeeping) if key in tensors]
        if widen is None and not owned:
            continue
        wide = widen(tensor) if widen else tensor
        if wide == tensor and widen:
            continue
        found[name] = _owning(wide, [tensors[key] for key in owned])
        found |= {key: _as_bookkeeping(tensors[key]) for key in owned}
    return found


def _unpack_mxfp4(tensors: Mapping[str, StoredTensor]) -> Mapping[str, StoredTensor]:
    """Return the tensors with MXFP4 blocks, which pack two 4-bit values in a byte, as one dimension of values.

    `*_blocks` has the shape [..., groups, 16] in bytes, `*_scales` has the shape [..., groups]; the weight has the
    shape [..., groups * 32]. https://github.com/openai/gpt-oss/blob/main/gpt_oss/torch/weights.py
    https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf
    """
    found = dict(tensors)
    for name, tensor in tensors.items():
        scales = f"{name.removesuffix('_blocks')}_scales"
        if not name.endswith("_blocks") or scales not in tensors or tensor.shape[:-1] != tensors[scales].shape:
            continue
        *outer, groups, width = tensor.shape
        wide = msgspec.structs.replace(tensor, shape=(*outer, groups * width * 2), quantization="mxfp4")
        found[name] = _owning(wide, [tensors[scales]])
        found[scales] = _as_bookkeeping(tensors[scales])
    return found


def _unpack_bytes(
    tensors: Mapping[str, StoredTensor], scale: str, axis: int, values: int, label: str
) -> Mapping[str, StoredTensor]:
    """Return the tensors with weights of bytes that each pack several values.

    https://github.com/NVIDIA/Model-Optimizer/blob/main/modelopt/torch/export/quant_utils.py
    https://github.com/huggingface/transformers/blob/main/src/transformers/integrations/bitnet.py

    Args:
        tensors: the tensors of the files.
        scale: what the name of the scale of a packed weight has after the name of the weight.
        axis: the dimension along which values are packed.
        values: the values in a byte.
        label: the name of the quantization.
    """
    found = dict(tensors)
    for name, tensor in tensors.items():
        if tensor.dtype == "uint8" and tensor.shape and f"{name}{scale}" in tensors:
            found[name] = _widened(tensor, 8 // values, axis, label)
    return _with_bookkeeping(found, "weight", _SCALES, None)


def _unpack_mlx(
    tensors: Mapping[str, StoredTensor], quantization: Mapping[str, Any]
) -> Mapping[str, StoredTensor] | None:
    """Return the tensors with the weights of MLX, which packs the values of a row in uint32; None if a size is unknown.

    A row of `scales` has a value for each group. A layer can have a group size of its own.
    https://ml-explore.github.io/mlx/build/html/python/_autosummary/mlx.core.quantize.html
    """
    found = dict(tensors)
    for name, tensor in tensors.items():
        module, _, last = name.rpartition(".")
        scales = tensors.get(f"{module}.scales" if module else "scales")
        if last != "weight" or tensor.dtype != "uint32" or scales is None or not (tensor.shape and scales.shape):
            continue
        own = quantization.get(module)
        group = (own if isinstance(own, dict) else quantization).get("group_size")
        if not isinstance(group, int) or isinstance(group, bool) or not 0 < group <= _MAX_SIZE:
            return None
        width, packed = scales.shape[-1] * group, tensor.shape[-1] * _INT_BITS["int32"]
        if not width or packed % width:
            return None
        wide = (*tensor.shape[:-1], width)
        found[name] = msgspec.structs.replace(tensor, shape=wide, quantization=f"int{packed // width} mlx")
    return _with_bookkeeping(found, "weight", ("scales", "biases"), None)


def _unpack_aqlm(tensors: Mapping[str, StoredTensor], quantization: Mapping[str, Any]) -> Mapping[str, StoredTensor]:
    """Return the tensors with the matrices of AQLM, each group of which is a sum of entries of codebooks.

    `codes` has the shape [out / out_group_size, in / in_group_size, codebooks].
    https://github.com/Vahe1994/AQLM/blob/main/inference_lib/src/aqlm/inference.py
    """
    names = ("out_group_size", "in_group_size", "num_codebooks", "nbits_per_codebook")
    written = [quantization.get(name) for name in names]
    sizes = [size for size in written if isinstance(size, int) and not isinstance(size, bool) and 0 < size <= _MAX_SIZE]
    if len(sizes) < len(names):
        return tensors
    out_group, in_group, number, bits = sizes

    def widen(tensor: StoredTensor) -> StoredTensor:
        if len(tensor.shape) != len(("out", "in", "codebooks")) or tensor.shape[2] != number:
            return tensor
        shape = (tensor.shape[0] * out_group, tensor.shape[1] * in_group)
        return msgspec.structs.replace(tensor, shape=shape, quantization=f"aqlm {number}x{bits}")

    return _with_bookkeeping(tensors, "codes", ("codebooks", "scales"), widen)


def _unpack_bitsandbytes(
    tensors: Mapping[str, StoredTensor], quantization: Mapping[str, Any]
) -> Mapping[str, StoredTensor]:
    """Return the tensors with 4-bit weights as one dimension of values; the headers do not have their shape.

    https://github.com/bitsandbytes-foundation/bitsandbytes/blob/main/bitsandbytes/functional.py (`QuantState`)
    """
    if quantization.get("load_in_8bit"):
        return _with_bookkeeping(tensors, "weight", ("SCB", "weight_format"), None)
    scheme = str(quantization.get("bnb_4bit_quant_type") or "fp4")[:8]
    found = dict(tensors)
    for name, tensor in tensors.items():
        owned = [key for key in tensors if key.startswith(f"{name}.")] if tensor.dtype == "uint8" else []
        if not any(".quant_state.bitsandbytes__" in key for key in owned):
            continue
        wide = msgspec.structs.replace(tensor, shape=(tensor.count * 2,), quantization=scheme)
        found[name] = _owning(wide, [tensors[key] for key in owned])
        for key in owned:
            del found[key]  # keys such as `weight.absmax` would make the weight a module
    return found


def _owning(weight: StoredTensor, owned: list[StoredTensor]) -> StoredTensor:
    stored = weight.stored_bytes + sum(tensor.stored_bytes for tensor in owned)
    return msgspec.structs.replace(weight, stored_bytes=stored)


def _as_bookkeeping(tensor: StoredTensor) -> StoredTensor:
    return msgspec.structs.replace(tensor, is_bookkeeping=True)
