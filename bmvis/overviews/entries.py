"""The lines of a gallery, each `reference | title | tag, tag | column=value`. All but the reference are optional.

A reference with a wildcard finds several models: `zoo:bert_*` in a module, `bert-*` among the names in
`[tool.bmvis.models]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from bmvis.errors import BmvisError, OptionError
from bmvis.reference import parse_reference
from bmvis.reference_patterns import is_pattern, parse_pattern

ALL_NAMES = "*"
"""The pattern of an empty gallery: all models in `[tool.bmvis.models]`."""


class Entry(msgspec.Struct, frozen=True):
    """One line of a gallery, or one of the models that the pattern on a line matches."""

    reference: str
    title: str = ""
    tags: tuple[str, ...] = ()
    location: str = ""
    """The location of the line in the sources, as the host prints it before a warning."""
    values: tuple[tuple[str, str], ...] = ()
    """Columns of the line itself, with their values: `("accuracy", "76.1")`."""
    written_title: str = ""
    """The title before its translation, by which data files name the model; '' if it is not translated."""

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Return the columns that are facts about the model, with their values."""
        return tuple((name, value) for name, value in self.values if name != "inputs" and value)

    @property
    def shown(self) -> str:
        """Return the title of the card: by default the callable with its arguments, or the model's name."""
        return self.title or self.reference.partition(":")[2] or self.reference


def read_entries(lines: Iterable[tuple[str, str]], location: str = "") -> tuple[Entry, ...]:
    """Parse the lines of a gallery, each with its location. Empty lines and lines that start with `#` are skipped.

    Raises:
        OptionError: what follows the tags is not `column=value`.
    """
    entries = tuple(_read_entry(text, location) for text, location in lines if text.strip() and text.strip()[0] != "#")
    return entries or (Entry(ALL_NAMES, location=location),)


def _read_entry(text: str, location: str) -> Entry:
    reference, title, tags, *rest = (*re.split(r"\s\|(?=\s|$)", text.strip()), "", "")
    return Entry(
        reference.strip(),
        title.strip(),
        tuple(tag.strip() for tag in tags.split(",") if tag.strip()),
        location,
        tuple(_read_value(part, text) for part in rest if part.strip()),
    )


def _read_value(part: str, line: str) -> tuple[str, str]:
    name, equals, value = (item.strip() for item in part.partition("="))
    if not name or not equals:
        hint = "write reference | title | tag, tag | column=value"
        raise OptionError(f"{part.strip()!r} in the line {line.strip()!r} is not column=value", hint=hint)
    return name, value


def expand(
    entries: Sequence[Entry], find_all: Callable[[str], Iterable[str]]
) -> Iterator[Entry | tuple[Entry, BmvisError]]:
    """Yield an entry for each line, and for each model that a pattern finds and no line names.

    Lines can name a model several times, such as once for each of its weights. Equal lines are one.

    Args:
        entries: the lines of the gallery.
        find_all: returns the references of all models that a pattern matches.

    Yields:
        An entry, or a pattern's entry with the error that `find_all` raised.
    """
    seen: set[Entry | tuple[str, str]] = {
        (entry.reference, _inputs(entry)) for entry in entries if not is_pattern(entry.reference)
    }
    for entry in entries:
        if not is_pattern(entry.reference):
            if (line := msgspec.structs.replace(entry, location="")) not in seen:
                seen.add(line)
                yield entry
            continue
        try:
            found = list(find_all(entry.reference))
        except BmvisError as error:
            yield entry, error
            continue
        for reference in found:
            if (key := (reference, _inputs(entry))) not in seen:
                seen.add(key)
                title = _title_of(reference, entry.reference)
                yield msgspec.structs.replace(entry, reference=reference, title=title)


def _inputs(entry: Entry) -> str:
    return dict(entry.values).get("inputs", "")


def _title_of(reference: str, pattern: str) -> str:
    """Return the title of a model that a pattern finds, without what all its models have; '' for the default one.

    Examples:
        >>> _title_of("zoo:MODELS['small net']", "zoo:MODELS[*]")
        'small net'
        >>> _title_of("zoo:build('resnet18', weights=None)", "zoo:build(*names(), weights=None)")
        'resnet18'
        >>> _title_of("zoo:bert(weights=None)", "zoo:*(weights=None)")
        'bert'
    """
    if ":" not in pattern:
        return ""
    found, wanted = parse_reference(reference), parse_pattern(pattern)
    if wanted.each is None:
        return found.attribute if wanted.called else ""
    return str(found.arguments[0] if wanted.each else found.keys[-1])
