"""Targets and measurements: the minimum time of several runs, and memory by tracemalloc."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

_STARTER = """\
import json, os, subprocess, sys
started = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(started.pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""
"""Runs a command, and prints its exit code, its processor seconds and its peak memory (KB)."""


class Target(msgspec.Struct, frozen=True):
    """A measurement and its limit."""

    what: str
    measured: float
    limit: float
    side: Literal["at most", "at least"] = "at most"

    @property
    def is_met(self) -> bool:
        return self.measured <= self.limit if self.side == "at most" else self.measured >= self.limit

    @property
    def limit_text(self) -> str:
        return f"{self.side} {self.limit:g}"


def interleaved(tasks: dict[str, Callable[[], object]], *, rounds: int = 7, enough: float = 4.0) -> dict[str, float]:
    """Return the minimum CPU seconds of each task. They run in turns, so that a busy machine slows all of them.

    In its turn a task runs three times, for what ran before it, the garbage collector too, has filled the processor's
    caches. A task that took `enough` seconds in all is not run again.
    """
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            gc.collect()
            for _ in range(3):
                if sum(taken[name]) < enough:
                    taken[name].append(_lasting(time.process_time, task))
    return {name: min(times) for name, times in taken.items()}


def seconds(task: Callable[[], object]) -> float:
    """Return how long a task takes, with the processes that it starts."""
    gc.collect()
    return _lasting(time.perf_counter, task)


def cpu_seconds(task: Callable[[], object]) -> float:
    """Return the CPU seconds of this process for a task."""
    gc.collect()
    return _lasting(time.process_time, task)


def _lasting(clock: Callable[[], float], task: Callable[[], object]) -> float:
    start = clock()
    task()
    return clock() - start


def peak_bytes(task: Callable[[], object]) -> int:
    """Return the peak memory of Python objects during `task`, in bytes."""
    gc.collect()
    tracemalloc.start()
    try:
        task()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def child_cost(command: Sequence[str], folder: Path) -> tuple[float, float]:
    """Return the processor seconds of a command with its child processes, and the peak memory (MB) of the largest one.

    Processor time depends less on what else runs than time on the clock does. A small process starts the command: the
    peak of a process includes the memory of the one that started it, which here can have imported torch.

    Python keeps the bytecode of what it imports, even if the environment forbids it: pip compiles what it installs,
    but not the sources of an editable installation.
    """
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONDONTWRITEBYTECODE": ""}
    starter = [sys.executable, "-I", "-S", "-c", _STARTER, *command]
    done = subprocess.run(starter, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    code, seconds, kilobytes = json.loads(done.stdout)
    if code:
        raise RuntimeError(f"{' '.join(command)} ended with {code} in {folder}: {done.stderr[-2000:]}")
    return seconds, kilobytes / 1024
