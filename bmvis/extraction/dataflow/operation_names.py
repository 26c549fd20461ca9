"""What an operation does, in the words of a figure: `+`, `concat`, `attention`."""

from __future__ import annotations

import re
from functools import lru_cache

_SYMBOLS: dict[str, str] = {
    **dict.fromkeys(("add", "radd", "iadd", "sum"), "+"),
    **dict.fromkeys(("sub", "rsub", "isub", "subtract"), "−"),
    **dict.fromkeys(("mul", "rmul", "imul", "multiply"), "×"),
    **dict.fromkeys(("div", "truediv", "rdiv", "rtruediv", "itruediv", "divide", "true_divide"), "÷"),
    **dict.fromkeys(("cat", "concat", "concatenate", "hstack", "vstack", "dstack"), "concat"),
    **dict.fromkeys(("matmul", "rmatmul", "imatmul", "mm", "bmm", "mv", "dot", "grouped_mm"), "matmul"),
    **dict.fromkeys(("masked_fill", "where"), "where"),
    **dict.fromkeys(("copy", "setitem", "index_put", "slice_scatter"), "assign"),
    **dict.fromkeys(("index_add", "scatter_add"), "scatter +"),
    **dict.fromkeys(("vector_norm", "matrix_norm"), "norm"),
    "getitem": "index",
    **dict.fromkeys(("softmax", "safe_softmax"), "softmax"),
}
_PREFIX = re.compile(r"^(native|linalg|fft|special)_")
LAYOUT = frozenset(
    (
        *("view", "permute", "transpose", "t", "expand", "slice", "select", "item", "unsqueeze", "squeeze", "clone"),
        *("alias", "to_copy", "detach", "split", "split_with_sizes", "unbind", "chunk", "unsafe_view", "as_strided"),
        "lift_fresh",
    )
)
"""Operations that change the layout of values, not the values."""
_ATTENTION = ("scaled_dot_product", "multi_head_attention", "flash_attention", "flex_attention", "efficient_attention")


@lru_cache(maxsize=4096)
def operation_name(name: str) -> str:
    """Return the word for an operation of PyTorch.

    Examples:
        >>> operation_name("add_"), operation_name("cat"), operation_name("native_layer_norm")
        ('+', 'concat', 'layer_norm')
    """
    if any(part in name for part in _ATTENTION):
        return "attention"
    if "batch_norm" in name:
        return "batch_norm"
    own = _PREFIX.sub("", name.strip("_")).removesuffix("_with_indices")
    return _SYMBOLS.get(own, own)
