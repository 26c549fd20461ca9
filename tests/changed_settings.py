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


def assert_reported(before: Callable[[], nn.Module], after: Callable[[], nn.Module], impact: str, lines: list[str]):
    """Assert that a change is reported as these lines, and what it affects."""
    found = drift(before, after)
    assert [str(change) for change in found.changes] == lines
    assert found.impact == impact


def assert_checkpoints_load(before: Callable[[], nn.Module], after: Callable[[], nn.Module]):
    """Assert that a checkpoint from before a change loads after it, and that the report states so."""
    found = drift(before, after)
    after().load_state_dict(before().state_dict())
    assert found.verdict.loads
    assert found.headline.startswith("old checkpoints load")
