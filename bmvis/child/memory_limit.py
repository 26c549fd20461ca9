"""Hold a model to the memory that it may take. On Linux; elsewhere nothing does.

What counts is what a process writes to: not the files that it maps, nor the address space that CUDA reserves.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bmvis.worker.protocol import Request

if sys.platform == "linux":
    import resource


@contextmanager
def limit_memory(limit: int) -> Iterator[None]:
    """Let allocations fail that take more than `limit` bytes beside what the process has; 0 is no limit."""
    if not limit or sys.platform != "linux":
        yield
        return

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = _written() + limit
    resource.setrlimit(resource.RLIMIT_DATA, (allowed if hard == resource.RLIM_INFINITY else min(allowed, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def allowed(request: Request) -> int:
    """Return the bytes that a model may take; 0 is no limit: `device: cpu` has none unless it is set."""
    return request.memory or (default_limit() if request.device == "auto" else 0)


def default_limit() -> int:
    """Return half of the bytes that the machine, or the container, has; 0 where it does not tell."""
    return min(filter(None, (_physical(), *_of_groups())), default=0) // 2


def is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether an allocation failed: PyTorch says so by a RuntimeError."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(word in said for word in ("allocate memory", "bad_alloc"))


def _written() -> int:
    """Return the bytes of private memory that the process may write to."""
    return int(Path("/proc/self/statm").read_text().split()[5]) * os.sysconf("SC_PAGE_SIZE")


def _physical() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 0


def _of_groups(root: Path = Path("/")) -> Iterator[int]:
    """Yield the limits of the control groups that the process is in: a container's, a hosted builder's."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        name = "memory.limit_in_bytes" if controllers else "memory.max"
        folder = top / path.lstrip("/")
        for place in (folder, *folder.parents):
            if place.is_relative_to(top):
                yield _number(place / name)


def _number(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0  # there is none, or it is `max`
