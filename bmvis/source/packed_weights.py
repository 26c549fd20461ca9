"""Restore the logical shapes of packed weights in quantized checkpoints, from `quantization_config` in config.json.

A quantizer stores several values in one integer, with scales and zero points. The shapes in the file are then the
packed shapes. `quantization_config` names the method and the bits:
https://huggingface.co/docs/transformers/main_classes/quantization
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from bmvis.source.tensor_file import StoredTensor

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


_SCHEMES: Mapping[str, _Scheme] = {
    "gptq": _Scheme("qweight", ("qzeros", "scales", "g_idx"), 0),
    "awq": _Scheme("qweight", ("qzeros", "scales"), 1),
    "hqq": _Scheme("W_q", ("scale", "zero", "meta", "nbits", "group_size", "shape"), 0),
    "compressed-tensors": _Scheme(
        "weight_packed",
        ("weight_scale", "weight_zero_point", "weight_shape", "weight_g_idx", "weight_global_scale"),
        -1,
    ),
}
"""The formats by `quant_method`. Sources of the names and the packed dimensions:

- `gptq`: https://github.com/AutoGPTQ/AutoGPTQ/blob/main/auto_gptq/nn_modules/qlinear/qlinear_cuda_old.py
- `awq`: https://github.com/casper-hansen/AutoAWQ/blob/main/awq/modules/linear/gemm.py
- `hqq`: https://github.com/mobiusml/hqq/blob/master/hqq/core/quantize.py
- `compressed-tensors`: https://github.com/vllm-project/compressed-tensors/tree/main/src/compressed_tensors/compressors
"""


def unpack_weights(tensors: Mapping[str, StoredTensor], config: Mapping[str, Any]) -> Mapping[str, StoredTensor]:
    """Return the tensors of a checkpoint with the logical shapes of packed weights.

    Other tensors of the storage of a weight (scales, zero points) are marked as bookkeeping, and their bytes are added
    to the weight.

    Args:
        tensors: the tensors of the files, by state-dict key.
        config: the content of `config.json`; {} if there is none.
    """
    quantization = config.get("quantization_config") or config.get("compression_config")
    if not isinstance(quantization, dict):
        return tensors
    method = str(quantization.get("quant_method", ""))
    if method == "mxfp4":
        return _unpack_mxfp4(tensors)
    if method == "fp8":
        return _with_bookkeeping(tensors, "weight", ("weight_scale_inv", "activation_scale", "input_scale"), None)
    if method == "aqlm":
        return _unpack_aqlm(tensors, quantization)
    if method == "bitsandbytes":
        return _unpack_bitsandbytes(tensors, quantization)
    scheme, bits = _SCHEMES.get(method), _bits(quantization)
    if scheme is None or not bits:
        return tensors

    def widen(tensor: StoredTensor) -> StoredTensor:
        return _widened(tensor, bits, scheme.axis, method)

    return _with_bookkeeping(tensors, scheme.weight, scheme.bookkeeping, widen)


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


def _widened(tensor: StoredTensor, bits: int, axis: int, method: str) -> StoredTensor:
    """Return a packed tensor with its logical shape.

    Example: int32 of shape [512, 4096] with 4 bits along axis 0 becomes [4096, 4096].
    """
    if tensor.dtype not in _INT_BITS or not tensor.shape or (axis >= 0 and axis >= len(tensor.shape)):
        return tensor
    shape = list(tensor.shape)
    shape[axis] = shape[axis] * _INT_BITS[tensor.dtype] // bits
    return msgspec.structs.replace(tensor, shape=tuple(shape), quantization=f"int{bits} {method}")


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
