"""What is reported of learning rate schedulers that changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from bmvis.comparison.drift import find_drift
from bmvis.extraction.modules import capture_live
from bmvis.extraction.optimizers import note_groups
from bmvis.model.snapshot import Snapshot, dump, load


def scheduled(schedule: Callable[..., Any], **settings: Any):
    """Return a model with an optimizer and a scheduler, as a factory can."""
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    return note_groups(capture_live(model), (optimizer, schedule(optimizer, **settings))).tree


def warmed_up(optimizer: Any, gamma: float) -> Any:
    inner = [lr_scheduler.ConstantLR(optimizer, 0.5, 2), lr_scheduler.ExponentialLR(optimizer, gamma)]
    return lr_scheduler.SequentialLR(optimizer, inner, [2])


def chained(optimizer: Any, gamma: float) -> Any:
    return lr_scheduler.ChainedScheduler([warmed_up(optimizer, gamma)])


@pytest.mark.parametrize(
    ("schedule", "before", "after", "line"),
    [
        pytest.param(
            lr_scheduler.CosineAnnealingLR,
            {"T_max": 10},
            {"T_max": 20},
            "~ optimizer, CosineAnnealingLR  T_max: 10 → 20",
            id="T_max",
        ),
        pytest.param(
            lr_scheduler.StepLR,
            {"step_size": 10},
            {"step_size": 10, "gamma": 0.5},
            "~ optimizer, StepLR  gamma: 0.1 → 0.5",
            id="gamma",
        ),
        pytest.param(
            lr_scheduler.MultiStepLR,
            {"milestones": [3, 5]},
            {"milestones": [3, 6]},
            "~ optimizer, MultiStepLR  milestones: (3, 5) → (3, 6)",
            id="milestones",
        ),
        pytest.param(
            warmed_up,
            {"gamma": 0.9},
            {"gamma": 0.8},
            "~ optimizer, SequentialLR  1.gamma: 0.9 → 0.8",
            id="scheduler after a warm-up",
        ),
        pytest.param(
            chained,
            {"gamma": 0.9},
            {"gamma": 0.8},
            "~ optimizer, ChainedScheduler  0.1.gamma: 0.9 → 0.8",
            id="scheduler in two others",
        ),
        pytest.param(
            lr_scheduler.OneCycleLR,
            {"max_lr": 1.0, "total_steps": 10},
            {"max_lr": 1.0, "total_steps": 10, "anneal_strategy": "linear"},
            "~ optimizer, OneCycleLR  anneal_func_type: cos → linear",
            id="strategy of one cycle",
        ),
        pytest.param(
            lr_scheduler.OneCycleLR,
            {"max_lr": 1.0, "total_steps": 10},
            {"max_lr": 1.0, "total_steps": 10, "pct_start": 0.4},
            "~ optimizer, OneCycleLR  schedule_phases: (2.0, 9) → (3.0, 9)",
            id="phases of one cycle",
        ),
    ],
)
def test_change_of_a_scheduler_is_reported(schedule, before, after, line):
    recorded = load(dump(Snapshot("zoo:build", scheduled(schedule, **before)))).model
    drift = find_drift(recorded, scheduled(schedule, **after))
    assert [str(change) for change in drift.changes] == [line]
    assert drift.impact == "training"
    assert not find_drift(recorded, scheduled(schedule, **before))
