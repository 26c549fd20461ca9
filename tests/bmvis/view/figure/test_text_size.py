"""Widths of texts in figures, and how texts that are too wide are shortened."""

from __future__ import annotations

import pytest

from bmvis.view.figure.layout.text_size import shortened, text_width

NAME = "BertSelfAttention"


def _cut(text: str, keep: int) -> str:
    return f"{text[: keep - keep // 2]}…{text[len(text) - keep // 2 :]}"


@pytest.mark.parametrize("role", ["title", "detail"])
@pytest.mark.parametrize("keep", range(2, len(NAME) - 1))
def test_text_that_is_too_wide_keeps_as_many_characters_of_both_ends_as_fit(role, keep):
    width = text_width(_cut(NAME, keep), role)
    short = shortened(NAME, role, width)
    assert text_width(short, role) <= width
    head, _, tail = short.partition("…")
    assert NAME.startswith(head)
    assert NAME.endswith(tail)
    assert len(head) + len(tail) >= keep  # narrow characters can leave room for more
    assert len(head) - len(tail) in (0, 1)


def test_text_that_fits_stays():
    assert shortened(NAME, "title", text_width(NAME, "title")) == NAME
