"""Name the items that changed in long sequences: `stages[1]: {drop: 0.1} → {drop: 0.2}` in place of all stages."""

from __future__ import annotations

from typing import NamedTuple

from bmvis.model.settings import split_items

MAX_WHOLE = 80
"""Maximum length of a sequence, in characters, that is written as a whole."""
MAX_TEXT = 200
"""Maximum length of a text of which not only the number of items is written."""


class ChangedItems(NamedTuple):
    """A changed setting, with as much of its values as a reader needs."""

    name: str
    before: str
    after: str


def changed_items(name: str, before: str, after: str) -> ChangedItems:
    """Return the only item that differs with its number, or the sequences with `…` in place of items that are equal.

    Texts that are no sequences, have other lengths, or are short, are returned unchanged.
    """
    was, is_now = _items(before), _items(after)
    if was and is_now and len(was) == len(is_now) and max(len(before), len(after)) > MAX_WHOLE:
        differing = [number for number, pair in enumerate(zip(was, is_now, strict=True)) if pair[0] != pair[1]]
        if len(differing) == 1:
            number = differing[0]
            return changed_items(f"{name}[{number}]", was[number], is_now[number])
        before, after = _only(was, differing), _only(is_now, differing)
    if max(len(before), len(after)) <= MAX_TEXT:
        return ChangedItems(name, before, after)
    before, after = _number(before, was), _number(after, is_now)
    return ChangedItems(name, before, after if before != after else after.replace(" values", " other values"))


def _items(text: str) -> list[str]:
    is_sequence = text.startswith("(") and text.endswith(")")
    return [item for item in split_items(text[1:-1]) if item] if is_sequence else []


def _only(items: list[str], numbers: list[int]) -> str:
    """Return a sequence with `…` in place of other items than those with these numbers."""
    found: list[str] = []
    for number, item in enumerate(items):
        if number in numbers:
            found.append(item)
        elif found[-1:] != ["…"]:
            found.append("…")
    return f"({', '.join(found)})"


def _number(text: str, items: list[str]) -> str:
    return f"{len(items)} values" if items and len(text) > MAX_TEXT else text
