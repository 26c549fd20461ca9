"""Read the values of options from text. The functions raise ValueError if the text is invalid."""

from __future__ import annotations

import re
from collections.abc import Callable


def integer(minimum: int) -> Callable[[str], int]:
    """Return a function that reads an integer that is not below a minimum."""

    def read(text: str) -> int:
        value = int(text)
        if value < minimum:
            raise ValueError
        return value

    return read


def choice(*choices: str) -> Callable[[str], str]:
    """Return a function that reads one of some words."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError
        return text

    return read


def word_list(*choices: str) -> Callable[[str], tuple[str, ...]]:
    """Return a function that reads one or more of some words, which spaces or commas separate."""

    def read(text: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(text.replace(",", " ").split()))
        if not found or not set(found) <= set(choices):
            raise ValueError
        return found

    return read


def flag(text: str) -> bool:
    """Read a Boolean. A name without a value sets it.

    Raises:
        KeyError: the text is another word.
    """
    return {"": True, "true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}[text.lower()]


def single_line(text: str) -> str:
    """Read any text that is not empty. Line breaks become spaces."""
    if not text:
        raise ValueError
    return " ".join(text.split())


def identifier(text: str) -> str:
    """Read the name of an element on a page."""
    if not re.fullmatch(r"[^\W\d_][\w.:-]*", text):
        raise ValueError
    return text


def css_classes(text: str) -> tuple[str, ...]:
    """Read the names of CSS classes."""
    names = text.split()
    if not names or not all(re.fullmatch(r"-?[a-zA-Z_][\w-]*", name) for name in names):
        raise ValueError
    return tuple(names)


def mapping(text: str) -> str:
    """Read the option `common`: the name or file of a mapping, or a Boolean."""
    return {"": "auto", "true": "auto", "false": ""}.get(text, text)


def figure_level(text: str) -> int | str:
    """Read the option `flow`: a level, `auto` or `only`."""
    return text if text in ("auto", "only") else integer(1)(text)
