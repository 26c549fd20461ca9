"""Notice whether code of the project reads the clock or random numbers, by which a failure can occur only at times.

Runs in the child process. The clock counts if code of the project itself reads it, because libraries read it to write
logs. Random bytes of the system count if code of the project calls what reads them: `uuid.uuid4`, `secrets`,
`numpy.random.default_rng()`. Of the generators of `random` and NumPy, a changed state counts; of `random` not if code
has seeded it. Generators with a seed of their own, and those of PyTorch, are the same in each build. C code such as
`datetime.now()` cannot be wrapped, so its names in the sources count.
"""

from __future__ import annotations

import functools
import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

from bmvis.untrusted.regular_file import read_regular

_CLOCKS = (
    "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time",
    "process_time_ns", "thread_time", "clock_gettime", "localtime", "gmtime", "ctime", "strftime",
)  # fmt: skip
"""Functions of `time`."""
_NAMED = re.compile(rb"\b(?:now|utcnow|today|uuid1)\s*\(|\b(?:Random|seed)\s*\(\s*\)")
"""Calls of C code that reads the clock or the randomness of the system: of `datetime`, `uuid`, `random` and PyTorch."""
_MAX_SOURCE_BYTES = 10_000_000
_MAX_FRAMES = 200
_NEW = (623, 624)
"""The positions of a new generator of NumPy, and of one with a seed: https://numpy.org/doc/stable/reference/random/bit_generators/mt19937.html"""
_getframe = sys._getframe


class NondeterministicReads:
    """The reads of the clock and of random numbers in this process.

    Args:
        is_project: returns whether a source file belongs to the project.
    """

    def __init__(self, is_project: Callable[[str], bool]) -> None:
        self._is_project = is_project
        self._has_read = False
        self._is_seeded = False
        """Whether code has seeded the generator of `random`."""
        self._states: tuple[object, object] = (None, None)

    def install(self) -> None:
        """Start to notice, until the process and its forks end."""
        for name in _CLOCKS:
            self._wrap(time, name, self._is_reader)
        for holder, name in ((os, "urandom"), (random, "_urandom"), (os, "getrandom")):
            self._wrap(holder, name, self._is_called)
        seed = random.seed

        @functools.wraps(seed)
        def watched_seed(*arguments: Any, **keywords: Any) -> None:
            seed(*arguments, **keywords)
            self._is_seeded = True

        random.seed = watched_seed

    def begin(self) -> None:
        """Start with a model in this process."""
        self._has_read = self._is_seeded = False
        self._states = random.getstate(), _numpy_state()

    def have_happened(self, sources: Iterable[str]) -> bool:
        """Return whether the code that ran has read the clock or random numbers.

        Args:
            sources: the sources of the project that ran.
        """
        has_drawn = not self._is_seeded and random.getstate() != self._states[0]
        has_drawn = has_drawn or _is_drawn(self._states[1], _numpy_state())
        return self._has_read or has_drawn or any(map(_is_named_in, sources))

    def _wrap(self, holder: Any, name: str, counts: Callable[[FrameType | None], bool]) -> None:
        original = getattr(holder, name, None)
        if original is None:
            return  # not on this system

        @functools.wraps(original)
        def watched(*arguments: Any, **keywords: Any) -> Any:
            if not self._has_read and counts(_getframe(1)):
                self._has_read = True
            return original(*arguments, **keywords)

        setattr(holder, name, watched)

    def _is_reader(self, frame: FrameType | None) -> bool:
        return frame is not None and self._is_project(frame.f_code.co_filename)

    def _is_called(self, frame: FrameType | None) -> bool:
        """Return whether code of the project calls that of a frame, other than by an import."""
        for _ in range(_MAX_FRAMES):
            if frame is None or frame.f_code.co_filename.startswith("<frozen importlib"):
                return False
            if self._is_project(frame.f_code.co_filename):
                return True
            frame = frame.f_back
        return False


def _numpy_state() -> tuple[int, bytes] | None:
    """Return the position and the numbers of the generator of NumPy; None if it is not imported."""
    numpy = sys.modules.get("numpy.random")
    if numpy is None:
        return None
    state = numpy.get_state(legacy=False)["state"]
    return int(state["pos"]), state["key"].tobytes()


def _is_drawn(before: object, now: tuple[int, bytes] | None) -> bool:
    """Return whether the generator of NumPy has another state than before, or than a new one."""
    return now is not None and (now[0] not in _NEW if before is None else now != before)


def _is_named_in(source: str) -> bool:
    try:
        return bool(_NAMED.search(read_regular(Path(source), _MAX_SOURCE_BYTES)))
    except (OSError, ValueError):
        return False  # it is not there any more
