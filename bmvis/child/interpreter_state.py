"""Keep what bmvis needs of the interpreter apart from what user code makes of it.

Runs in the child process. User code can replace built-in functions, `sys.path`, and the functions that trace calls.
It runs with its own changes; between its parts bmvis runs with the state from before the first part.
"""

from __future__ import annotations

import builtins
import sys
from functools import cache
from types import TracebackType

_settrace, _setprofile = sys.settrace, sys.setprofile


class InterpreterState:
    """A context in which user code runs. It can be entered again."""

    def __init__(self) -> None:
        self._namespace = vars(builtins)
        self._ours = self._namespace.copy()
        self._theirs = self._ours
        self._path = sys.path

    def __enter__(self) -> None:
        """Apply the built-in names that the previous part of user code has left."""
        self._namespace.update(self._theirs)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Restore the built-in names first: this function uses none of them before."""
        _settrace(None)
        _setprofile(None)
        self._theirs = self._namespace.copy()
        self._namespace.update(self._ours)
        if type(sys.path) is not list:
            sys.path = self._path
        sys.path[:] = [entry for entry in sys.path if type(entry) is str and "\0" not in entry]


@cache
def user_code() -> InterpreterState:
    """Return the boundary of this process, which is first needed when the import tracker is installed."""
    return InterpreterState()
