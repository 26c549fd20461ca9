"""The options reference of both sites: a Markdown table, made from the one table of options at build time."""

from __future__ import annotations

from bmvis.options import OPTIONS

PLACE = "{{ options }}"
"""What stands on the page where the table belongs."""


def options_table() -> str:
    """Return a row for each option."""
    rows = [f"| `{option.name}` | {option.takes or 'nothing: a flag'} | {option.help} |" for option in OPTIONS]
    return "\n".join(["| option | takes | what it does |", "|---|---|---|", *rows])
