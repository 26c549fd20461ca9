"""Settings: what decides the behavior of a module and is not a tensor, such as `num_heads` or `rope_theta`.

A setting is a name with a text: `True`, `1`, `1.0`, `gelu`, `(2, 2)`, `torch.float32`, `torch.nn.functional.relu()`.
Values that differ, also in their type, have different texts. A string that reads like another value is quoted: `'1'`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from bmvis.lazy_regex import lazy_regex

SETTINGS = "settings"
"""The name of the fact in `Model.unrecorded`."""
ABSENT = "-"
"""In place of the text where a module does not have a setting."""
GENERATION = "GenerationConfig"
"""The type of a configuration that a model has only if it differs from what the library makes."""
CODE = "code"
"""The setting for the code of TorchScript and of graphs: its length and a digest."""
MODE = "training"
"""The setting for the mode of a module that differs from the mode of the module above it."""
DEFAULT = ".default"
"""The end of names of settings of PEFT's only adapter, if that has no name."""
UNREGISTERED = " (not registered)"
"""The end of names of settings that count the unregistered modules and tensors of an attribute."""
_NUMBER = lazy_regex(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?inf|nan")
_INTEGER = lazy_regex(r"[-+]?\d+")
_OTHER = lazy_regex(rf"{_NUMBER.pattern}|None|True|False|\(.*\)", re.DOTALL)
"""Texts of values that are no strings: a string that reads like one stays quoted."""
_ARGUMENT = lazy_regex(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)

_DIGEST = lazy_regex(r"(?:(?<= values)|(?<= characters)|(?<=\))|(?<=…)) #[0-9a-f]{8}(?=$|[,)\]}])")

_IN_CLASS = lazy_regex(r"(?:\b[A-Z]\w*\.)*[^.]+$")
"""The last part of a name, with the classes before it: two classes can have methods of one name."""

_CALL = lazy_regex(r"'(?:[^'\\]|\\.)*'|(?<![\w.>])(?:[\w<>]+\.)*?((?:[A-Z]\w*\.)*[\w<>]+\()")
"""A string in quotes, or the name of a function or class in front of its arguments: `(zoo.Scale(2), 'a.b(c)')`."""


class Configuration(msgspec.Struct, frozen=True):
    """A configuration object that modules of a model share.

    Examples:
        >>> import transformers
        >>> model = bmvis.capture(transformers.BertModel(transformers.BertConfig(hidden_act="relu")))
        >>> model.configurations[0].type, model.configurations[0].values["hidden_act"]
        ('BertConfig', 'relu')
    """

    type: str
    """Class name."""
    values: dict[str, str] = {}
    """Values that differ from the defaults of a library's class; all values for other classes."""


def arguments(extra_repr: str) -> dict[str, str]:
    """Return the arguments in an `extra_repr()` by name, positional ones and repeated names by their number."""
    found: dict[str, str] = {}
    for number, part in enumerate(split_items(extra_repr)):
        match = _ARGUMENT.fullmatch(part)
        is_named = match is not None and match["name"] not in found
        found[match["name"] if match and is_named else str(number)] = match["value"] if match and is_named else part
    return found


@lru_cache(maxsize=10_000)
def normal(text: str | None) -> str | None:
    """Return a text that is equal for equal values: `2` for `(2, 2)`, which PyTorch treats alike, and `1` for `1.0`.

    Integers are exact. Other floats have eight digits, so that machines that round otherwise agree.
    """
    if text is None:
        return None
    if text.startswith("(") and text.endswith(")"):
        items = {item.strip() for item in text[1:-1].split(",") if item.strip()}
        if len(items) != 1:
            return text
        text = items.pop()
    if _NUMBER.fullmatch(text):
        return _number(text)
    is_quoted = len(text) > 2 and text[0] == text[-1] == "'" and not _OTHER.fullmatch(text[1:-1])
    return text[1:-1] if is_quoted else text


def _number(text: str) -> str:
    if _INTEGER.fullmatch(text):
        return text.lstrip("+")
    value = float(text)
    return f"{value:.0f}" if value.is_integer() and value else f"{value:.8g}"


def without_digest(text: str) -> str:
    """Return a text without the digest of what it leaves out: `300 values` for `300 values #1f0c2a9b`."""
    return _DIGEST.sub("", text)


def items_of(text: str) -> int | None:
    """Return the number of items of a sequence; None if the text is not that of a sequence."""
    return len(list(split_items(text[1:-1]))) if text.startswith("(") and text.endswith(")") else None


def function_name(text: str) -> str | None:
    """Return the short name of a function with its arguments; None if the text is not that of a function.

    Several functions, such as the hooks of a module, are joined by ` + `.
    """
    names = [_short_name(part) for part in text.split(" + ")]
    return None if None in names else " + ".join(filter(None, names))


def short_names(text: str) -> str:
    """Return a text in which functions and classes inside it have short names: `(Scale(k=2),)`."""
    return _CALL.sub(lambda match: match[1] or match[0], text)


def _short_name(text: str) -> str | None:
    name, bracket, rest = text.partition("(")
    if not (bracket and name and text.endswith(")")):
        return None
    match = _IN_CLASS.search(name)
    return (match[0] if match else name) + (rest[:-1] and f"({rest}")


def split_items(text: str) -> Iterator[str]:
    """Yield the parts between commas that are not in brackets."""
    start = depth = 0
    for index, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth <= 0:
            yield text[start:index].strip()
            start = index + 1
    if rest := text[start:].strip():
        yield rest
