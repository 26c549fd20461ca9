"""Print text where the encoding lacks some of its characters, such as that of a pipe on Windows.

bmvis draws lines and marks, and modules can have any name. Without this, Python raises `UnicodeEncodeError`.
"""

from __future__ import annotations

import codecs
import io
import sys
from contextlib import suppress

_HANDLER = "bmvis.ascii"
_REPLACEMENTS = {
    "→": "->",
    "…": "...",
    "×": "x",
    "≈": "~",
    "≠": "!=",
    "≥": ">=",
    "±": "+-",
    "–": "-",
    "−": "-",
    "÷": "/",
    "·": "-",
    "─": "-",
    "│": "|",
    "├": "+",
    "└": "`",
}
"""The characters that bmvis prints itself, and what is printed for those that the encoding lacks."""


def accept_all_characters() -> None:
    """Let standard output and standard error accept every character, whatever their encoding."""
    codecs.register_error(_HANDLER, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with suppress(OSError):  # a pipe took the place of the file that Python opened, so it has no position
                stream.reconfigure(errors=_HANDLER)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """Return what is printed for characters that an encoding lacks, and the position after them."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(_REPLACEMENTS.get(one) or _escaped(one) for one in characters), error.end


def _escaped(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode()
