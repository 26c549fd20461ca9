"""Write HTML elements and escape text. No other module writes HTML by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from typing import Literal

from bmvis.lazy_regex import lazy_regex

_DIRECTION = lazy_regex(r"[\u202a-\u202e\u2066-\u2069]")
"""Embeddings, overrides and isolates, and their ends: https://www.unicode.org/reports/tr9/."""


class Markup(str):
    """Text that is already HTML. `tag` escapes all other text."""

    __slots__ = ()


def tag(name: str, *children: str | None, **attributes: str | int | bool | None) -> Markup:
    """Return one element, with escaped children and attribute values. It is valid as HTML and as XML (EPUB).

    Args:
        name: the name of the element.
        children: text to escape, or `Markup`. None is omitted.
        attributes: the attribute values. None and False omit the attribute, True writes an empty value. In names, a
            trailing underscore is removed (`class_`), and other underscores become hyphens (`data_x`).
    """
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is not None and value is not False:
            text = _direction_shown(value) if key == "title" and isinstance(value, str) else value
            parts.append(f' {_attribute_name(key)}="{_quoted(text)}"')
    parts.append(">")
    parts += [_child(child) for child in children if child is not None]
    parts.append(f"</{name}>")
    return Markup("".join(parts))


def svg_link(*children: str | None, href: str, **attributes: str | int | None) -> Markup:
    """Return a link in a picture, as one of SVG 1.1.

    Scripts that assign to each `href` of a page fail at one in a picture, where it can't be set: Material's
    `navigation.instant`, whose links then lead nowhere, and JupyterLab.
    """
    return tag("a", *children, **{"xlink:href": href}, **attributes)


def svg(*children: str | None, **attributes: str | int | None) -> Markup:
    """Return a picture in SVG. In XHTML, as in an EPUB, links need the declaration of their namespace."""
    content = join(*children)
    if "xlink:href=" in content:
        attributes["xmlns:xlink"] = "http://www.w3.org/1999/xlink"
    return tag("svg", content, **attributes)


def svg_words(name: Literal["title", "desc"], text: str) -> Markup:
    """Return words of a picture that are not drawn.

    Sphinx, which highlights what a reader searched for, fails at such words if they don't have its class.
    """
    return tag(name, text, class_="nohighlight")


def join(*children: str | None) -> Markup:
    """Return the concatenated children, with text escaped."""
    return Markup("".join([_child(child) for child in children if child is not None]))


def prose(text: str) -> Markup:
    """Return a text of the page's author as HTML: unlike the names in a model, it may change its direction."""
    return Markup(_text(text))


def breakable(text: str, separator: re.Pattern[str]) -> Markup:
    """Return text as HTML that browsers may break after the parts that match a separator."""
    return Markup(separator.sub(r"\g<0><wbr/>", _child(text)))


def spaced(parts: Iterable[Markup]) -> Iterator[str]:
    """Yield elements with a space between two, so that what reads only the text finds the words apart."""
    for index, part in enumerate(parts):
        yield from (" ", part) if index else (part,)


def safe_name(name: str) -> str:
    """Return a name or path without the characters that ids and links can't contain: a space becomes `~20~`."""
    return re.sub(r"[^\w.\-]", lambda match: f"~{ord(match[0]):x}~", name)


def _child(value: str) -> str:
    return value if isinstance(value, Markup) else _text(_direction_shown(value))


def _direction_shown(text: str) -> str:
    """Return text with escapes for direction controls: a name could look like another one, as in `Trojan Source`.

    https://www.unicode.org/reports/tr55/
    """
    return text if text.isascii() else _DIRECTION.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _text(value: str) -> str:
    """Return text as HTML. Characters that HTML forbids, such as controls, become U+FFFD."""
    if isinstance(value, Markup):
        return value
    value = _printable(value)
    # The check is faster than `escape`, and most texts need no escape.
    return escape(value, quote=False) if "&" in value or "<" in value or ">" in value else value


def _quoted(value: str | int | bool) -> str:
    return "" if value is True else _text(str(value)).replace('"', "&quot;").replace("'", "&#x27;")


@cache
def _attribute_name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _printable(value: str) -> str:
    if value.isprintable():
        return value
    return "".join(c if c in "\n\t" or _is_allowed(ord(c)) else "\ufffd" for c in value)


def _is_allowed(code: int) -> bool:
    """Return whether HTML and XML allow a character: controls, surrogates and noncharacters are forbidden.

    See https://html.spec.whatwg.org/multipage/syntax.html#text-2 and https://www.w3.org/TR/xml/#charsets.
    """
    is_control = code < 32 or 127 <= code < 160
    is_no_character = 0xFDD0 <= code < 0xFDF0 or code & 0xFFFE == 0xFFFE
    return not (is_control or is_no_character or 0xD800 <= code < 0xE000)
