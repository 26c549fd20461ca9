"""The page that is being converted, and the locations of the elements on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from pathlib import Path

import msgspec

from bmvis.errors import BmvisError, OptionError
from bmvis.lazy_regex import lazy_regex
from bmvis.unique_names import unique_name
from mkdocs_bmvis.element import LIKE, OPENING
from mkdocs_bmvis.positions import FRONT_MATTER, drawn_first, element_starts, line_at
from mkdocs_bmvis.sphinx_markup import sphinx_markup

_BETWEEN = lazy_regex(r"[\s>]+")
"""Text that containers add inside a tag: line breaks, indentation, and quote markers."""

_MAX_FILES = 2000
"""Maximum number of Python files that are searched for a docstring."""


GalleryKey = tuple[str, tuple[str, ...]]
"""Key of a gallery on its page: the folder of its model pages, and its references."""


class HostPage(msgspec.Struct, eq=False, dict=True):
    """A page that is being converted.

    Python-Markdown does not provide the line of an element. It is found by searching the page for the text of the
    element, in order of occurrence. Elements that Markdown does not draw come after all others: see `positions`.
    """

    text: str
    """The text that is converted. It differs from the file in front matter, and if other plugins changed it."""
    file: Path | None = None
    """The file of the page; None if it has none."""
    name: str = ""
    """The name of a page without a file in the docs folder."""
    unnamed: str = "model"
    """Prefix of the ids of trees without a name."""
    is_excerpt: bool = False
    """Whether it is one of several excerpts on a page, which can have the same names."""
    anchors: set[str] = set()
    """Ids of the trees and rows that were drawn so far."""
    included: dict[str, str] = {}
    """The first element with each name, as written: a docstring or a snippet can be on the page twice."""
    targets: dict[str, str] = {}
    """Identifiers and anchors of the last trees, for autorefs."""
    assets: set[str] = set()
    """The stylesheets and scripts that the page already contains or links."""
    is_searched: bool = False
    """Whether directives of Sphinx were reported."""
    has_front_matter_reported: bool = False
    """Whether elements in the front matter were reported."""
    model_links: Mapping[str, str] = {}
    """Where the models of the site are, by reference: their pages, or else their first trees."""
    model_pages: Mapping[GalleryKey, Mapping[str, str]] | None = None
    """For each gallery of the page, the addresses of its model pages by reference. None if the host makes no pages."""

    def line_of(self, raw: str) -> int | None:
        """Return the line of the next element with the opening tag `raw`.

        None if it is not in the file of the page, but comes from a docstring, a snippet, or a macro.
        """
        equal = (start for start in self._starts if _is_tag(self._written, start, raw))
        similar = (start for start in self._starts if _starts_with(self._written, start, raw))
        start = next(equal, next(similar, None))
        if start is None:
            return None
        self._starts.remove(start)
        return line_at(self._written, start)

    def take(self, anchor: str, name: str) -> None:
        """Take the id of a gallery or a table that was drawn. Its name is a target of references."""
        self.anchors.add(anchor)
        if name:
            self.targets[name] = anchor

    def links(self, key: GalleryKey, report: Callable[[BmvisError], object]) -> Mapping[str, str]:
        """Return the addresses of the model pages of a gallery or a table, or report that there are none."""
        toctree, _ = key
        if not toctree or self.model_pages is None:
            return {}
        if key not in self.model_pages:
            hint = "list bmvis after the plugins that generate or change this page, and write the element in the page"
            report(OptionError("the pages for the models of this list were not written", hint=hint))
        return self.model_pages.get(key, {})

    def location(self, line: int | None) -> str:
        """Return the location of a line for the log, such as `docs/page.md:12`."""
        name = self.name or (shown_path(self.file) if self.file else "")
        if line is None:
            return name
        return f"{name}:{line}" if name else f"line {line}"

    @cached_property
    def _written(self) -> str:
        """The content of the file of the page."""
        written = self.text
        if self.file is not None and self.file.is_file():
            written = self.file.read_text(encoding="utf-8-sig", errors="replace")
        return written

    def sphinx_markup(self, text: str) -> Iterator[tuple[int | None, str, OptionError]]:
        """Yield markup of Sphinx in the file of the page, at the first call only, and in text that is not in it.

        Args:
            text: the text that is converted: the page, a part of it, or a docstring. A hook or a macro can leave out
                what the file has for Sphinx.
        """
        if self.is_excerpt:
            return
        if not self.is_searched:
            self.is_searched = True
            yield from (found for found in sphinx_markup(self._written) if found[1] in text)
        yield from ((None, raw, error) for _, raw, error in sphinx_markup(text) if raw not in self._written)

    def front_matter_elements(self) -> Iterator[tuple[int | None, str, OptionError]]:
        """Yield the line, the tag and the error of each element in the front matter, at the first call only."""
        if self.is_excerpt or self.has_front_matter_reported:
            return
        self.has_front_matter_reported = True
        head = self._written[: self._body]
        for tag in filter(None, (OPENING.match(head, start) for start in element_starts(head))):
            if tag["attributes"].strip():
                error = f"this <{tag['name']}> is in the front matter, where bmvis draws nothing"
                hint = "write it below; if there is no title in the front matter, that of the page is its first heading"
                yield line_at(head, tag.start()), tag[0], OptionError(error, hint=hint)

    @cached_property
    def _body(self) -> int:
        """The position after the front matter, which the host has removed from the text."""
        found = FRONT_MATTER.match(self._written)
        return found.end() if found and found[0] not in self.text else 0

    @cached_property
    def _starts(self) -> list[int]:
        """The positions of the elements that were not found yet, in the order in which they are searched."""
        return [start for start in drawn_first(self._written) if start >= self._body]

    def anchor(self, name: str) -> str:
        """Return `name`, or if it is taken, `name` with a number.

        In an excerpt, it follows the name of the post and a dot: no heading of another post on the view has that id.
        Links in an excerpt lead to the post.
        """
        start = f"{self.unnamed}.{name}" if self.is_excerpt and not name.startswith(self.unnamed) else name
        return unique_name(start, self.anchors.__contains__)


def place_in_sources(raw: str, folders: Iterable[Path]) -> str | None:
    """Return `file:line` of an element, or of markup of Sphinx, in a docstring of a Python file below `folders`."""
    for file in islice(_python_files(folders), _MAX_FILES):
        text = file.read_text(encoding="utf-8", errors="replace")
        start = _position(text, raw)
        if start >= 0:
            return f"{shown_path(file)}:{line_at(text, start)}"
    return None


def _position(text: str, raw: str) -> int:
    """Return the position of an element, or of a line, in a text; -1 if there is none."""
    if LIKE.match(raw) is None:
        return text.find(raw)
    return next((match.start() for match in LIKE.finditer(text) if _starts_with(text, match.start(), raw)), -1)


def shown_path(file: Path) -> str:
    """Return the path of a file for the log: relative to the working directory if it is inside."""
    file, here = file.resolve(), Path.cwd()
    return (file.relative_to(here) if file.is_relative_to(here) else file).as_posix()


def _python_files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        for location, below, names in os.walk(folder):
            below[:] = sorted(name for name in below if name.isidentifier())  # no `.venv`, no `site-packages`
            yield from (Path(location, name) for name in sorted(names) if name.endswith(".py"))


def _is_tag(text: str, start: int, raw: str) -> bool:
    """Return whether `text` has the opening tag `raw` at `start`, in the same container."""
    opening = OPENING.match(text, start) if raw.endswith(">") else None
    return opening is not None and _BETWEEN.sub("", opening[0]) == _BETWEEN.sub("", raw)


def _starts_with(text: str, start: int, raw: str) -> bool:
    """Return whether `text` has `raw` at `start`, ignoring the text that containers add."""
    if not raw.endswith(">"):  # the first line of an element that is not closed
        return text[start:].partition("\n")[0].rstrip() == raw.rstrip()
    # Twice the length leaves room for indentation.
    passage = text[start : start + 2 * len(raw) + 400]
    return _BETWEEN.sub("", passage).startswith(_BETWEEN.sub("", raw))
