"""Tables of a book fit into its pages: their letters become smaller, and their pages are turned."""

import pytest

from sphinx_bmvis.table_columns import BookColumn, fit

NAME = BookColumn("Model", ["A model with a long name that can be wrapped between its words", "B"], False)
NUMBER = BookColumn("Parameters (M)", ["1,234.5", "0.5"], True)


@pytest.mark.parametrize(
    ("numbers", "can_turn", "size", "is_turned"),
    [
        (2, True, "", False),
        (5, True, "", False),
        (6, True, r"\footnotesize", False),
        (8, True, r"\footnotesize", True),
        (12, True, r"\scriptsize", True),
        (12, False, r"\footnotesize", False),
        (40, True, r"\scriptsize", True),
    ],
)
def test_wide_tables_have_smaller_letters_and_turned_pages(numbers, can_turn, size, is_turned):
    fitted = fit([NAME, *[NUMBER] * numbers], can_turn=can_turn)
    assert (fitted.size, fitted.is_turned) == (size, is_turned)
    assert sum(fitted.shares) <= 1
    assert len(set(fitted.shares[1:])) == 1


def test_text_gets_the_room_that_numbers_leave():
    wide, narrow = (fit([NAME, *[NUMBER] * count], can_turn=False).shares for count in (2, 4))
    assert wide[0] > narrow[0]
    assert wide[1:] == pytest.approx(narrow[1:3])


@pytest.mark.parametrize("cells", [["x" * 30, "y"], ["a b c", "x" * 30]], ids=["first", "last"])
def test_column_is_as_wide_as_its_longest_word(cells):
    """A word that is not broken would be drawn over the next column."""
    first, second = fit([BookColumn("Name", cells, False), *[NUMBER] * 3], can_turn=True).shares[:2]
    assert first / second == pytest.approx((30 + 3) / (10 + 3))


def test_table_without_rows_or_words_fits():
    assert sum(fit([BookColumn("", [], False)], can_turn=True).shares) <= 1
