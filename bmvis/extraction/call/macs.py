"""Multiply-accumulates of operations: formulas that PyTorch's counter lacks, and names of uncounted operations.

`torch.utils.flop_counter` has formulas for matrix products, convolutions and attention. Element-wise operations count
as 0, as they do there. An operation that looks like a product but has no formula is reported by name, so that a number
is either complete or comes with what is missing.

https://github.com/pytorch/pytorch/blob/main/torch/utils/flop_counter.py
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils.flop_counter import flop_registry

Formula = Callable[..., int]
"""Takes the arguments of an operation, and its result as `out`; returns multiply-accumulates."""

_PRODUCT = re.compile(
    r"mm(_|$)|mv(_|$)|matmul|conv(?!ert|olution_overrideable)|linear(?!_backward)|lstm|gru|rnn|attention|attn|"
    r"trilinear|(^|_)dot|(^|_)ger(_|$)|(^|_)addr|einsum|cdist|fft|linalg|(^|_)lu_(?!$)|cholesky|triangular_solve|svd|geqrf|ormqr|orgqr"
)
"""Names of `aten` operations that need more than one step for each element of their result."""
_INTERPOLATION = re.compile(r"upsample|interpolat|grid_sampler")
_ELEMENTWISE = re.compile(r"linalg_(vector_norm|cross|diagonal)|_linalg_check_errors")
"""Operations of `linalg` that take at most one step for each element, as a sum does."""
_BOOKKEEPING = ("aten", "prim", "prims", "profiler", "inductor", "_c10d_functional", "c10d", "debugprims", "rngprims")
"""Namespaces whose operations count as 0 unless they have a formula or match `_PRODUCT`."""

_SPARSE = frozenset((torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc))
_SPARSE_PRODUCTS = {"aten::mm": 0, "aten::bmm": 0, "aten::mv": 0, "aten::addmm": 1, "aten::_sparse_addmm": 1}
"""Products that accept a sparse matrix, with the index of their first factor."""

_SIZE_QUERIES = frozenset(
    f"aten::{name}"
    for name in (
        "sym_is_contiguous", "is_contiguous", "is_strides_like_format", "is_non_overlapping_and_dense", "size",
        "sym_size", "stride", "sym_stride", "storage_offset", "sym_storage_offset", "numel", "sym_numel", "dim",
    )
)  # fmt: skip
"""Queries that a tensor with its own sizes, such as a nested one, dispatches. PyTorch answers them without the mode."""


def formula_of(operation: Any) -> Formula | None:
    """Return the formula of an operation, or None.

    Args:
        operation: an `OpOverload`, or a `HigherOrderOperator`.
    """
    packet = getattr(operation, "_overloadpacket", operation)
    own = _FORMULAS.get(_name(packet))
    if own is not None:
        return own
    formula = flop_registry.get(packet)
    return _halved(formula) if formula else None


def has_sparse(tensors: Iterable[torch.Tensor]) -> bool:
    """Return whether one of the tensors has a sparse layout."""
    return any(tensor.layout in _SPARSE for tensor in tensors)


def sparse_macs(operation: Any, args: Sequence[Any]) -> int | None:
    """Count a product of a sparse and a dense matrix: each stored element takes part in a row or column of the result.

    Formulas of dense matrices also count the zeros, which are most elements of the adjacency matrix of a graph.

    Returns:
        None if the number is unknown: both factors are sparse, or it is a meta or fake tensor, whose elements most
        operations forget.
    """
    first = _SPARSE_PRODUCTS.get(qualified_name(operation))
    if first is None:
        return None
    left, right = args[first : first + 2]
    is_left = left.layout in _SPARSE
    sparse, dense = (left, right) if is_left else (right, left)
    stored = (sparse._values() if sparse.layout is torch.sparse_coo else sparse.values()).numel()
    if dense.layout in _SPARSE or (not stored and (sparse.is_meta or isinstance(sparse, FakeTensor))):
        return None
    return int(stored) * (int(dense.shape[-1 if is_left else -2]) if dense.dim() > 1 else 1)


def uncounted_name(operation: Any) -> str:
    """Return the name of an operation that has multiply-accumulates but no formula; '' if it has none.

    Examples:
        >>> uncounted_name(torch.ops.aten.relu.default)
        ''
        >>> uncounted_name(torch.ops.aten._fft_c2c.default)
        'aten::_fft_c2c'
    """
    name = qualified_name(operation)
    namespace, _, own = name.partition("::")
    if namespace not in _BOOKKEEPING:
        return name
    is_simple = _INTERPOLATION.search(own) or _ELEMENTWISE.match(own)
    return name if _PRODUCT.search(own) and not is_simple else ""


def is_size_query(operation: Any) -> bool:
    """Return whether an operation only asks a tensor for its sizes."""
    return qualified_name(operation) in _SIZE_QUERIES


def qualified_name(operation: Any) -> str:
    """Return `aten::mm`; `higher_order::cond` for a higher-order operator."""
    return _name(getattr(operation, "_overloadpacket", operation))


def _name(packet: Any) -> str:
    qualified = getattr(packet, "_qualified_op_name", "")
    return qualified or f"higher_order::{packet.__name__}"


def _halved(flops: Callable[..., int]) -> Formula:
    """Convert a formula of `torch.utils.flop_counter`, which counts a multiply and an add as two."""

    def macs(*args: Any, out: Any, **kwargs: Any) -> int:
        return int(flops(*args, **kwargs, out_val=out)) // 2

    return macs


def _rows_by_columns(first: torch.Tensor, *_: Any, out: torch.Tensor, **__: Any) -> int:
    """Count a product where each element of the result is a sum over the last dimension of `first`."""
    return out.numel() * first.shape[-1]


def _grouped_product(first: torch.Tensor, second: torch.Tensor, *_: Any, out: torch.Tensor, **__: Any) -> int:
    """Count `_grouped_mm`: a batch of products, or one product whose rows, columns or sums are split into groups.

    https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/GroupedMMUtils.h
    """
    if first.dim() == 2 and second.dim() == 2:  # the sum is split: [M, K] @ [K, N] -> [groups, M, N]
        return first.shape[0] * first.shape[1] * second.shape[1]
    return out.numel() * first.shape[-1]


def _scaled_grouped_product(first: torch.Tensor, second: torch.Tensor, *_: Any, out: torch.Tensor, **__: Any) -> int:
    return _grouped_product(first, second, out=out)


def _trilinear(
    one: torch.Tensor,
    two: torch.Tensor,
    three: torch.Tensor,
    expand_one: Sequence[int],
    expand_two: Sequence[int],
    expand_three: Sequence[int],
    *_: Any,
    out: torch.Tensor,
    **__: Any,
) -> int:
    """Count `nn.Bilinear`: one multiply-accumulate for each element of its three factors broadcast to one shape."""
    shapes = [
        _expanded(factor.shape, dims) for factor, dims in ((one, expand_one), (two, expand_two), (three, expand_three))
    ]
    return math.prod(map(max, *shapes))


def _expanded(shape: Sequence[int], dims: Sequence[int]) -> list[int]:
    found = list(shape)
    for dim in sorted(dims):
        found.insert(dim, 1)
    return found


def _recurrent_layer(sequence: torch.Tensor, inner: torch.Tensor, hidden: torch.Tensor, *_: Any, **__: Any) -> int:
    """Count one layer and direction of an LSTM or GRU on the CPU: both matrices at each step of each sequence."""
    return sequence.shape[0] * sequence.shape[1] * (inner.numel() + hidden.numel())


def _attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_: Any, **__: Any) -> int:
    """Count scaled dot-product attention of [batch, heads, length, size]: scores, and the sum of the values.

    A causal mask does not reduce the count, as in `torch.utils.flop_counter`.
    """
    *outer, length, size = query.shape
    return math.prod(outer) * length * key.shape[-2] * (size + value.shape[-1])


def _added_batches(_added: torch.Tensor, first: torch.Tensor, second: torch.Tensor, *_: Any, **__: Any) -> int:
    """Count `addbmm`, which sums the products of a batch, and products that are added in place."""
    return first.numel() * second.shape[-1]


def _time_convolution(given: torch.Tensor, weight: torch.Tensor, *_: Any, out: torch.Tensor, **__: Any) -> int:
    """Count `conv_tbc`, whose weight has the shape [kernel, in, out]."""
    return out.numel() * weight.shape[0] * weight.shape[1]


def _matrix_vector(matrix: torch.Tensor, *_: Any, **__: Any) -> int:
    return matrix.numel()


def _added_matrix_vector(_added: torch.Tensor, matrix: torch.Tensor, *_: Any, **__: Any) -> int:
    return matrix.numel()


def _each_element(*_: Any, out: torch.Tensor, **__: Any) -> int:
    return out.numel()


def _distances(first: torch.Tensor, second: torch.Tensor, *_: Any, out: torch.Tensor, **__: Any) -> int:
    return out.numel() * first.shape[-1]


def _quantized_convolution(given: torch.Tensor, packed: Any, *_: Any, out: torch.Tensor, **__: Any) -> int:
    """Count a quantized convolution, whose packed weight has the shape [out, in / groups, *kernel]."""
    weight, _bias = packed.unpack()
    sums: int = math.prod(weight.shape[1:])
    return out.numel() * sums


def _quantized_recurrence(
    given: torch.Tensor, state: Any, _packed: Any, _has_biases: bool, layers: int, *rest: Any, **_: Any
) -> int:
    """Count a dynamically quantized LSTM, whose state is a list, or GRU. Its weights are packed objects.

    `rest` has the dropout, the mode, and whether it is bidirectional.
    """
    is_lstm = isinstance(state, list | tuple)
    hidden: int = (state[0] if is_lstm else state).shape[-1]
    directions = 2 if rest[2] else 1
    inputs = given.shape[-1] + (layers - 1) * hidden * directions
    gates = (4 if is_lstm else 3) * hidden
    steps = given.numel() // given.shape[-1]
    return steps * directions * gates * (inputs + layers * hidden)


_FORMULAS: dict[str, Formula] = {
    "aten::_grouped_mm": _grouped_product,
    "aten::_scaled_grouped_mm": _scaled_grouped_product,
    "aten::_trilinear": _trilinear,
    "aten::mkldnn_rnn_layer": _recurrent_layer,
    "aten::_scaled_dot_product_flash_attention_for_cpu": _attention,
    "aten::_scaled_dot_product_fused_attention_overrideable": _attention,
    "higher_order::flex_attention": _attention,
    "aten::addbmm": _added_batches,
    "aten::addbmm_": _added_batches,
    "aten::addmm_": _added_batches,
    "aten::baddbmm_": _added_batches,
    "aten::conv_tbc": _time_convolution,
    "aten::mv": _matrix_vector,
    "aten::addmv": _added_matrix_vector,
    "aten::addmv_": _added_matrix_vector,
    "aten::dot": _matrix_vector,
    "aten::vdot": _matrix_vector,
    "aten::ger": _each_element,
    "aten::addr": _each_element,
    "aten::addr_": _each_element,
    "aten::_cdist_forward": _distances,
    "aten::_euclidean_dist": _distances,
    "aten::_int_mm": _rows_by_columns,
    "aten::_pdist_forward": _rows_by_columns,
    "aten::affine_grid_generator": _rows_by_columns,
    "aten::_weight_int4pack_mm": _rows_by_columns,
    "aten::_weight_int4pack_mm_for_cpu": _rows_by_columns,
    "aten::_weight_int8pack_mm": _rows_by_columns,
    "aten::mkldnn_linear": _rows_by_columns,
    "mkldnn::_linear_pointwise": _rows_by_columns,
    "aten::quantized_lstm": _quantized_recurrence,
    "aten::quantized_gru": _quantized_recurrence,
    "quantized::linear": _rows_by_columns,
    "quantized::linear_relu": _rows_by_columns,
    "quantized::linear_dynamic": _rows_by_columns,
    "quantized::linear_relu_dynamic": _rows_by_columns,
    "quantized::linear_dynamic_fp16": _rows_by_columns,
    "quantized::conv1d": _quantized_convolution,
    "quantized::conv1d_relu": _quantized_convolution,
    "quantized::conv2d": _quantized_convolution,
    "quantized::conv2d_relu": _quantized_convolution,
    "quantized::conv3d": _quantized_convolution,
    "quantized::conv3d_relu": _quantized_convolution,
}
"""Formulas that PyTorch lacks, by name: an older PyTorch may not have the operation."""
