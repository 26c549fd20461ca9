"""Where on the site an element is written: the page's file, and the line in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mkdocs_bmvis.element import START

_NOT_DRAWN = re.compile(
    r"^[ \t>]*(?P<fence>`{3,}(?=[^`\n]*$)|~{3,}).*?^[ \t>]*(?P=fence)[`~]*[ \t]*$|<!--.*?-->",
    re.MULTILINE | re.DOTALL,
)
"""Code fences and comments."""
_BETWEEN = re.compile(r"[\s>]+")
"""What containers add between the words of a tag: new lines, indentation, the marks of a quote."""


@dataclass
class Page:
    """One page while it is converted.

    An element reaches us without its place: containers have taken it out of the text by then. It is found
    again by its own words, in the order of occurrence; what stands in code fences and comments is passed over.
    """

    text: str
    """What is converted. Its file differs by front matter, and where other plugins have rewritten it."""
    file: Path | None = None
    """The page's own file; None where the host has none."""
    name: str = ""
    """What a page is called that has no file of its own among the site's sources."""
    anchors: set[str] = field(default_factory=set)
    """Ids of the trees, and of their rows, so far."""
    targets: dict[str, str] = field(default_factory=dict)
    """What autorefs should know of the last trees: identifiers and their anchors."""
    has_assets: bool = False
    """Whether stylesheet and script are on the page already."""

    def place(self, raw: str) -> str:
        """Return `file:line` of the next element that is written as `raw`, its opening tag.

        An element that is not in the page's file (a docstring's, a macro's) is told by its words.
        """
        words = _BETWEEN.sub("", raw)
        for start in self._starts:
            # Twice the length is room for any indentation that is shorter than the tag's own words.
            if _BETWEEN.sub("", self._written[start : start + 2 * len(raw) + 400]).startswith(words):
                self._starts.remove(start)
                return self._name(self._written.count("\n", 0, start) + 1)
        return f"{self._name(None)}, in text from elsewhere, {' '.join(raw.split())}".lstrip(", ")

    @cached_property
    def _written(self) -> str:
        """The page as it is in its file, without what is never drawn."""
        written = self.text
        if self.file is not None and self.file.is_file():
            written = self.file.read_text(encoding="utf-8-sig", errors="replace")
        return _NOT_DRAWN.sub(lambda passage: "\n" * passage[0].count("\n"), written)

    @cached_property
    def _starts(self) -> list[int]:
        """Where the elements start that were not asked for yet."""
        return [match.start() for match in START.finditer(self._written)]

    def anchor(self, name: str) -> str:
        """Return `name`, or the next free one that starts so."""
        number, anchor = 1, name
        while anchor in self.anchors:
            number += 1
            anchor = f"{name}-{number}"
        return anchor

    def _name(self, line: int | None) -> str:
        name = self.name or (shown_path(self.file) if self.file else "")
        if line is None:
            return name
        return f"{name}:{line}" if name else f"line {line}"


def shown_path(file: Path) -> str:
    """Return the path of a file as a log shows it: from the working directory, if it is below that."""
    file, here = file.resolve(), Path.cwd()
    return (file.relative_to(here) if file.is_relative_to(here) else file).as_posix()
