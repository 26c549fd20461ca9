"""Read parameters that represent more elements than they have: packed integers, and placeholders of DeepSpeed.

Libraries are recognized by the attributes of the parameter's module; none is imported.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec
import torch
from torch import nn

from bmvis.extraction import introspection

_MAX_BITS = 16
_FP4 = getattr(torch, "float4_e2m1fn_x2", None)  # since PyTorch 2.8


class Logical(msgspec.Struct, frozen=True):
    """The tensor that a parameter represents."""

    shape: tuple[int, ...]
    count: int
    """0 for scales and zero points: they belong to the storage of another parameter."""
    stored_bytes: int
    quantization: str = ""


def may_be_packed(parameter: torch.Tensor, module: nn.Module) -> bool:
    """Return whether `logical` may return something: a cheap test before it."""
    return (
        not parameter.dtype.is_floating_point
        or parameter.shape[:1] == (0,)
        or parameter.dtype is _FP4
        or has_codebooks(module)
    )


def has_codebooks(module: nn.Module) -> bool:
    """Return whether the parameters of a module may be entries of codebooks: see `_aqlm`."""
    return introspection.has_entry(module, "_parameters", "codebooks")


def logical(parameter: torch.Tensor, module: nn.Module) -> Logical | None:
    """Return the tensor that a parameter of `module` represents; None if it represents itself."""
    if parameter.numel() == 0:
        return _placeholder(parameter)
    name = next((name for name, own in introspection.parameters(module) if own is parameter), "")
    for method in (_hqq, _mxfp4, _compressed, _aqlm):
        found = method(name, parameter, module)
        if found is not None:
            return found
    return _fp4(parameter) if parameter.dtype is _FP4 else None


def _placeholder(parameter: torch.Tensor) -> Logical | None:
    """Return the full shape of a parameter that ZeRO-3 partitioned. It is empty, and has the shape in `ds_shape`.

    https://deepspeed.readthedocs.io/en/latest/zero3.html
    """
    shape = _shape(introspection.attribute(parameter, "ds_shape"))
    return Logical(shape, math.prod(shape), math.prod(shape) * parameter.element_size()) if shape is not None else None


def _hqq(name: str, parameter: torch.Tensor, module: nn.Module) -> Logical | None:
    """Return the matrix of an `HQQLinear`, which keeps shape and bits in its dictionary `meta`.

    https://github.com/mobiusml/hqq/blob/master/hqq/core/quantize.py
    """
    meta = introspection.attribute(module, "meta")
    if name != "W_q" or not isinstance(meta, dict):
        return None
    shape, bits = _shape(meta.get("shape")), _bits(meta.get("nbits"))
    return Logical(shape, math.prod(shape), _bytes(parameter), f"int{bits}") if shape and bits else None


def _mxfp4(name: str, parameter: torch.Tensor, module: nn.Module) -> Logical | None:
    """Return the experts of gpt-oss: blocks of 4-bit values, two to a byte, and a scale for each block.

    https://github.com/openai/gpt-oss/blob/main/gpt_oss/torch/weights.py
    """
    own = dict(introspection.parameters(module))
    stem, _, kind = name.rpartition("_")
    blocks, scales = own.get(f"{stem}_blocks"), own.get(f"{stem}_scales")
    if blocks is None or scales is None or blocks.dtype is not torch.uint8 or blocks.shape[:-1] != scales.shape:
        return None
    if kind == "scales":
        return Logical(tuple(scales.shape), 0, _bytes(scales), "mxfp4 scales")
    *outer, groups, width = blocks.shape
    return Logical((*outer, groups * width * 2), blocks.numel() * 2, _bytes(blocks), "mxfp4")


def _compressed(name: str, parameter: torch.Tensor, module: nn.Module) -> Logical | None:
    """Return the matrix of a compressed-tensors layer, whose integers contain several values of a row each.

    https://github.com/vllm-project/compressed-tensors/tree/main/src/compressed_tensors/compressors
    """
    scheme = introspection.attribute(introspection.attribute(module, "quantization_scheme"), "weights")
    bits = _bits(introspection.attribute(scheme, "num_bits"))
    if name != "weight_packed" or not bits or parameter.dim() != 2:
        return None
    rows, words = parameter.shape
    shape = (rows, words * parameter.element_size() * 8 // bits)
    return Logical(shape, math.prod(shape), _bytes(parameter), f"int{bits}")


def _aqlm(name: str, parameter: torch.Tensor, module: nn.Module) -> Logical | None:
    """Return the matrix of AQLM's `QuantizedLinear`, each group of which is a sum of entries of codebooks.

    It is named by the number of codebooks and the bits of a code, as AQLM's models are: `aqlm 1x16`.
    https://github.com/Vahe1994/AQLM/blob/main/inference_lib/src/aqlm/inference.py
    """
    own = dict(introspection.parameters(module))
    number, bits = (introspection.attribute(module, fact) for fact in ("num_codebooks", "nbits_per_codebook"))
    shape = _shape([introspection.attribute(module, side) for side in ("out_features", "in_features")])
    if shape is None or not _bits(bits) or not {"codes", "codebooks", "scales"} <= own.keys():
        return None
    if name == "codes":
        return Logical(shape, math.prod(shape), _bytes(parameter), f"aqlm {number}x{bits}")
    if name in ("codebooks", "scales"):
        return Logical(tuple(parameter.shape), 0, _bytes(parameter), f"aqlm {name}")
    return None


def _fp4(parameter: torch.Tensor) -> Logical | None:
    """Return a tensor of pairs of 4-bit values along the last dimension."""
    if parameter.dim() == 0:
        return None
    *outer, last = parameter.shape
    return Logical((*outer, 2 * last), 2 * parameter.numel(), _bytes(parameter), "float4_e2m1fn")


def _shape(written: object) -> tuple[int, ...] | None:
    if not isinstance(written, Iterable):
        return None
    sizes = tuple(written)
    return sizes if all(isinstance(size, int) and size >= 0 for size in sizes) else None


def _bits(written: object) -> int:
    is_number = isinstance(written, int) and not isinstance(written, bool) and 0 < written <= _MAX_BITS
    return written if is_number and isinstance(written, int) else 0


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()
