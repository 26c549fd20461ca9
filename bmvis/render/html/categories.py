"""The kinds of modules that have a color of their own in a figure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bmvis.view.figure.figure import Box

_PATTERNS: Mapping[str, re.Pattern[str]] = {
    "embedding": re.compile(r"Embed|Rotary|Position"),
    "norm": re.compile(r"Norm(\d?d)?$|^Norm|RMSNorm|NormAct(2d)?$"),
    "attention": re.compile(r"Attention|Attn"),
    "pool": re.compile(r"Pool|Upsample|PixelShuffle|Flatten"),
    "recurrent": re.compile(r"LSTM|GRU|^(RNN|Mamba)|Mixer$"),
    "convolution": re.compile(r"Conv\w*[123]d|Conv$|^\w*Conv"),
    "linear": re.compile(r"Linear|Conv1D$|Dense$"),
    "activation": re.compile(
        r"(ReLU\d?|GELU\w*|SiLU\w*|[Ss]wish|[Tt]anh|[Ss]igmoid|Softmax|Softplus|ELU|GLU|Mish|Activation)$"
    ),
}
"""A pattern of class names for each kind, the most special first. They only choose a color."""


def category(box: Box) -> str:
    """Return the kind of a box: its own, or for a module what its class name suggests."""
    if box.kind != "module":
        return box.kind if box.kind == "join" else "end"
    if box.type_name == "Conv1D":  # a linear layer of GPT-2
        return "linear"
    return next((name for name, pattern in _PATTERNS.items() if pattern.search(box.type_name)), "module")
