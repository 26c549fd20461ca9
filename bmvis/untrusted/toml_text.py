"""Parse TOML, with the standard library where it has a parser."""

from __future__ import annotations

import sys
from typing import Any


def parse_toml(text: str) -> dict[str, Any]:
    """Return the tables of a TOML document.

    Raises:
        ValueError: the text is not TOML.
    """
    # The parser compiles its expressions when it is imported, and many projects have no file to parse.
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)
