"""Where on the site an element is written: the page's file, and the line in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path

from mkdocs_bmvis.element import LIKE

_NOT_DRAWN = re.compile(
    r"^[ \t>]*(?P<fence>`{3,}(?=[^`\n]*$)|~{3,}).*?^[ \t>]*(?P=fence)[`~]*[ \t]*$|<!--.*?-->",
    re.MULTILINE | re.DOTALL,
)
"""Code fences and comments."""
_BETWEEN = re.compile(r"[\s>]+")
"""What containers add between the words of a tag: new lines, indentation, the marks of a quote."""

_MAX_FILES = 2000
"""Python files that are looked through for a docstring."""


GalleryKey = tuple[str, tuple[str, ...]]
"""Which gallery of a page: the folder of its models' pages, and its lines' references."""


@dataclass
class HostPage:
    """One page while it is converted.

    An element reaches us without its place: containers have taken it out of the text by then. It is found
    again by its own words, in the order of occurrence; code fences and comments are skipped.
    """

    text: str
    """What is converted. Its file differs by front matter, and where other plugins have rewritten it."""
    file: Path | None = None
    """The page's own file; None where the host has none."""
    name: str = ""
    """What a page is called that has no file of its own among the site's sources."""
    unnamed: str = "model"
    """What the ids of trees start with that have no name."""
    is_excerpt: bool = False
    """Whether it is shown among excerpts of other pages, which may have taken its names."""
    anchors: set[str] = field(default_factory=set)
    """Ids of the trees, and of their rows, so far."""
    targets: dict[str, str] = field(default_factory=dict)
    """What autorefs should know of the last trees: identifiers and their anchors."""
    has_assets: bool = False
    """Whether stylesheet and script are on the page already."""
    has_gallery_assets: bool = False
    """Whether those of galleries are."""
    model_pages: Mapping[GalleryKey, Mapping[str, str]] = field(default_factory=dict)
    """For each gallery of the page, the addresses of its models' pages by reference."""

    def line_of(self, raw: str) -> int | None:
        """Return the line of the next element that is written as `raw`, its opening tag.

        None for one that is not in the page's file: it comes from a docstring, a snippet, a macro.
        """
        for start in self._starts:
            if _starts_with(self._written, start, raw):
                self._starts.remove(start)
                return self._written.count("\n", 0, start) + 1
        return None

    def place(self, line: int | None) -> str:
        """Return what a log shows for a line of the page: `docs/page.md:12`."""
        name = self.name or (shown_path(self.file) if self.file else "")
        if line is None:
            return name
        return f"{name}:{line}" if name else f"line {line}"

    @cached_property
    def _written(self) -> str:
        """The page as it is in its file."""
        written = self.text
        if self.file is not None and self.file.is_file():
            written = self.file.read_text(encoding="utf-8-sig", errors="replace")
        return written

    @cached_property
    def _starts(self) -> list[int]:
        """Where the elements start that were not asked for yet."""
        return element_starts(self._written)

    def anchor(self, name: str) -> str:
        """Return `name`, or the next free one that starts so."""
        number, anchor = 1, name
        while anchor in self.anchors:
            number += 1
            anchor = f"{name}-{number}"
        return anchor


def element_starts(text: str) -> list[int]:
    """Return where elements start in a text that are or may be ours: not those in code fences and comments."""
    drawn = _NOT_DRAWN.sub(lambda passage: re.sub(r"[^\n]", " ", passage[0]), text)
    return [match.start() for match in LIKE.finditer(drawn)]


def place_in_sources(raw: str, folders: Iterable[Path]) -> str | None:
    """Return `file:line` of an element that is written in a docstring below `folders`."""
    for file in islice(_python_files(folders), _MAX_FILES):
        text = file.read_text(encoding="utf-8", errors="replace")
        for match in LIKE.finditer(text):
            if _starts_with(text, match.start(), raw):
                return f"{shown_path(file)}:{text.count(chr(10), 0, match.start()) + 1}"
    return None


def shown_path(file: Path) -> str:
    """Return the path of a file as a log shows it: from the working directory, if it is below that."""
    file, here = file.resolve(), Path.cwd()
    return (file.relative_to(here) if file.is_relative_to(here) else file).as_posix()


def _python_files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        for place, below, names in os.walk(folder):
            below[:] = sorted(name for name in below if name.isidentifier())  # no `.venv`, no `site-packages`
            yield from (Path(place, name) for name in sorted(names) if name.endswith(".py"))


def _starts_with(text: str, start: int, raw: str) -> bool:
    """Return whether `text` has `raw` from `start` on, whatever a container has put between its words."""
    # Twice the length is room for any indentation that is shorter than the tag's own words.
    passage = text[start : start + 2 * len(raw) + 400]
    return _BETWEEN.sub("", passage).startswith(_BETWEEN.sub("", raw))
