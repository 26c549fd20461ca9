"""Fit the columns of a table into a page of a book: by smaller letters, and on a turned page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

LINE = 84
"""Characters that fit into a line of a book."""
PADDING = 3
"""Characters that fit into the space between two columns."""
MAX_WIDTH = 40
"""Characters that a column needs at most; longer text is wrapped."""
SLACK = 1.15
"""Part of a line that a table can need: digits and most letters are narrower than the average."""
NARROW = 18
"""Characters that a column of text keeps, if it has them, before the letters become smaller."""
_TURNED = 1.35
"""How much longer the lines of a turned page are."""


class BookColumn(NamedTuple):
    """A column of a table.

    Attributes:
        heading: its heading, which is wrapped between words.
        cells: the texts of its cells.
        is_number: whether they are numbers, which are not wrapped.
    """

    heading: str
    cells: Sequence[str]
    is_number: bool

    @property
    def width(self) -> int:
        """The number of characters of the longest cell or word of the heading."""
        return max(_longest_word(self.heading), *map(len, self.cells), 1)

    @property
    def least(self) -> int:
        """The number of characters that the column needs if its texts are wrapped."""
        if self.is_number:
            return self.width
        return max(_longest_word(" ".join([self.heading, *self.cells])), min(self.width, NARROW))


class Fit(NamedTuple):
    """How a table fits into a page.

    Attributes:
        size: the command of LaTeX for the size of letters; '' for that of the document.
        is_turned: whether the table has a turned page of its own.
        shares: the part of a line that each column takes. Their sum is at most 1.
    """

    size: str
    is_turned: bool
    shares: list[float]


_FITS = (("", False, 1.0), (r"\footnotesize", False, 1.2), (r"\footnotesize", True, 1.2), (r"\scriptsize", True, 1.4))
"""The sizes to try in order, whether the page is turned, and how many more characters fit into a line by the size."""


def fit(columns: Sequence[BookColumn], *, can_turn: bool) -> Fit:
    """Return how a table fits into a page. If it does not, its columns are too narrow for their words.

    Args:
        columns: its columns.
        can_turn: whether the table can have a page of its own.
    """
    found = None
    for size, is_turned, more in _FITS:
        line = LINE * more * (_TURNED if is_turned else 1)
        if can_turn or not is_turned:
            found = Fit(size, is_turned, list(_shares(columns, line)))
            if sum(column.least + PADDING for column in columns) <= SLACK * line:
                break
    assert found is not None  # the first one is not turned
    return found


def _shares(columns: Sequence[BookColumn], line: float) -> Iterable[float]:
    """Yield the part of a line for each column: what it needs, and of what is left what it can use."""
    least = [column.least for column in columns]
    useful = [max(width, min(column.width, MAX_WIDTH)) for width, column in zip(least, columns, strict=True)]
    left = line - sum(least) - PADDING * len(columns)
    wanted = sum(useful) - sum(least)
    part = max(0, min(1, left / wanted)) if wanted else 0
    scale = min(1, 0.99 * line / (sum(least) + PADDING * len(columns)))
    for narrow, wide in zip(least, useful, strict=True):
        yield scale * (narrow + part * (wide - narrow) + PADDING) / line


def _longest_word(text: str) -> int:
    return min(MAX_WIDTH, max(map(len, text.split()), default=0))
