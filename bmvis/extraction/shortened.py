"""Shorten what a model records, with a digest of what is left out, so that a comparison detects each change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence


def digest(text: str) -> str:
    """Return a short digest of a text: `#1f0c2a9b`."""
    return digest_of_bytes(text.encode(errors="replace"))


def digest_of_bytes(data: bytes) -> str:
    """Return a short digest of bytes: `#1f0c2a9b`."""
    return f"#{hashlib.blake2b(data, digest_size=4).hexdigest()}"


def cut(text: str, limit: int) -> str:
    """Return at most `limit` characters of a text, and a digest of the whole text if it is longer."""
    return text if len(text) <= limit else f"{text[: limit - 1]}… {digest(text)}"


def number_and_digest(texts: Sequence[str]) -> str:
    """Return the text that represents those that are left out: `12 values #1f0c2a9b`."""
    return f"{len(texts)} values {digest(', '.join(texts))}"


def first_pairs(pairs: Iterable[tuple[str, str]], limit: int, rest: str) -> Iterator[tuple[str, str]]:
    """Yield the first `limit` pairs, and one pair for all others: their number and a digest.

    Args:
        pairs: names and texts.
        limit: the number of pairs.
        rest: the name of the last pair.
    """
    others = []
    for number, pair in enumerate(pairs):
        if number < limit:
            yield pair
        else:
            others.append("=".join(pair))
    if others:
        yield rest, number_and_digest(others)


def first_items(items: Iterable[str], limit: int) -> list[str]:
    """Return the first `limit` texts, and one for all others: their number and a digest."""
    known = list(items)
    others = known[limit:]
    return [*known[:limit], *([number_and_digest(others)] if others else [])]
