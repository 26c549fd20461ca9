"""Read how a tensor is stored: its logical shape, and the bytes that it occupies. Quantized weights differ in the two.

Quantization schemes are recognized by the names of classes and attributes, so no library is imported for them.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from bmvis.extraction import introspection
from bmvis.extraction.packed_parameters import Logical, logical, may_be_packed

_PACKED_BITS = {"quint4x2": 4, "quint2x4": 2}
"""Bits of one element, for the dtypes that PyTorch packs several of into a byte."""

_DENSE = (torch.strided, torch.jagged)
_PLAIN = (torch.Tensor, nn.Parameter)
_SCHEME = re.compile(r"(?i:nvfp|mxfp|fp|nf|uint|int)[0-9]+")
"""A data type in the name of a class: `int4` in `Int4TilePackedTo4dTensor`."""


class Stored(msgspec.Struct, frozen=True, gc=False):
    """How one tensor is stored. The fields are those of `tree.Parameter`."""

    shape: tuple[int, ...] | None
    dtype: str
    count: int
    stored_bytes: int
    quantization: str = ""


def stored(tensor: torch.Tensor, module: nn.Module) -> Stored:
    """Return how a parameter or buffer of `module` is stored."""
    if type(tensor) in _PLAIN and not tensor.is_quantized:
        packed_as = (
            logical(tensor, module)
            if tensor.layout is torch.strided and not tensor.is_nested and may_be_packed(tensor, module)
            else None
        )
        return _from_logical(packed_as, tensor) if packed_as else _plain(tensor)
    if is_lazy(tensor):
        return Stored(None, _name(tensor.dtype), 0, 0)
    for scheme in (_bitsandbytes_4bit, _bitsandbytes_8bit, _native, _wrapper):
        found = scheme(tensor, module)
        if found is not None:
            return found
    return _plain(tensor)


def _from_logical(form: Logical, tensor: torch.Tensor) -> Stored:
    return Stored(form.shape, _name(tensor.dtype), form.count, form.stored_bytes, form.quantization)


def may_pack(module: nn.Module, buffers: introspection.Tensors) -> bool:
    """Return whether `packed` may yield something: a cheap test before it."""
    return _is_native(type(module)) or (bool(buffers) and any(name == "qweight" for name, _ in buffers))


def packed(module: nn.Module) -> Iterator[tuple[str, Stored, str]]:
    """Yield the name, storage and device of the packed weights of a quantized module: `named_parameters` has none.

    PyTorch's quantized modules have a method that unpacks a copy: `_weight_bias()` or `weight()`. Those of GPTQ and AWQ
    have a buffer `qweight`.
    """
    if not _is_native(type(module)):
        yield from _packed_buffer(module)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the quantized types are deprecated concerns the author of the model
        unpacked = _unpacked(module)
    inner = introspection.attribute(introspection.attribute(module, "_packed_params"), "dtype")
    for name, tensor in unpacked:
        if isinstance(tensor, torch.Tensor):
            is_half = inner is torch.float16 and name.startswith("weight")  # unpacking converts to float32
            yield name, stored(tensor.half() if is_half else tensor, module), "cpu"


def _packed_buffer(module: nn.Module) -> Iterator[tuple[str, Stored, str]]:
    """Yield the matrix of a GPTQ or AWQ layer, which packs several elements into each integer of a buffer."""
    if not introspection.has_entry(module, "_buffers", "qweight"):
        return
    buffers = dict(introspection.buffers(module))
    weight = buffers.get("qweight")
    if weight is None or weight.is_floating_point():
        return
    sides = [_first_int(module, names) for names in (("out_features", "outfeatures"), ("in_features", "infeatures"))]
    count = math.prod(sides)
    if not count or 8 * _bytes(weight) % count:
        return  # padded, or of an unknown layout: the row of the buffer shows its size
    bits = 8 * _bytes(weight) // count
    parts = [buffers[name] for name in ("qweight", "qzeros", "scales", "g_idx") if name in buffers]
    yield (
        "qweight",
        Stored(tuple(sides), _name(weight.dtype), count, sum(map(_bytes, parts)), f"int{bits}"),
        str(weight.device),
    )


def _first_int(module: nn.Module, names: Iterable[str]) -> int:
    found = (introspection.attribute(module, name) for name in names)
    return next((value for value in found if isinstance(value, int)), 0)


def _is_native(cls: type[nn.Module]) -> bool:
    return introspection.class_module(cls).startswith(("torch.ao.nn.", "torch.nn.quantized."))


def _unpacked(module: Any) -> list[tuple[str, object]]:
    """Return the unpacked weights with their names in the float module.

    Classes such as `LinearPackedParams` return nothing: they contain the weights of their parent, which reports them.
    """
    if type(module).__name__.endswith("PackedParams"):
        return []
    try:
        if hasattr(module, "_weight_bias"):
            found = module._weight_bias()
            if isinstance(found, dict):
                return [item for weights in found.values() for item in weights.items()]
            return list(zip(("weight", "bias"), found, strict=False))
        if type(module).__name__ in ("Embedding", "EmbeddingBag"):
            return [("weight", module.weight())]
    except (RuntimeError, AttributeError, TypeError, NotImplementedError):
        pass  # not packed yet, or the quantization engine is missing: the weights are unknown
    return []


def _plain(tensor: torch.Tensor) -> Stored:
    shape = _ragged(tensor) if tensor.is_nested else _shape(tensor.shape)
    size = sum(map(_bytes, _parts(tensor)))
    layout = (
        "" if tensor.layout in _DENSE else str(tensor.layout).removeprefix("torch.")
    )  # a file of a dense tensor does not load into it
    return Stored(shape, _name(tensor.dtype), tensor.numel(), size, layout)


def _ragged(tensor: torch.Tensor) -> tuple[int, ...]:
    """Return the shape of a nested tensor, with -1 for dimensions in which its parts differ."""
    if tensor.layout is torch.jagged:
        return tuple(side if isinstance(side, int) else -1 for side in tensor.shape)
    each = tensor._nested_tensor_size().tolist()
    return (len(each), *(sides[0] if len(set(sides)) == 1 else -1 for sides in zip(*each, strict=True)))


def _parts(tensor: torch.Tensor) -> list[torch.Tensor]:
    """Return the tensors that a sparse tensor consists of: its indices and values."""
    if tensor.layout is torch.sparse_coo:
        return [tensor._indices(), tensor._values()]
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    if tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        return [tensor.ccol_indices(), tensor.row_indices(), tensor.values()]
    return [tensor]


def _bitsandbytes_4bit(tensor: torch.Tensor, module: nn.Module) -> Stored | None:
    if "Params4bit" not in {cls.__name__ for cls in type(tensor).__mro__}:
        return None
    state = introspection.attribute(tensor, "quant_state")
    scheme = str(
        introspection.attribute(state, "quant_type") or introspection.attribute(tensor, "quant_type") or "4bit"
    )
    shape = introspection.attribute(state, "shape")
    if shape is None and tensor.dtype is torch.uint8 and tensor.ndim == 2 and tensor.shape[1] == 1:
        shape = [introspection.attribute(module, name) for name in ("out_features", "in_features")]
        shape = shape if all(isinstance(side, int) for side in shape) else None
    if shape is None:
        return None  # not packed yet: bitsandbytes packs when the module is moved to its device
    shape = _shape(shape)
    return Stored(shape, _name(tensor.dtype), math.prod(shape), _bytes(tensor) + _state_bytes(state), scheme)


def _state_bytes(state: object) -> int:
    """Return the bytes of the scales, and of the scales of these if bitsandbytes quantized them too."""
    if state is None:
        return 0
    tensors = [introspection.attribute(state, name) for name in ("absmax", "code", "offset")]
    own = sum(_bytes(tensor) for tensor in tensors if isinstance(tensor, torch.Tensor))
    return own + _state_bytes(introspection.attribute(state, "state2"))


def _bitsandbytes_8bit(tensor: torch.Tensor, module: nn.Module) -> Stored | None:
    if "Int8Params" not in {cls.__name__ for cls in type(tensor).__mro__} or tensor.dtype is not torch.int8:
        return None
    scales = introspection.attribute(tensor, "SCB")
    more = _bytes(scales) if isinstance(scales, torch.Tensor) else 0
    return msgspec.structs.replace(_plain(tensor), stored_bytes=_bytes(tensor) + more, quantization="int8")


def _native(tensor: torch.Tensor, module: nn.Module) -> Stored | None:
    """Describe a tensor of a quantized dtype of PyTorch, such as `qint8`, with one scale or one for each channel."""
    if not tensor.is_quantized:
        return None
    dtype, count = _name(tensor.dtype), tensor.numel()
    if tensor.is_meta:  # it has no scales
        return Stored(_shape(tensor.shape), dtype, count, count * _PACKED_BITS.get(dtype, 8) // 8, dtype)
    each = "channel" if "per_channel" in str(tensor.qscheme()) else "tensor"
    bits = _PACKED_BITS.get(dtype, 8 * tensor.element_size())
    more = 0
    if each == "channel":
        more = _bytes(tensor.q_per_channel_scales()) + _bytes(tensor.q_per_channel_zero_points())
    return Stored(_shape(tensor.shape), dtype, count, -(-count * bits // 8) + more, f"{dtype} per {each}")


def _wrapper(tensor: torch.Tensor, module: nn.Module) -> Stored | None:
    """Describe a tensor subclass that wraps other tensors, as torchao's and DTensor do.

    Of a DTensor, the part in this process counts. If the largest inner tensor has another dtype, it is quantized.
    """
    inner = list(_inner(tensor))
    if not inner:
        return None
    largest = max(inner, key=lambda part: part.numel())
    is_quantized = largest.dtype != tensor.dtype
    return msgspec.structs.replace(
        _plain(tensor),
        stored_bytes=sum(_bytes(part) for part in inner),
        quantization=_scheme_of_wrapper(tensor, largest) if is_quantized else "",
    )


def _scheme_of_wrapper(tensor: torch.Tensor, largest: torch.Tensor) -> str:
    """Return the scheme of a quantized wrapper, such as `int4`, never the name of its class.

    Args:
        tensor: the wrapper.
        largest: its largest inner tensor.
    """
    for attribute in ("target_dtype", "elem_dtype", "_elem_dtype"):
        dtype = introspection.attribute(tensor, attribute)
        if isinstance(dtype, torch.dtype):
            return _name(dtype)
    inside = [part for part in _parts_of_wrapper(tensor) if hasattr(type(part), "__tensor_flatten__")]
    if inside:
        return _scheme_of_wrapper(inside[0], largest)
    if largest.dtype.is_floating_point:
        return _name(largest.dtype)
    if named := _SCHEME.search(type(tensor).__name__):
        return named[0].lower()
    bits = 8 * _bytes(largest) // max(tensor.numel(), 1)
    return f"int{bits}" if 1 <= bits < 8 else _name(largest.dtype)


def _inner(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the plain tensors in a wrapper subclass, and in wrappers inside it."""
    for part in _parts_of_wrapper(tensor):
        yield from list(_inner(part)) or [part]


def _parts_of_wrapper(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the tensors that a wrapper subclass contains itself."""
    if not hasattr(type(tensor), "__tensor_flatten__"):
        return
    names, _ = tensor.__tensor_flatten__()  # type: ignore[attr-defined]  # the protocol of wrapper subclasses
    for name in names:
        part = introspection.attribute(tensor, name)
        if isinstance(part, torch.Tensor):
            yield part


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _shape(sides: object) -> tuple[int, ...]:
    return tuple(int(side) for side in sides)  # type: ignore[attr-defined]  # a torch.Size, or the shape in a quant state


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
