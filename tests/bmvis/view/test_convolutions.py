"""Depthwise and grouped convolutions can be recognized without `extra-repr`."""

from __future__ import annotations

import pytest
from torch import nn

import bmvis
from bmvis.options.definitions import Options
from bmvis.render.text import to_text
from bmvis.view.layout import layout


class Padded(nn.Conv2d):
    """A subclass, as libraries have."""


def last_row(*layers: nn.Module, **options: object) -> str:
    text = to_text(layout(bmvis.capture(nn.Sequential(*layers)), Options(**options)))
    return text.split("\n\n")[0].splitlines()[-1].lstrip("└─ ")


@pytest.mark.parametrize(
    ("layers", "row"),
    [
        ([nn.Conv2d(32, 32, 3, groups=32)], "0 (Conv2d) weight:[32, 1, 3, 3] bias:[32] (depthwise)"),
        ([nn.Conv2d(8, 16, 3, groups=8)], "0 (Conv2d) weight:[16, 1, 3, 3] bias:[16] (depthwise)"),
        ([nn.Conv2d(32, 64, 3, groups=4)], "0 (Conv2d) weight:[64, 8, 3, 3] bias:[64] (4 groups)"),
        ([nn.ConvTranspose1d(8, 8, 2, groups=8)], "0 (ConvTranspose1d) weight:[8, 1, 2] bias:[8] (depthwise)"),
        ([Padded(8, 8, 3, groups=2)], "0 (Padded) weight:[8, 4, 3, 3] bias:[8] (2 groups)"),
        ([nn.Conv2d(1, 32, 3)], "0 (Conv2d) weight:[32, 1, 3, 3] bias:[32]"),
        ([nn.Conv1d(8, 8, 3, groups=8) for _ in range(3)], "0-2(Conv1d) weight:[8, 1, 3] bias:[8] (depthwise)"),
        ([nn.GroupNorm(4, 8)], "0 (GroupNorm) weight:[8] bias:[8]"),
    ],
)
def test_groups_of_a_convolution_are_named(layers: list[nn.Module], row: str) -> None:
    assert last_row(*layers) == row


def test_equal_weights_with_other_groups_have_a_range() -> None:
    assert last_row(nn.Conv2d(1, 32, 3), nn.Conv2d(32, 32, 3, groups=32)).endswith("(1-32 groups)")


def test_similar_convolutions_are_depthwise_together() -> None:
    layers = [nn.Conv2d(n, n, 3, groups=n) for n in (8, 16, 32)]
    assert "(depthwise)" in last_row(*layers, fold="similar")


def test_extra_repr_replaces_the_mark() -> None:
    assert "(" not in last_row(nn.Conv2d(8, 8, 3, groups=8), extra_repr=True).partition("#")[0].partition("(Conv2d)")[2]
