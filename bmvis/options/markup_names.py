"""The names of directives and elements, and what is intended by a name that is close to one of them."""

from __future__ import annotations

from difflib import get_close_matches

NAME, COMPARE, OPTIMIZER, GALLERY, TABLE = BLOCKS = (
    "model-structure",
    "model-compare",
    "model-optimizer",
    "model-gallery",
    "model-table",
)
"""Directives, and elements that are blocks of their own."""
FACT = "model-fact"
"""The role and the element in a sentence."""
NAMES = (*BLOCKS, FACT)


def intended(name: str) -> str | None:
    """Return the name, or the one of which it is a misspelling; None if it is not like any.

    Examples:
        >>> intended("Model_Structure")
        'model-structure'
        >>> intended("model-viewer")  # the element of another library
    """
    close = get_close_matches(name.lower(), NAMES, n=1, cutoff=0.8)
    return close[0] if close else None
