"""Keep PyTorch from importing `torch._dynamo`, which takes a second, to compile nothing.

`torch._disable_dynamo` marks functions that `torch.compile` must not compile: operations on the meta device, dispatch
modes, methods of optimizers. Such a function imports the compiler at its first call. If nothing has imported it so far,
there is nothing to disable. https://github.com/pytorch/pytorch/blob/main/torch/_compile.py
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch

_CACHED = "__dynamo_disable"
"""The attribute in which `torch._disable_dynamo` keeps what it made of a function at the first call."""


def avoid() -> None:
    """Let the functions that exist now import no compiler.

    Other releases of PyTorch can mark functions in another way: then nothing changes.
    """
    mark = getattr(torch, "_disable_dynamo", lambda function: function)
    code = mark(_nothing).__code__
    if code.co_freevars == ("fn", "recursive") and _CACHED in code.co_consts:
        for marked in gc.get_referrers(code):
            if isinstance(marked, FunctionType) and marked.__closure__:
                function, is_recursive = (cell.cell_contents for cell in marked.__closure__)
                if is_recursive and not hasattr(function, _CACHED):
                    setattr(function, _CACHED, _unless_imported(function))


def _nothing() -> None:
    """Do nothing."""


def _unless_imported(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what calls a function as it is until the compiler is imported, and then disables the compiler for it."""
    disabled: list[Callable[..., Any]] = []

    def call(*args: Any, **kwargs: Any) -> Any:
        disable = getattr(sys.modules.get("torch._dynamo"), "disable", None)  # not at the start of its import
        if disable and not disabled:
            disabled.append(disable(function, True, wrapping=False))
        return (disabled[0] if disabled else function)(*args, **kwargs)

    return call
