"""Models before and after a change of a setting."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from bmvis.comparison.drift import find_drift
from bmvis.extraction.modules import capture
from bmvis.model.snapshot import Snapshot, dump, load


def made(factory: Callable[..., nn.Module], *before: Any, **settings: Any) -> Callable[[], nn.Module]:
    """Return a function that makes a model."""
    return functools.partial(factory, *before, **settings)


def drift(before: Callable[[], nn.Module], after: Callable[[], nn.Module]):
    """Compare a recorded model with another one, as `bmvis check` does."""
    with torch.device("cpu"):
        recorded = load(dump(Snapshot("zoo:build", capture(before())))).model
        return find_drift(recorded, capture(after()))
