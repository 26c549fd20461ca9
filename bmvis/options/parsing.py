"""Parse display options from a page, a configuration file, or the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from bmvis.errors import OptionError
from bmvis.lazy_regex import lazy_regex
from bmvis.options.definitions import BY_NAME, FIGURE_FIELDS, Option, Options
from bmvis.options.option_hints import option_hint

PER_TREE = ("name", "caption", "alt", "highlight", "base", "inputs", "order", "optimizer", "accept", "columns")
"""Options of a single tree, which have no default for a whole site."""


def parse_site_options(written: Mapping[str, object]) -> Options:
    """Parse the default options of a site, as a configuration file gives them: strings, numbers, Booleans, lists.

    Raises:
        OptionError: as from `parse_options`, or an option can only be set for a single tree.
    """
    for name in PER_TREE:
        if name in written:
            raise OptionError(f"option {name!r} applies to a single tree", hint="set it where the page adds the tree")
    return parse_options({str(name): _written(value) for name, value in written.items()})


COMPARED = ("before", "after")
"""The attributes of `model-compare` that refer to its two models."""


def take_comparison(written: dict[str, str | None]) -> str:
    """Remove `before` and `after` from the attributes of a comparison, and set the option `base` to `before`.

    Returns:
        The reference of the model `after`.

    Raises:
        OptionError: one of the two is missing.
    """
    for name in COMPARED:
        if not (written.get(name) or "").strip():
            raise OptionError(f"the comparison has no {name!r}", hint="set both models: before and after")
    written["base"] = written.pop("before")
    return written.pop("after") or ""


def take_optimizer(written: dict[str, str | None]) -> None:
    """Set the option `optimizer`, as `model-optimizer` does."""
    written["optimizer"] = "true"


def resolve_mapping_file(options: Options, folder: Path) -> Options:
    """Return the options with a relative path of a mapping file resolved below `folder`, the folder of the site."""
    if not options.mapping_file:
        return options
    return msgspec.structs.replace(options, common=str(folder / options.mapping_file))


def split_words(text: str) -> list[str]:
    """Return the words of a text, such as `zoo:bert(layers=2) inputs="float32[1, 3]"`.

    Spaces in brackets and quotes separate no words. A bracket or quote that is not closed extends to the end.
    """
    words, word, quote, depth = list[str](), "", "", 0
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character.isspace() and not depth:
            words, word = [*words, word], ""
            continue
        else:
            depth = max(0, depth + (character in "([{") - (character in ")]}"))
        word += character
    return [found for found in (*words, word) if found]


def take_words(text: str) -> tuple[list[str], dict[str, str | None]]:
    """Return the words of a text that are not options, and the options, written as `name=value`."""
    words, options = list[str](), dict[str, str | None]()
    for word in split_words(text):
        name, equals, value = word.partition("=")
        if equals and _OPTION_NAME.fullmatch(name):
            options[name] = _unquoted(value)
        else:
            words.append(word)
    return words, options


_OPTION_NAME = lazy_regex(r"[a-z][a-z-]*")


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _written(value: object) -> str | None:
    """Return a value of a configuration file as the text that a page would have."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return None if value is None else str(value)


def parse_options(written: Mapping[str, str | None], defaults: Options | None = None) -> Options:
    """Parse options as written on a page or in a configuration file.

    Args:
        written: option names, as in `OPTIONS`, with their text; None or '' for a flag without a value.
        defaults: values of options that are not in `written`, such as those of the site.

    Raises:
        OptionError: an option is unknown, its value is invalid, or two options exclude each other.
    """
    found = read_options(written, BY_NAME, "option")
    options = msgspec.structs.replace(defaults or Options(), **found)
    if not options.flow:  # those of the site are for its trees with a figure
        unused = {name: getattr(Options(), name) for name in FIGURE_FIELDS if name not in found}
        options = msgspec.structs.replace(options, **unused)
    if options.optimizer and options.base:
        raise OptionError("options 'optimizer' and 'base' exclude each other", hint="remove one of them")
    return options


def read_options(written: Mapping[str, str | None], known: Mapping[str, Option], noun: str) -> dict[str, object]:
    """Return the values of options as written on a page, by the names of their fields.

    Args:
        written: option names with their text.
        known: all options, by name.
        noun: what an unknown name is called in the error: `gallery option`.

    Raises:
        OptionError: an option is unknown, or its value is invalid.
    """
    found: dict[str, object] = {}
    for name, text in written.items():
        option = known.get(name)
        if option is None:
            raise OptionError(f"unknown {noun} {name!r}", hint=option_hint(name, known))
        try:
            found[option.attribute] = option.read((text or "").strip())
        except (ValueError, KeyError):
            takes = option.takes or "no value, true or false"
            raise OptionError(f"invalid value {text or ''!r} for option {name!r}", hint=f"expected {takes}") from None
    return found
