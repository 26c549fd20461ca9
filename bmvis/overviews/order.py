"""The order of models in galleries and tables, and their groups."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeVar

import msgspec

from bmvis.overviews.entries import Entry

Direction = Literal["", "ascending", "descending"]
_Item = TypeVar("_Item")
OTHER = "Other"
"""The title of the group of models without a tag."""
_LEADING_NUMBER = re.compile(r"[-+]?(\d[\d,]*\.?\d*|\.\d+)(e[-+]?\d{1,2})?", re.IGNORECASE)


class Sorting(msgspec.Struct, frozen=True):
    """An order: by a column, or as listed."""

    column: str = ""
    direction: Direction = ""
    """By default the largest number is first, and text is in alphabetical order."""


def read_sorting(text: str) -> Mapping[str, str]:
    """Return the fields of a `Sorting`.

    Raises:
        ValueError: the text has no column.
    """
    column, _, direction = text.rpartition(" ")
    if direction not in ("ascending", "descending"):
        column, direction = text, ""
    if not column.strip():
        raise ValueError
    return {} if column.strip() == "given" else {"column": column.strip(), "direction": direction}


def leading_number(text: str) -> float | None:
    """Return the number at the start of a value, with or without a unit: 2.3 for `2.3 ms`; None without one."""
    found = _LEADING_NUMBER.match(text.strip())
    return float(found[0].replace(",", "")) if found else None


def order_of(values: Sequence[tuple[str, float | None]], direction: Direction = "") -> list[int]:
    """Return the indices of values, each a text with its number, in order. Values without text are last.

    They are sorted as numbers if all of them are numbers, the largest first unless `direction` sets it.
    """
    known = [index for index, (text, _) in enumerate(values) if text]
    is_number = all(values[index][1] is not None for index in known)
    is_descending = direction == "descending" or (is_number and not direction)

    def key(index: int) -> tuple[float, str]:
        text, number = values[index]
        return (number or 0.0, "") if is_number else (0.0, text.casefold())

    unknown = [index for index, (text, _) in enumerate(values) if not text]
    return [*sorted(known, key=key, reverse=is_descending), *unknown]


def by_first_tag(items: Iterable[_Item], entry_of: Callable[[_Item], Entry]) -> list[tuple[str, tuple[_Item, ...]]]:
    """Return items by the first tag of their lines, in the order in which the tags occur.

    Those without a tag are last, without a title if there are no others.
    """
    found: dict[str, list[_Item]] = {}
    for item in items:
        tags = entry_of(item).tags
        found.setdefault(tags[0] if tags else "", []).append(item)
    untagged = found.pop("", [])
    groups = [(title, tuple(of)) for title, of in found.items()]
    return [*groups, (OTHER if groups else "", tuple(untagged))] if untagged else groups
