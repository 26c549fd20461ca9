"""Keep what bmvis itself accesses apart from what user code accesses, in each thread."""

from __future__ import annotations

import threading


class once:  # noqa: N801  # a context manager that is used like a function; a generator is slower
    """Return on entry whether this thread is outside all handlers: accesses by bmvis itself are not recorded."""

    def __init__(self, state: threading.local) -> None:
        self._state = state
        self._is_first = False

    def __enter__(self) -> bool:
        self._is_first = not getattr(self._state, "entered", False)
        self._state.entered = True
        return self._is_first

    def __exit__(self, *_: object) -> None:
        if self._is_first:
            self._state.entered = False
