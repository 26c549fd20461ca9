"""Replace functions of PyTorch while a factory runs, and find the code that calls them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch

STORAGES = (torch.UntypedStorage, torch.TypedStorage)
"""Classes whose methods are no functions of a tensor, so that no function mode sees their calls."""
_TORCH = str(Path(torch.__file__).parent)


@contextmanager
def replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    """Give a class or module another attribute while the context is active.

    Args:
        owner: the class or module.
        name: the name of the attribute. A class can have inherited it.
        value: the other value.
    """
    is_inherited, original = name not in vars(owner), vars(owner).get(name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if is_inherited:
            delattr(owner, name)
        else:
            setattr(owner, name, original)


@contextmanager
def entered_by_threads(make: Callable[[], AbstractContextManager[object]]) -> Iterator[None]:
    """Let the threads that start while the context is active run in the context that `make` returns.

    Modes of PyTorch belong to one thread. `make` is called in the new thread while the one that starts it waits.
    """
    original = threading.Thread._bootstrap_inner  # type: ignore[attr-defined]  # not `run`: subclasses replace it

    def start(thread: threading.Thread) -> None:
        with make():
            original(thread)

    with replaced(threading.Thread, "_bootstrap_inner", start):
        yield


def outside_torch(frame: FrameType | None) -> FrameType | None:
    """Return the innermost frame of code that is not PyTorch's; None if there is none."""
    while frame is not None and frame.f_code.co_filename.startswith(_TORCH):
        frame = frame.f_back
    return frame
