"""Notice which environment variables user code reads: there is no audit event.

Runs in the child process. A read counts if code of the project makes it, or calls a function of a library, of the
standard library, or of `exec` that makes it. What libraries read while they are imported does not count: they may be
preloaded. Nor does C code that calls
`getenv`. Of code that reads the whole environment, as for `subprocess.run(env={**os.environ})`, the texts in this code
count as names, or starts of names: it may look for `name.startswith("NET_")`. If a library reads it for the project,
as pydantic-settings does, or gets it as keyword arguments, as in `Settings(**os.environ)`, all variables count that are
not known to belong to the machine or to the command that runs.
"""

from __future__ import annotations

import dis
import functools
import os
import re
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from types import CodeType, FrameType
from typing import Any

from bmvis.child.tracebacks import is_foreign
from bmvis.source.environment import OF_BMVIS, OF_MACHINES, OF_TERMINALS

MAX_NAMES = 1000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,200}")
_PART = re.compile(r"[A-Za-z][A-Za-z0-9_]{2,60}")
"""A text in code that can be the name of a variable, or its start, also before a `=`."""
_CASES = frozenset(("lower", "upper", "casefold"))
MAX_PARTS = 50
_INNER = frozenset(("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>"))
_COPIES = frozenset(("copy", "subprocess", "multiprocessing", "urllib"))
"""Parts of the standard library that read the whole environment and show none of it to their callers."""
_PASSED = ("os", "collections.abc", "collections")
_getframe = sys._getframe
Note = Callable[[str, FrameType], None]


class VariableReads:
    """The reads of `os.environ` in this process.

    Args:
        is_project: returns whether a source file belongs to the project.
        note: called with each name that counts, and the frame whose code reads it.
    """

    def __init__(self, is_project: Callable[[str], bool], note: Note) -> None:
        self._is_project = is_project
        self._note = note
        self._names: set[str] = set()
        self._whole: list[int] = []
        """The identities of frames that read the whole environment now."""
        self._last_whole = (0, 0)
        """The identity and instruction of the frame that did so last: `dict` reads all names, and then the values."""

    def install(self) -> None:
        """Start to notice, until the process and its forks end."""
        kind: Any = type(os.environ)
        get, iterate = kind.__getitem__, kind.__iter__

        @functools.wraps(get)
        def watched_get(environment: Any, key: Any) -> Any:
            self._on_read(key, _reader(_getframe(1)))
            return get(environment, key)

        @functools.wraps(iterate)
        def watched_iterate(environment: Any) -> Iterator[Any]:
            frame = _reader(_getframe(1))
            position = (id(frame), frame.f_lasti if frame else 0)
            if frame is not None:
                self._on_whole(frame, is_copied=_is_copied(_getframe(1)))
            self._whole.append(position[0])
            try:
                yield from iterate(environment)
            finally:
                self._whole.remove(position[0])
                self._last_whole = position

        kind.__getitem__, kind.__iter__ = watched_get, watched_iterate

    def is_own(self, name: str) -> bool:
        """Return whether a variable is neither one of the machine, nor of its terminal, nor of bmvis."""
        return not any(known.fullmatch(name) for known in (OF_BMVIS, OF_TERMINALS, OF_MACHINES))

    def _on_read(self, key: Any, frame: FrameType | None) -> None:
        if frame is None or id(frame) in self._whole or (id(frame), frame.f_lasti) == self._last_whole:
            return
        name = os.fsdecode(key) if isinstance(key, bytes) else key
        if type(name) is not str or not _NAME.fullmatch(name) or len(self._names | {name}) > MAX_NAMES:
            return
        if OF_BMVIS.fullmatch(name) or OF_TERMINALS.fullmatch(name) or not self._counts(name, frame):
            return
        self._names.add(name)
        self._note(name.upper() if os.name == "nt" else name, frame)

    def _on_whole(self, frame: FrameType, *, is_copied: bool) -> None:
        """Note the variables whose names start with a text in code of the project that reads all variables."""
        is_project = self._is_project(frame.f_code.co_filename)
        if _is_passed_on(frame) if is_project else not is_copied and self._is_read_for_project(frame):
            self._note_all(frame)
        if not is_project:
            return
        for part in islice(_texts(frame), MAX_PARTS):
            if f"{part}*" not in self._names and len(self._names) < MAX_NAMES:
                self._names.add(f"{part}*")
                self._note(f"{part}*", frame)

    def _note_all(self, frame: FrameType) -> None:
        if "*" not in self._names:
            self._names.add("*")
            self._note("*", frame)

    def _counts(self, name: str, frame: FrameType) -> bool:
        if self._is_project(frame.f_code.co_filename):
            return True
        return not OF_MACHINES.fullmatch(name) and self._is_called(frame)

    def _is_read_for_project(self, frame: FrameType) -> bool:
        """Return whether a library reads all variables in a call by the project, other than to copy them."""
        module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        return module not in _COPIES and self._is_called(frame)

    def _is_called(self, frame: FrameType) -> bool:
        """Return whether code of the project calls that of a frame, which no library runs while it is imported."""
        above: FrameType | None = frame
        while above is not None:
            file = above.f_code.co_filename
            if self._is_project(file):
                return True
            if above.f_code.co_name == "<module>" and is_foreign(file):
                return False
            above = above.f_back
        return False


def _texts(frame: FrameType) -> Iterator[str]:
    """Yield the texts in the code of a frame, in functions inside it, and in global variables that they mention.

    The code of a comprehension is that of the function around it.
    """
    pending = [frame.f_code]
    outer: FrameType | None = frame
    while outer is not None and outer.f_code.co_name in _INNER:
        outer = outer.f_back
    if outer is not None and outer.f_code.co_filename == frame.f_code.co_filename:
        pending = [outer.f_code]
    while pending:
        code = pending.pop()
        pending += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        mentioned = [frame.f_globals.get(name) for name in code.co_names]
        found = {text.partition("=")[0] for text in (*code.co_consts, *mentioned) if type(text) is str}
        texts = set(filter(_PART.fullmatch, found))
        if not _CASES.isdisjoint(code.co_names):  # `name.lower().startswith("net_")`
            texts |= {other for text in texts for other in (text.lower(), text.upper())}
        yield from sorted(texts)


def _reader(frame: FrameType | None) -> FrameType | None:
    """Return the frame whose code reads a variable, by any function of `os`."""
    while frame is not None and (
        frame.f_globals.get("__name__") in _PASSED or frame.f_code.co_name in ("expandvars", "watched_iterate")
    ):
        frame = frame.f_back
    return frame


def _is_passed_on(frame: FrameType) -> bool:
    """Return whether code passes what it reads to a function as keyword arguments, rather than to copy it."""
    return "dict" not in frame.f_code.co_names and dis.opname[frame.f_code.co_code[frame.f_lasti]] == "DICT_MERGE"


def _is_copied(frame: FrameType | None) -> bool:
    """Return whether `os.environ.copy()` reads the variables."""
    while frame is not None and frame.f_globals.get("__name__") in _PASSED:
        if frame.f_code.co_name == "copy":
            return True
        frame = frame.f_back
    return False
