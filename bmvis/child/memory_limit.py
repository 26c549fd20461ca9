"""Limit the memory of a model. On Linux only; other systems have no limit.

The limit is on `RLIMIT_DATA`: private writable memory, without files that the process maps and without address space
that CUDA reserves. https://man7.org/linux/man-pages/man2/getrlimit.2.html
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bmvis.untrusted.user_text import exception_text
from bmvis.worker.protocol import Request

if sys.platform == "linux":
    import resource


@contextmanager
def limit_memory(limit: int) -> Iterator[None]:
    """Let allocations fail that need more than `limit` bytes in addition to the current memory; 0 means no limit."""
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
    """Return the memory limit of a model in bytes, or 0 for none. `device: cpu` has no limit unless `memory` is set."""
    return request.memory or (default_limit() if request.device == "auto" else 0)


def default_limit() -> int:
    """Return half of the memory of the machine or the container, in bytes; 0 if unknown."""
    return min(filter(None, (_physical(), *_of_groups())), default=0) // 2


def is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether an allocation failed. PyTorch raises a RuntimeError instead of a MemoryError."""
    if error is None:
        return False
    text = exception_text(error).lower()
    return issubclass(type(error), MemoryError) or any(phrase in text for phrase in ("allocate memory", "bad_alloc"))


def _written() -> int:
    """Return the private writable memory of the process in bytes.

    The sixth number of `statm` is data plus stack, in pages: https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html
    """
    return int(Path("/proc/self/statm").read_text().split()[5]) * os.sysconf("SC_PAGE_SIZE")


def _physical() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 0


def _of_groups(root: Path = Path("/")) -> Iterator[int]:
    """Yield the memory limits, in bytes, of the control groups of this process and their parents; 0 means no limit.

    Version 2 has `memory.max`: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
    Version 1 has `memory.limit_in_bytes`: https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
    """
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
        for group in (folder, *folder.parents):
            if group.is_relative_to(top):
                yield _number(group / name)


def _number(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0  # no such file, or its content is `max`
