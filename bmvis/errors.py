"""What can go wrong, as values a host can place on a page: what was found, and what to do.

A host adds the place (file and line). `str(error)` is one line; `detail` may hold several, such as
the user's own frames of a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar

from bmvis.log_text import one_line


class BmvisError(Exception):
    """An error that names its mend.

    Args:
        message: what was found, one line.
        hint: what to do about it, one line.
        detail: more lines, shown preformatted.
    """

    kind: ClassVar[str] = "error"
    """The warning subtype: Sphinx users write `suppress_warnings = ["bmvis.<kind>"]`."""

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.hint, self.detail))

    @property
    def report(self) -> str:
        """Return the whole text for a log: the message, then the detail indented below it.

        Whatever user code wrote in it cannot command a terminal or a CI.
        """
        return "\n".join([one_line(str(self)), *(f"    {one_line(line)}" for line in self.detail.splitlines())])


class InvalidReferenceError(BmvisError):
    """A factory reference that does not parse."""

    kind = "reference"


class OptionError(BmvisError):
    """An option that does not exist, or a value it does not take."""

    kind = "option"


class FactoryError(BmvisError):
    """A factory that cannot be imported, raises, or returns something that is no module."""

    kind = "factory"


class DetectorError(BmvisError):
    """A delta detector of another library that cannot be loaded, or raises."""

    kind = "detector"


class CheckpointError(BmvisError):
    """A file of weights that is missing, damaged, or that only running its code could read."""

    kind = "checkpoint"


class TraceError(BmvisError):
    """A model that is drawn, but could not be called with the inputs of its page."""

    kind = "trace"


class IncompleteError(BmvisError):
    """A model that is drawn, but may lack what its factory could not make on the meta device."""

    kind = "incomplete"


class OptimizerError(BmvisError):
    """An optimizer that is missing, or whose groups hold other parameters than one would think."""

    kind = "optimizer"


class WorkerError(BmvisError):
    """A worker process that died, hung, or could not start (torch not installed)."""

    kind = "worker"


class ProjectError(BmvisError):
    """A `[tool.bmvis]` that pyproject.toml spells wrong, or a name that it does not have."""

    kind = "project"


class CommonStructureError(BmvisError):
    """A mapping to the common structure that cannot be read, or does not fit the model."""

    kind = "common"


class SnapshotError(BmvisError):
    """A snapshot that is missing or cannot be read."""

    kind = "snapshot"


class DriftError(BmvisError):
    """A model that is built, and differs from its snapshot: one is to be changed."""

    kind = "drift"


class HighlightError(BmvisError):
    """A pattern that names no module, or cannot be searched for."""

    kind = "highlight"


MAX_CHOICES = 8
"""Known words that a hint lists: a project can name hundreds of models."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint for a word that is not known.

    Args:
        word: what was written.
        known: the words that are possible.

    Returns:
        The closest known word as a question, or else the known words, at most `MAX_CHOICES` of them; '' if there
        are none.

    Example:
        >>> nearest("dept", ["depth", "device"])
        "did you mean 'depth'?"
        >>> nearest("x", ["depth", "device"])
        'known: depth, device'
    """
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    if not choices:
        return ""
    more = len(choices) - MAX_CHOICES
    return f"known: {', '.join(choices[:MAX_CHOICES])}{f', … ({more} more)' if more > 0 else ''}"


def a_type(thing: object) -> str:
    """Return 'a dict', 'an int': what kind of thing was found."""
    noun = type(thing).__name__
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"


def _rebuild(cls: type[BmvisError], message: str, hint: str, detail: str) -> BmvisError:
    return cls(message, hint=hint, detail=detail)
