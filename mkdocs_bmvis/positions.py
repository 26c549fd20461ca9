"""Find the elements in the text of a page, and those that Markdown draws."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bmvis.lazy_regex import lazy_regex
from bmvis.options.markup_names import FACT
from mkdocs_bmvis.element import LIKE

_NOT_DRAWN = lazy_regex(
    r"^[ \t>]*(?P<fence>`{3,}(?=[^`\n]*$)|~{3,}).*?^[ \t>]*(?P=fence)[`~]*[ \t]*$|<!--.*?-->"
    r"|(?<![`\\])(?P<ticks>`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)(?P=ticks)(?!`)",
    re.MULTILINE | re.DOTALL,
)
"""Code fences, comments, and code in sentences."""
FRONT_MATTER = lazy_regex(r"---[ \t]*\n.*?^(?:---|\.\.\.)[ \t]*$", re.MULTILINE | re.DOTALL)
"""What a file can start with, and its host removes."""
_CONTAINER = lazy_regex(r"\s*([-*+]|\d+[.)]|!!!|\?\?\?|===|:|/{3,}|\[\^[^]]+\]:)")
"""A line whose indented text is not code: of a list, an admonition, a tab, a definition, a block, or a footnote."""
_BEFORE_BLOCK = lazy_regex(r"\s*(#|<)|.*>\s*$")
"""A line that ends a block without an empty line after it: a heading, or HTML."""
_MARKERS = lazy_regex(r"[\s>]*(?:(?:[-*+]|\d+[.)]|:|\[\^[^]]+\]:)\s+[\s>]*)*")
"""What containers write before the first character of a block."""


def element_starts(text: str) -> list[int]:
    """Return the positions of all elements that can be one of bmvis, except in code fences, code spans and comments."""
    return [match.start() for match in LIKE.finditer(without_code(text))]


def without_code(text: str) -> str:
    """Return the text with spaces instead of code fences, code spans and comments."""
    return _NOT_DRAWN.sub(lambda passage: re.sub(r"[^\n]", " ", passage[0]), text)


def code_passages(text: str) -> Iterator[tuple[int, str]]:
    """Yield the position and the text of each code fence, without those inside of other code."""
    for found in _NOT_DRAWN.finditer(text):
        if found["fence"]:
            yield found.start(), found[0]


def drawn_first(text: str) -> list[int]:
    """Return `element_starts`, but first those that look as if Markdown draws them.

    The others are inside a paragraph or a table, or in indented code. Equal elements are therefore found in the order
    in which they are drawn.
    """
    return sorted(element_starts(text), key=lambda start: not _is_drawn(text, start))


def _is_drawn(text: str, start: int) -> bool:
    if text[start + 1 : start + 1 + len(FACT)].lower() == FACT:
        return True
    before = text[:start].split("\n")
    *above, line = before
    if _MARKERS.fullmatch(line) is None:
        return False
    starts_item = bool(line.strip(" \t>"))
    if not starts_item and above and above[-1].strip(" \t>"):
        return bool(_CONTAINER.match(above[-1]) or _BEFORE_BLOCK.match(above[-1]))
    return not _is_indented_code(above, _width(line))


def is_in_indented_code(text: str, start: int) -> bool:
    """Return whether a position in the text is in a block that is indented as code, by its line and those above it."""
    *above, line = text[:start].split("\n")
    blank = next((index for index in range(len(above) - 1, -1, -1) if not above[index].strip()), -1)
    first = [*above, line][blank + 1]
    return _is_indented_code(above[: blank + 1], _width(first))


def _is_indented_code(above: list[str], width: int) -> bool:
    """Return whether a block that is indented by `width` spaces is code, by the lines above it."""
    if width < 4:
        return False
    around = next((line for line in reversed(above) if line.strip() and _width(line) < width), "")
    return _CONTAINER.match(around) is None


def _width(line: str) -> int:
    expanded = line.expandtabs(4)
    return len(expanded) - len(expanded.lstrip())


def line_at(text: str, position: int) -> int:
    """Return the number of the line at a position of a text; the first line is 1."""
    return text.count("\n", 0, position) + 1
