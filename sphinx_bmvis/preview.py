"""Find the preview server that started a build, whose builds share a worker process. Linux only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # most builds are no preview
    from bmvis.worker.daemon_client import Session

_PROGRAMS = {"sphinx-autobuild", "sphinx_autobuild"}
_LEVELS = 6
"""Number of processes between a build and the preview server at most. sphinx-autobuild starts each build in a process
of `multiprocessing`, which ends with the build; its command line is that of the server, or that of Python."""


def preview_session() -> Session | None:
    """Return the session of the sphinx-autobuild that started this build."""
    servers = [pid for pid in _ancestors() if _is_server(pid)]
    if not servers:
        return None
    from bmvis.worker.daemon_client import session_of_process

    return session_of_process(servers[-1])


def _ancestors() -> Iterator[int]:
    """Yield the IDs of the parent process, of its parent, and so on."""
    pid = os.getppid()
    for _ in range(_LEVELS):
        if pid <= 1:
            return
        yield pid
        try:
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return  # not on Linux, or the process has ended
        pid = int(fields[1])


def _is_server(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(Path(os.fsdecode(word)).name in _PROGRAMS for word in command[:3])
