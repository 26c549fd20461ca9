"""`ignore` in pyproject.toml: changes that are not counted."""

import pytest
from torch import nn

from bmvis.comparison.drift import find_drift
from bmvis.comparison.ignored import parse_ignored
from bmvis.errors import ProjectError
from bmvis.extraction.modules import capture


def net(p=0.1, eps=1e-5, is_frozen=False, padding=1):
    head = nn.Sequential(nn.Dropout(p), nn.Linear(2, 2))
    conv = nn.Conv1d(2, 2, 3, padding=padding)
    return nn.Sequential(conv, nn.LayerNorm(2, eps=eps), nn.Dropout(p), head).requires_grad_(not is_frozen)


@pytest.mark.parametrize(
    ("after", "entries", "lines"),
    [
        (net(p=0.2), ["p"], []),
        (net(p=0.2), ["3.*:p"], ["~ 2  p: 0.1 → 0.2"]),
        (net(p=0.2), ["training"], []),
        (net(p=0.2, eps=1e-3), ["training"], ["~ 1  eps: 1e-05 → 0.001"]),
        (net(eps=1e-3), ["e?s"], []),
        (net(is_frozen=True), ["trainable"], []),
        (net(is_frozen=True), ["3.1:trainable"], ["~ 0-1  frozen (4 tensors)"]),
        (net(padding="same"), ["cosmetic"], []),
        (net(p=0.2), ["eps", "0:p", "numerics"], ["~ 2  p: 0.1 → 0.2", "~ 3.0  p: 0.1 → 0.2"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_ignored_changes_are_no_drift(after, entries, lines):
    drift = find_drift(capture(net()), capture(after), parse_ignored(entries))
    assert [str(change) for change in drift.changes] == lines
    assert bool(drift) == bool(lines)


@pytest.mark.parametrize("entry", ["", "checkpoint", "head:", "*", "**", "x:checkpoint", "x: *"])
def test_the_loading_of_checkpoints_cannot_be_ignored(entry):
    with pytest.raises(ProjectError, match="cannot be ignored"):
        parse_ignored([entry])


def test_an_ignored_change_of_a_shape_is_in_the_headline():
    drift = find_drift(capture(nn.Linear(2, 2)), capture(nn.Linear(2, 3)), parse_ignored(["shape"]))
    assert (drift.changes, len(drift.verdict.reshaped)) == ((), 2)
    assert drift.headline.startswith("old checkpoints no longer load")
