"""Rounded numbers for people, which are never misleading."""

import pytest

from bmvis import humanize


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10K"),
        (109_514_298, "109.5M"),
        (999_949, "999.9K"),
        (999_950, "1M"),
        (671_026_419_200, "671B"),
        (1_600_000_000_000, "1.6T"),
        (10**16, "10000T"),
    ],
)
def test_count_has_at_most_four_digits_and_a_unit(number, written):
    assert humanize.count(number) == written


@pytest.mark.parametrize(
    ("number", "written"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1 KB"), (438_057_192, "438.1 MB"), (2 * 10**15, "2 PB")],
)
def test_size_has_decimal_units(number, written):
    assert humanize.size(number) == written


@pytest.mark.parametrize(
    ("part", "whole", "written"),
    [
        (0, 0, "0 %"),
        (0, 7, "0 %"),
        (1, 10**9, "<0.1 %"),
        (214, 1_000, "21.4 %"),
        (1, 2, "50 %"),
        (10**9 - 1, 10**9, ">99.9 %"),
        (7, 7, "100 %"),
    ],
)
def test_percent_is_never_0_for_some_or_100_for_a_part(part, whole, written):
    assert humanize.percent(part, whole) == written
