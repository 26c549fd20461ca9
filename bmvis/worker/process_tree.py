"""End a process and all its descendants, even those that left its session."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

MARK = "BMVIS_WORKER"
"""Environment variable that all descendants of a worker inherit; its value is the folder of the worker."""
UNUSABLE = 69
"""Exit code of a child whose Python lacks the dependencies of bmvis."""
MODULE_CONFLICT = 76
"""Exit code of a child that has imported torch ahead, and a module that the project has another one of."""
CLEANUP_TIME = 4.0
"""Seconds that a process has to remove shared memory after its clients have ended. The one of torch takes two."""
CHECK_INTERVAL = 1.0
"""Seconds between two checks whether a process that should answer was stopped (SIGSTOP)."""
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_PDEATHSIG = 1


class ProcessId(NamedTuple):
    """A process. Its number can be given to another process when it has ended."""

    pid: int
    started: str = ""
    """When it started, in ticks of the kernel since the start of the machine; '' where that is not known."""

    def is_running(self) -> bool:
        """Return whether the process has not ended."""
        return process_id(self.pid) == self


def process_id(pid: int) -> ProcessId | None:
    """Return a process that runs; None if it has ended, or if not on Linux.

    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if state in (b"Z", b"X") else ProcessId(pid, fields[18].decode())


def adopt_orphans() -> None:
    """On Linux, become the parent of descendants whose parent ends; elsewhere do nothing.

    https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """On Linux, end this process when process `parent`, which has one thread, ends or has ended already.

    https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(0)


def end_children(keep: Collection[int] = ()) -> None:
    """Kill and reap all descendants of this process, except its children `keep` and their descendants.

    Linux only. This process must adopt orphans: a process whose parent is killed here is a child in the next round.
    Processes that remove shared memory when their clients end are killed last, and have `CLEANUP_TIME` to end.
    """
    ends = 0.0
    while found := [pid for pid in child_processes(os.getpid()) if pid not in keep]:
        ended = [pid for pid in found if not _removes_shared_memory(pid)]
        if not ended:
            ends = ends or time.monotonic() + CLEANUP_TIME
            if time.monotonic() < ends:
                time.sleep(0.002)
                continue
            ended = found
        for pid in ended:
            for other in (*descendants(pid), pid):
                if other in found or not _removes_shared_memory(other):
                    _kill(other)
        for pid in ended:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass  # the system reaps children that are ignored


def _removes_shared_memory(pid: int) -> bool:
    """Return whether a running process is the resource tracker of multiprocessing, or the manager of torch.

    https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods
    https://docs.pytorch.org/docs/stable/multiprocessing.html#file-system-file-system
    """
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"multiprocessing.resource_tracker import main" in command or b"torch_shm_manager\0" in command


def resume_children() -> None:
    """Continue the children of this process that a model's code has stopped. POSIX only."""
    try:
        while found := os.waitid(os.P_ALL, 0, os.WSTOPPED | os.WNOHANG):
            _kill(found.si_pid, signal.SIGCONT)
    except ChildProcessError:
        pass  # there are no children


def resume_group(pid: int) -> None:
    """Continue the child `pid` of this process, and its process group, if a model's code has stopped it. POSIX only."""
    try:
        if os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG):
            os.killpg(pid, signal.SIGCONT)
    except (ChildProcessError, ProcessLookupError):
        pass  # it has ended


def child_processes(pid: int) -> list[int]:
    """Return the children of a process, including those that have ended and were not reaped. Linux only."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:  # the process has ended, or the kernel was built without these files
        return [other for other, parent in _parents() if parent == pid]


def descendants(pid: int) -> list[int]:
    """Return the descendants of process `pid`; empty if not on Linux."""
    child_processes: defaultdict[int, list[int]] = defaultdict(list)
    for other, parent in _parents():
        child_processes[parent].append(other)
    found: list[int] = []
    pending = [pid]
    while pending:
        below = child_processes[pending.pop()]
        found += below
        pending += below
    return found


def end_tree(pid: int, mark: str) -> None:
    """Kill process `pid`, its descendants, its process group, and all processes with the mark `mark`.

    A process that left the group (`setsid`) is found by its ancestry while its ancestors live, and by the inherited
    environment variable `MARK` after that. Both need Linux; on other POSIX systems only the group is killed. The group
    is killed last, because the caller can be in it.
    """
    if os.name != "posix":
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(pid)], capture_output=True, check=False)
        return
    if pid != os.getpid():
        _kill(pid, signal.SIGSTOP)  # it starts no more processes, and still adopts orphans
    for _ in range(10):  # the next round finds processes that were forked in the meantime
        found = {*descendants(pid), *_marked(mark)} - {os.getpid(), pid}
        for other in found:
            _kill(other)
        if not found:
            break
        time.sleep(0.01)
    _kill_group(pid)


def _parents() -> Iterator[tuple[int, int]]:
    """Yield the process IDs of each running process and its parent."""
    for pid in _all_pids():
        try:
            state, parent = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[:2]
        except OSError:
            continue  # it has just ended
        if state != b"Z" or int(parent) == os.getpid():
            yield pid, int(parent)


def _marked(mark: str) -> Iterator[int]:
    entry = f"{MARK}={mark}".encode()
    for pid in _all_pids():
        try:
            marked = entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it belongs to another user, or has just ended
        if marked:
            yield pid


def _all_pids() -> list[int]:
    if sys.platform != "linux":
        return []
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # all processes have ended (macOS then raises PermissionError)


def _kill(pid: int, sent: int = signal.SIGKILL if os.name == "posix" else 9) -> None:
    try:
        os.kill(pid, sent)
    except (ProcessLookupError, PermissionError):
        pass  # it has ended already
