"""Estimate the maximum width of texts.

The widths are those of DejaVu Sans, the widest of the usual fonts of user interfaces, rounded up to 0.05 em.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

Role = Literal["name", "detail", "title", "subtitle", "badge", "end", "join", "symbol", "shape"]


class Font(NamedTuple):
    """How texts of one role look. The stylesheet has the same sizes."""

    size: float
    bold: bool = False


FONTS: Mapping[Role, Font] = {
    "name": Font(12, bold=True),
    "detail": Font(10.5),
    "title": Font(12, bold=True),
    "subtitle": Font(10.5),
    "badge": Font(12, bold=True),
    "end": Font(12),
    "join": Font(11),
    "symbol": Font(15),
    "shape": Font(10),
}

_BOLD = {
    0.35: " 'ijl",
    0.4: ",./:;IJ\\|",
    0.45: "-f",
    0.5: "!()[]_`rt–",
    0.55: '"*',
    0.6: "?csz",
    0.65: "Lx",
    0.7: "$0123456789EFTaekovy",
    0.75: "CPSYZbdghnpqu{}",
    0.8: "ABKRVX",
    0.85: "#+<=>DGHNU^~×−",
    0.9: "&OQ",
    0.95: "w",
    1.05: "@M%m…",
    1.15: "W",
}
_REGULAR = {
    0.3: "'IJijl",
    0.35: " ,./:;\\|",
    0.4: "()-[]ft",
    0.45: "!r",
    0.5: '"*_`–',
    0.55: "?csz",
    0.6: "FLkvxy",
    0.65: "$0123456789EPSTYabdeghnopqu{}",
    0.7: "ABCKRVXZ",
    0.75: "NU",
    0.8: "&DGHOQ",
    0.85: "#+<=>^w~×−",
    0.9: "M",
    1.0: "%@Wm…",
}
_WIDEST = 1.2
"""The width of all other characters, which covers emoji and East Asian characters."""


def _by_character(groups: Mapping[float, str]) -> Mapping[str, float]:
    return {character: width for width, characters in groups.items() for character in characters}


_WIDTHS = {True: _by_character(_BOLD), False: _by_character(_REGULAR)}


@lru_cache(maxsize=4096)
def text_width(text: str, role: Role) -> float:
    """Return an upper limit of the width of a text, in pixels."""
    font = FONTS[role]
    widths = _WIDTHS[font.bold]
    return font.size * sum(widths.get(character, _WIDEST) for character in text)


def shortened(text: str, role: Role, width: float) -> str:
    """Return a text of at most the given width, with an ellipsis in the middle if it is too long."""
    if text_width(text, role) <= width:
        return text
    narrowest = FONTS[role].size * min(_WIDTHS[False].values())
    keep = min(len(text) - 1, int(width / narrowest))
    while keep > 1 and text_width(_without_middle(text, keep), role) > width:
        keep -= 1
    return _without_middle(text, keep)


def _without_middle(text: str, keep: int) -> str:
    return f"{text[: (keep + 1) // 2]}…{text[len(text) - keep // 2 :]}"
