"""Find the regions of a text file that `bmvis update` writes: what is between two comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bmvis.errors import OptionError
from bmvis.options.parsing import take_words

_FENCE = (
    r"^(?:[ \t>]|[-*+][ \t]|\d{1,9}[.)][ \t])*(?P<fence>`{3,}(?=[^`\n]*$)|~{3,}).*?^[ \t>]*(?P=fence)[`~]*[ \t]*\r?$"
)
_CODE_SPAN = r"(?<![`\\])(?P<ticks>`+)(?!`)(?:(?!\n[ \t>]*\r?\n).)+?(?<!`)(?P=ticks)(?!`)"
_MARKDOWN = re.compile(
    rf"{_FENCE}|{_CODE_SPAN}|(?P<start>(?P<mark><!--)\s*bmvis:(?P<written>.*?)-->)|(?P<end><!--\s*/bmvis\s*-->)",
    re.MULTILINE | re.DOTALL,
)
_LITERAL = (
    r"^(?P<outer>[ \t]*)(?:\.\. (?:code-block|code|sourcecode|parsed-literal)::.*|(?!\.\. ).*::[ \t]*\r?)\n"
    r"(?:[ \t]*\r?\n|(?P=outer)[ \t]+\S.*(?:\n|\Z))+"
)
_RST = re.compile(
    rf"{_LITERAL}|"
    r"(?P<start>^(?P<indent>[ \t]*)(?P<mark>\.\.) bmvis:(?P<written>.*\n(?:(?P=indent)[ \t]+\S.*\n)*))"
    r"|(?P<end>^[ \t]*\.\. /bmvis[ \t]*\r?$)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Region:
    """One region of a file."""

    kind: str
    """What it contains: `table`, `tree`, `picture` or `fact`."""
    arguments: tuple[str, ...]
    """The words on its first line that are not options."""
    options: dict[str, str | None]
    lines: tuple[str, ...]
    """The other lines of its comment."""
    span: tuple[int, int]
    """Where its content is in the text."""
    indent: str
    line: int
    is_inline: bool
    """Whether there is text before it on its line."""


def find_regions(text: str, is_rst: bool) -> Iterator[Region | tuple[int, OptionError]]:
    """Yield the regions of a text, or a mistake with its line. Code is skipped: fences, spans, and literal blocks."""
    opened: re.Match[str] | None = None
    for mark in (_RST if is_rst else _MARKDOWN).finditer(text):
        if mark["start"] is not None:
            if opened:
                yield _line(text, opened), _open_error(is_rst)
            opened = mark
        elif mark["end"] is not None:
            if opened is None:
                yield _line(text, mark), OptionError("this end of a region has no start", hint="remove it")
                continue
            yield _region(text, opened, mark)
            opened = None
    if opened:
        yield _line(text, opened), _open_error(is_rst)


def _open_error(is_rst: bool) -> OptionError:
    return OptionError("this region has no end", hint=f"add {'.. /bmvis' if is_rst else '<!-- /bmvis -->'} after it")


def _line(text: str, mark: re.Match[str]) -> int:
    return text.count("\n", 0, mark.start()) + 1


def _region(text: str, start: re.Match[str], end: re.Match[str]) -> Region:
    first, *rest = start["written"].strip().splitlines() or [""]
    words, options = take_words(first)
    kind, *arguments = words or [""]
    position = start.start("mark")
    before = text[text.rfind("\n", 0, position) + 1 : position]
    return Region(
        kind=kind,
        arguments=tuple(arguments),
        options=options,
        lines=tuple(part.strip() for part in rest if part.strip()),
        span=(start.end(), end.start()),
        indent="" if before.strip(" \t>") else before,
        line=_line(text, start),
        is_inline=bool(before.strip(" \t>")),
    )
