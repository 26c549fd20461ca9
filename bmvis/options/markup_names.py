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
FACT_ROLES = {"params": "parameters", "macs": "macs", "size": "size", FACT: ""}
"""The roles of Sphinx for facts, each with its value of `of`; '' if the text of the role has it."""
_LIKE_ROLES = (*(f"model-{name}" for name in FACT_ROLES), "model-parameters")
"""Names of no element that are like a role: `<model-params>`."""


def intended(name: str) -> str | None:
    """Return the name, or the one of which it is a misspelling or another form; None if it is not like any.

    Examples:
        >>> intended("Model_Structure")
        'model-structure'
        >>> intended("model-params")
        'model-fact'
        >>> intended("model-viewer")  # the element of another library
    """
    if name.lower() in _LIKE_ROLES:
        return FACT
    close = get_close_matches(name.lower(), NAMES, n=1, cutoff=0.8)
    return close[0] if close else None
