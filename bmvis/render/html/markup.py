"""The one place where HTML is written and text is escaped."""

from __future__ import annotations

from functools import cache
from html import escape


class Markup(str):
    """Text that is HTML already. Everything else that reaches `tag` is escaped."""

    __slots__ = ()


def tag(name: str, *children: str | None, **attributes: str | int | bool | None) -> Markup:
    """Return one element, its children and attribute values escaped. It is good HTML and good XML (EPUB).

    Args:
        name: the element's name.
        children: text, or `Markup` that is taken as it is; None is left out.
        attributes: values; None and False leave the attribute out, True writes it empty. A
            trailing underscore is dropped (`class_`), others become hyphens (`data_x`).
    """
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is not None and value is not False:
            parts.append(f' {_attribute_name(key)}="{_quoted(value)}"')
    parts.append(">")
    parts += [_text(child) for child in children if child is not None]
    parts.append(f"</{name}>")
    return Markup("".join(parts))


def join(*children: str | None) -> Markup:
    """Return the children one after another, text escaped."""
    return Markup("".join([_text(child) for child in children if child is not None]))


def _text(value: str) -> str:
    """Return text as HTML; characters that HTML forbids, such as controls, become U+FFFD."""
    if isinstance(value, Markup):
        return value
    value = _printable(value)
    return escape(value, quote=False) if "&" in value or "<" in value or ">" in value else value  # most are plain


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
    """Return whether HTML and XML have a place for a character: it is no control, surrogate or noncharacter."""
    is_control = code < 32 or 127 <= code < 160
    is_no_character = 0xFDD0 <= code < 0xFDF0 or code & 0xFFFE == 0xFFFE
    return not (is_control or is_no_character or 0xD800 <= code < 0xE000)
