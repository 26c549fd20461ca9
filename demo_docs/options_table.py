"""The options reference of both sites: Markdown tables, made from the tables of options at build time."""

from __future__ import annotations

from collections.abc import Iterable

from bmvis.gallery import GALLERY_OPTIONS
from bmvis.options import OPTIONS, Option


def _table(options: Iterable[Option]) -> str:
    """Return a row for each option."""
    rows = [f"| `{option.name}` | {option.takes or 'nothing: a flag'} | {option.help} |" for option in options]
    return "\n".join(["| option | takes | what it does |", "|---|---|---|", *rows])


TABLES = {"options": _table(OPTIONS), "gallery_options": _table(GALLERY_OPTIONS)}
"""By the name that stands on a page, in double braces, where the table belongs."""
