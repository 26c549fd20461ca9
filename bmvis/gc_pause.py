"""Pause Python's garbage collector while a tree is built."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_gc() -> Iterator[None]:
    """Disable the garbage collector for the duration of the context.

    The records of a tree form no reference cycles, and each collection would traverse all objects of torch or Sphinx.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
