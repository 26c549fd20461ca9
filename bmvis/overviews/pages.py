"""The pages of the models of a gallery or a table. Each host writes them in its own markup."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable

import msgspec

from bmvis.overviews.entries import Entry, expand
from bmvis.unique_names import unique_name


class PlannedPage(msgspec.Struct, frozen=True):
    """The page of one model."""

    path: str
    """Path of its source below the folder of the documents, without suffix."""
    entry: Entry


class PlannedPages(msgspec.Struct, frozen=True):
    """The pages of a gallery or a table."""

    folder: str
    pages: tuple[PlannedPage, ...]
    is_complete: bool
    """Whether all patterns could be expanded. If not, it is unknown which models are missing."""


def model_pages(
    document: str, toctree: str, entries: Iterable[Entry], find_all: Callable[[str], Iterable[str]]
) -> PlannedPages:
    """Return the pages of the models of a gallery or a table.

    Args:
        document: the path of the document that contains it.
        toctree: the folder of the pages, relative to that of the document.
        entries: its lines.
        find_all: returns the references of all models that a pattern matches.
    """
    folder = folder_of(document, toctree)
    found = list(expand(tuple(entries), find_all))
    known = [entry for entry in found if isinstance(entry, Entry)]
    names = page_names(known)
    first = {entry.reference: entry for entry in reversed(known)}
    pages = tuple(PlannedPage(f"{folder}/{name}", first[reference]) for reference, name in names.items())
    return PlannedPages(folder, pages, len(known) == len(found))


def folder_of(document: str, toctree: str) -> str:
    """Return the folder of model pages, relative to that of the documents."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(document), toctree))


def page_names(entries: Iterable[Entry]) -> dict[str, str]:
    """Return the name of the page for each reference, without suffix.

    It is made from the reference, `zoo.bert` for `zoo:bert`; if that has arguments, from the title, if there is one:
    `bert-base-with-lora`. Titles can be translated, so that other pages would have another URL in each language. The
    names are unique, also on file systems that ignore case.
    """
    names: dict[str, str] = {}
    taken = {"index", "readme"}  # the page of a folder
    for entry in entries:
        if entry.reference in names:
            continue  # another line about the same model, which has one page
        has_arguments = "(" in entry.reference
        text = (entry.title.lower() if has_arguments else "") or entry.reference.replace(":", ".")
        stem = re.sub(r"[^\w.]+", "-", text).strip("-.")[:120] or "model"
        name = unique_name(stem, lambda one: one.casefold() in taken)
        taken.add(name.casefold())
        names[entry.reference] = name
    return names


_ESCAPES = {ord(sign): f"\\{sign}" for sign in r"\`*_{}[]#"} | {ord(sign): f"&#{ord(sign)};" for sign in "&<>~|$:"}


def markdown_escaped(text: str) -> str:
    r"""Return text that CommonMark and Python-Markdown show as is: `a\_b &#60;c&#62;`.

    Python-Markdown has no backslash escapes for some of the signs: https://python-markdown.github.io/.
    """
    return text.translate(_ESCAPES)
