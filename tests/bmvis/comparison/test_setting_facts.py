"""The text of a changed value: as much of it as a reader needs."""

from __future__ import annotations

from typing import Any

import pytest
from small_models import Plain
from torch.nn import functional

from bmvis.comparison.drift import find_drift
from bmvis.extraction.modules import capture


class Inner:
    def __init__(self, name: str) -> None:
        self.name = name


class Gain:
    def __init__(self, factor: float, name: str = "a") -> None:
        self.factor = factor
        self.inner = Inner(name)


def gelu() -> None:
    """Have the name of another function."""


CHANGED_VALUES: dict[str, tuple[Any, Any, str]] = {
    "objects": (
        [Gain(1), gelu],
        [Gain(2), gelu],
        "value: (Gain(factor=1, inner=Inner(name=a)), gelu()) → (Gain(factor=2, inner=Inner(name=a)), gelu())",
    ),
    "names in strings": (["a.b(c)", 1], ["a.b(c)", 2], "value: ('a.b(c)', 1) → ('a.b(c)', 2)"),
    "two modules": (
        [gelu],
        [functional.gelu],
        "value: (tests.bmvis.comparison.test_setting_facts.gelu(),) → (torch.",
    ),
    "digest": (
        [Gain(0.5, "n" * 100)],
        [Gain(0.5, "m" * 100)],
        "value: (Gain(factor=0.5, inner=Inner(name=100 characters)),) → "
        "(Gain(factor=0.5, inner=Inner(name=100 other characters)),)",
    ),
    "anchors": (
        [[(10, 13), (16, 30), (33, 23)], [(30, 61), (62, 45), (59, 119)], [(116, 90), (156, 198), (373, 326)]],
        [[(10, 13), (16, 30), (33, 23)], [(30, 61), (62, 45), (59, 119)], [(116, 90), (156, 199), (373, 326)]],
        "value[2]: ((116, 90), (156, 198), (373, 326)) → ((116, 90), (156, 199), (373, 326))",
    ),
    "several items": (
        [(number, "of a long sequence") for number in (1, 2, 3, 4, 5)],
        [(number, "of a long sequence") for number in (1, 2, 6, 4, 7)],
        "value: (…, (3, of a long sequence), …, (5, of a long sequence)) → "
        "(…, (6, of a long sequence), …, (7, of a long sequence))",
    ),
    "all of a long sequence": (
        [(number, "of a long sequence") for number in range(10)],
        [(-number, "of a long sequence") for number in range(1, 11)],
        "value: 10 values → 10 other values",
    ),
    "another length": (
        [(number, "of a long sequence") for number in range(5)],
        [(number, "of a long sequence") for number in range(10)],
        "value: ((0, of a long sequence), (1, of a long sequence), (2, of a long sequence), (3, of a long sequence), "
        "(4, of a long sequence)) → 10 values",
    ),
}


@pytest.mark.parametrize("case", CHANGED_VALUES)
def test_as_much_of_a_value_is_written_as_a_reader_needs(case: str) -> None:
    before, after, text = CHANGED_VALUES[case]
    found = find_drift(capture(Plain(value=before)), capture(Plain(value=after))).changes
    assert len(found) == 1
    assert str(found[0]).startswith(f"~ the root  {text}")
    assert "#" not in str(found[0])
