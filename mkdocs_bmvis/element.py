"""Find `<model-structure>` and related elements in a text, and parse their attributes.

The search matches anything that starts like one of the elements. Parsing is strict: invalid elements are errors, and do
not stay on the page as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape

import msgspec

from bmvis.errors import OptionError
from bmvis.lazy_regex import lazy_regex
from bmvis.options.markup_names import GALLERY, NAME, NAMES, TABLE
from bmvis.options.option_hints import option_hint

START = lazy_regex(rf"<(?P<name>{'|'.join(NAMES)})(?![\w-])", re.IGNORECASE)
_INSIDE = r"""(?:[^"'<>]|"[^"]*"|'[^']*')*"""
OPENING = lazy_regex(rf"{START.pattern}(?P<attributes>{_INSIDE}?)(?P<empty>/?)>", re.IGNORECASE)
CLOSING = lazy_regex(rf"\s*</(?P<closed>{'|'.join(NAMES)})\s*>", re.IGNORECASE)
WHOLE = lazy_regex(rf"{OPENING.pattern}(?:{CLOSING.pattern})?", re.IGNORECASE)
"""An element with its closing tag, if that follows the opening one."""
_ATTRIBUTE = lazy_regex(
    r"""\s*(?P<name>[^\s"'<>/=]+)(?:\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s"'<>=`]+)))?(?=\s|$)"""
)
_ENDED_EARLY = lazy_regex(r"""\s*(?P<name>[^\s"'<>/=]+)\s*=\s*(?:"[^"]*"|'[^']*')(?![^\s"'<>/=]+\s*=)(?=\S)""")
"""An attribute with text directly after its value: the quote before that text was not to end the value."""


class Element(msgspec.Struct, frozen=True):
    """One element in a text."""

    raw: str
    """Its opening tag, or its first line if the tag is not closed."""
    end: int
    """Index of the first character after it."""
    name: str = NAME
    attributes: dict[str, str | None] = {}
    problem: OptionError | None = None
    """The error, if it is invalid."""


LIKE = lazy_regex(r"<(?P<like>model[\w-]*)", re.IGNORECASE)
"""Elements that can be a misspelling of one of these."""
MISNAMED = lazy_regex(rf"{LIKE.pattern}{_INSIDE}>(?:\s*</model[\w-]*\s*>)?", re.IGNORECASE)


def is_open(text: str) -> bool:
    """Return whether the element at the start of `text` can continue after it."""
    opening = OPENING.match(text)
    if opening is None:
        return True
    return not opening["empty"] and not text[opening.end() :].strip()


def read_element(text: str) -> Element:
    """Parse the element at the start of `text`."""
    opening = OPENING.match(text)
    if opening is None:
        line = text.partition("\n")[0]
        start = START.match(text)
        name = start["name"].lower() if start else NAME
        return Element(line, len(line), name, problem=_endless(text, name))
    raw, end, name = opening[0], opening.end(), opening["name"].lower()
    if not opening["empty"]:
        closing = CLOSING.match(text, end)
        if closing is None or closing["closed"].lower() != name:
            return Element(raw, end, name, problem=_unclosed(text[end:], name))
        end = closing.end()
    try:
        return Element(raw, end, name, _read_attributes(opening["attributes"]))
    except OptionError as error:
        return Element(raw, end, name, problem=error)


def refuse_unknown_attributes(written: Iterable[str], known: Iterable[str], example: str) -> None:
    """Raise an OptionError if an attribute is unknown. `example` shows how to write a reference."""
    names = list(known)
    for name in written:
        if name not in names:
            raise OptionError(f"unknown attribute {name!r}", hint=example if ":" in name else option_hint(name, names))


def _endless(text: str, name: str) -> OptionError:
    inside = re.compile(START.pattern + _INSIDE, re.IGNORECASE).match(text)
    if inside is None or text[inside.end() : inside.end() + 1] not in ("'", '"'):
        return OptionError("the tag of the element is not closed", hint=_close(name))
    before = inside[0].rstrip()
    of = f" of {before[:-1].split()[-1]!r}" if before.endswith("=") else ""
    return OptionError(f"the value{of} has no closing quote", hint='write name="value"')


def _close(name: str) -> str:
    return f"write <{name} …></{name}> or <{name} … />"


def _unclosed(rest: str, name: str) -> OptionError:
    closings = (found.start() for found in CLOSING.finditer(rest) if found["closed"].lower() == name)
    openings = (found.start() for found in START.finditer(rest) if found["name"].lower() == name)
    end = next(closings, None)
    if end is None or next(openings, end) < end:  # the closing tag is that of another element
        return OptionError("the element is not closed", hint=_close(name))
    return OptionError("the element has content", hint=_instead_of_content(name))


def _instead_of_content(name: str) -> str:
    if name in (GALLERY, TABLE):
        return f'write the models in an attribute: <{name} models="…" />'
    return "write all options as attributes, and nothing between the tags"


def _read_attributes(text: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    text = text.rstrip()
    position = 0
    while position < len(text):
        match = _ATTRIBUTE.match(text, position)
        if match is None:
            raise _invalid_attribute(text[position:])
        name = match["name"].lower()
        if name in found:
            raise OptionError(f"duplicate attribute {name!r}", hint="remove one of them")
        value = next((v for v in match.group("double", "single", "bare") if v is not None), None)
        found[name] = None if value is None else unescape(value)
        position = match.end()
    return found


def _invalid_attribute(text: str) -> OptionError:
    early = _ENDED_EARLY.match(text)
    if early:
        after = " ".join(text[early.end() :].split())
        error = f"the value of {early['name']!r} ends at a quote, before {after[:40]!r}"
        return OptionError(error, hint="write &quot; for a quote inside of a value")
    rest = " ".join(text.split())
    return OptionError(f"invalid attribute at {rest[:40]!r}", hint='write name="value"')
