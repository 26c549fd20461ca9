"""What an operation does, in the words of a figure: `+`, `concat`, `attention`."""

from __future__ import annotations

from functools import lru_cache

_SYMBOLS: dict[str, str] = {
    **dict.fromkeys(("add", "radd", "iadd", "sum"), "+"),
    **dict.fromkeys(("sub", "rsub", "isub", "subtract"), "−"),
    **dict.fromkeys(("mul", "rmul", "imul", "multiply", "addcmul"), "×"),
    **dict.fromkeys(("div", "truediv", "rdiv", "rtruediv", "itruediv", "divide", "true_divide"), "÷"),
    **dict.fromkeys(("cat", "concat", "concatenate", "hstack", "vstack", "dstack"), "concat"),
    **dict.fromkeys(("matmul", "rmatmul", "mm", "bmm", "mv", "dot", "addmm", "baddbmm", "grouped_mm"), "matmul"),
    **dict.fromkeys(("masked_fill", "where"), "where"),
    **dict.fromkeys(("copy", "setitem", "index_put", "slice_scatter"), "assign"),
    **dict.fromkeys(("index_add", "scatter_add", "scatter_reduce", "index_reduce"), "scatter +"),
    "linalg_vector_norm": "norm",
    **dict.fromkeys(("softmax", "safe_softmax"), "softmax"),
}
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
    own = name.strip("_").removeprefix("native_").removesuffix("_with_indices")
    return _SYMBOLS.get(own, own)
