"""Errors for users: the problem, and a suggested fix.

A documentation host adds the location (file and line). `str(error)` is one line. `detail` can have several lines,
such as the frames of a traceback in the user's own code.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from bmvis.untrusted.log_text import one_line

NOT_DRAWN = "This model could not be drawn."
"""The title of the box that replaces a tree."""


class BmvisError(Exception):
    """A user-facing error with a suggested fix. Base class of all errors that bmvis raises for a model or a page.

    Args:
        message: the problem, in one line.
        hint: the suggested fix, in one line; '' if there is none.
        detail: more lines, shown preformatted, such as a traceback.

    Examples:
        >>> error = BmvisError("no module named 'zoo'", hint="add its folder to `path`")
        >>> str(error)
        "no module named 'zoo' (add its folder to `path`)"
    """

    kind: ClassVar[str] = "error"
    """The warning subtype: Sphinx users write `suppress_warnings = ["bmvis.<kind>"]`."""

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail
        self.dependencies: Sequence[Any] = ()
        """What the failure depends on, if that is known (`bmvis.worker.protocol.Dependency`). Not pickled."""
        self.is_transient = False
        """Whether it can be gone when the same is drawn again, such as a time-out. Not pickled."""

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.hint, self.detail))

    @property
    def parts(self) -> tuple[str, str, str, str]:
        """The kind and the texts. Two errors with equal parts are shown alike."""
        return self.kind, self.message, self.hint, self.detail

    @property
    def report(self) -> str:
        """Return the full text for a log: the message and the hint in one line, then the indented detail.

        Control characters and CI commands from user code are escaped.
        """
        return "\n".join([one_line(str(self)), *(f"    {one_line(line)}" for line in self.detail.splitlines())])


class InvalidReferenceError(BmvisError):
    """A factory reference cannot be parsed."""

    kind = "reference"


class OptionError(BmvisError):
    """An option is unknown, or its value is invalid."""

    kind = "option"


class FactoryError(BmvisError):
    """A factory cannot be imported, raises an exception, or does not return a module."""

    kind = "factory"


class DetectorError(BmvisError):
    """A registered adapter detector cannot be loaded, or raises an exception."""

    kind = "detector"


class CheckpointError(BmvisError):
    """A checkpoint file is missing, corrupt, or cannot be read without running code from it."""

    kind = "checkpoint"


class TraceError(BmvisError):
    """A model was built, but its forward pass with the `inputs` of the page failed."""

    kind = "trace"


class FigureError(BmvisError):
    """A model was built, but its architecture figure cannot be drawn as requested."""

    kind = "figure"


class IncompleteError(BmvisError):
    """A model that is drawn, but may lack what its factory could not make on the meta device."""

    kind = "incomplete"


class NoTorchError(BmvisError):
    """A model has no snapshot, and the Python that builds models has no PyTorch.

    It is the same for all such models of a site: a host logs it once.
    """

    kind = "torch"


class OptimizerError(BmvisError):
    """An optimizer is missing, or its parameter groups have a likely mistake."""

    kind = "optimizer"


class WorkerError(BmvisError):
    """The worker process exited, timed out, or could not start, for example because torch is not installed."""

    kind = "worker"


class ProjectError(BmvisError):
    """The `[tool.bmvis]` table of pyproject.toml is invalid, or has no model of the given name."""

    kind = "project"


class CommonStructureError(BmvisError):
    """A mapping to the common structure cannot be read, or does not match the model."""

    kind = "common"


class SnapshotError(BmvisError):
    """A snapshot is missing or cannot be read."""

    kind = "snapshot"


class DriftError(BmvisError):
    """A model differs from its snapshot."""

    kind = "drift"


class HighlightError(BmvisError):
    """A pattern matches no module, or its regular expression takes too long."""

    kind = "highlight"


BY_KIND: Mapping[str, type[BmvisError]] = {cls.kind: cls for cls in BmvisError.__subclasses__()}
"""The classes of errors of bmvis itself, for errors that are read from a file."""
MAX_CHOICES = 8
"""Maximum number of known words that a hint lists. A project can have hundreds of models."""


SIMILAR = 0.6
"""Lowest similarity, from 0 to 1, of a word that is suggested: with 0.5, `Encoder` is suggested for `nope`."""


def nearest(word: str, known: Iterable[str], most: int = 1) -> str:
    """Return a hint for an unknown word.

    Args:
        word: the unknown word.
        known: the valid words.
        most: the maximum number of close words.

    Returns:
        A question with the closest valid words. If none is close, a list of up to `MAX_CHOICES` valid words. '' if
        `known` is empty.

    Examples:
        >>> nearest("dept", ["depth", "device"])
        "did you mean 'depth'?"
        >>> nearest("x", ["depth", "device"])
        'known: depth, device'
    """
    choices = sorted(known)
    return similar(word, choices, most) or (f"known: {first_of(choices, MAX_CHOICES)}" if choices else "")


def similar(word: str, known: Iterable[str], most: int = 1, prefix: str = "") -> str:
    """Return a question with the valid words that are closest to an unknown one; '' if none is close.

    Upper and lower case count as equal.

    Args:
        word: the unknown word.
        known: the valid words.
        most: the maximum number of close words.
        prefix: what the question has before each valid word.

    Examples:
        >>> similar("dept", ["depth", "device"])
        "did you mean 'depth'?"
        >>> similar("x", ["depth", "device"])
        ''
    """
    by_lower: dict[str, list[str]] = {}
    for one in sorted(known):
        by_lower.setdefault(one.lower(), []).append(one)
    close = difflib.get_close_matches(word.lower(), by_lower, n=most, cutoff=SIMILAR)
    close += [one for one in by_lower if one not in close and sorted(one) == sorted(word.lower())]  # letters swapped
    found = [prefix + one for lower in close for one in by_lower[lower]][:most]
    return did_you_mean(found) if found else ""


def first_of(words: Sequence[str], most: int) -> str:
    """Return the first words of a list, and how many more there are.

    Examples:
        >>> first_of(["a", "b", "c", "d"], 2)
        'a, b, … (2 more)'
    """
    more = len(words) - most
    return f"{', '.join(words[:most])}{f', … ({more} more)' if more > 0 else ''}"


def did_you_mean(words: Sequence[str]) -> str:
    """Return `did you mean 'a', 'b' or 'c'?` for one or more words."""
    *others, last = map(repr, words)
    return f"did you mean {', '.join(others)} or {last}?" if others else f"did you mean {last}?"


def a_type(thing: object) -> str:
    """Return the name of an object's type with its article, such as 'a dict' or 'an int'; 'None' for None."""
    if thing is None:
        return "None"
    noun = type(thing).__name__
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"


def short_text(text: str, width: int = 120) -> str:
    """Return a text for an error message, which ends with an ellipsis if it has more than `width` characters."""
    return text if len(text) <= width else text[: width - 1] + "…"


def _rebuild(cls: type[BmvisError], message: str, hint: str, detail: str) -> BmvisError:
    return cls(message, hint=hint, detail=detail)
