"""Start worker processes as forks of one process that has imported torch, which takes 50 ms instead of 2 s.

The nursery is a new Python that imports torch, has one thread, and computes nothing. For each start of a worker, it
forks a process that runs the code that `bmvis.worker` would run in a new Python, with its arguments, environment,
descriptors, working directory and session, and that becomes a child of the process of the tests. A daemon is such a
fork too, and forks its workers itself. Linux only: elsewhere, and for another Python, processes start as in use.
"""

import ctypes
import fcntl
import importlib.util
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, NoReturn

_SPACE = 100_000
"""Bytes for the arguments and for the environment that the system shows of a process (`/proc/PID/environ`)."""
_READ_BY_IMPORTS = ("PYTHON", "TORCH", "PYTORCH", "CUDA", "OMP", "MKL", "KMP", "OPENBLAS", "LD_")
"""Starts of the names of variables that Python and torch read when they start."""
_START = """\
import sys, types
sys.modules["forked_workers"] = forked_workers = types.ModuleType("forked_workers")
with open(sys.argv[1], encoding="utf-8") as source:
    exec(compile(source.read(), "<forked_workers>", "exec"), vars(forked_workers))
forked_workers.serve(int(sys.argv[2]))
"""
"""The module has no file, so that bmvis does not take its code for code of the project."""
_FORK_HERE = "import forked_workers; forked_workers.fork_here()"
_DAEMON_IMPORT = "from bmvis.worker.daemon import main\n"
_before: dict[str, Any] = {}
"""`sys.path` and the names of modules in the nursery, after the import of torch."""


class Nursery:
    """The process that forks, and the socket to it."""

    _running: ClassVar["Nursery | None"] = None
    _lock = threading.Lock()

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._environment = _new_environment()
        self._channel, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.settimeout(None)
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, __file__, str(other.fileno()), " " * _SPACE],
                env={**self._environment, "SPACE": " " * _SPACE},
                pass_fds=(other.fileno(),),
                start_new_session=True,
            )

    def fits(self, command: Sequence[str], environment: Mapping[str, str]) -> bool:
        """Return whether a fork is what a new process of a command in an environment would be."""
        return (
            os.path.abspath(command[0]) == os.path.abspath(sys.executable)
            and command[1] == "-c"
            and _read_by_imports(environment) == _read_by_imports(self._environment)
            and max(sum(map(len, command)), sum(map(len, [*environment, *environment.values()]))) < _SPACE / 4
        )

    def ask(self, request: Mapping[str, Any], descriptors: Sequence[int]) -> int:
        """Return the process ID of a child, or the exit code of a process whose end the request waits for."""
        with self._lock:
            _adopt_orphans(not request["is_awaited"])
            try:
                socket.send_fds(self._channel, [json.dumps(request).encode()], descriptors)
                return int(self._channel.recv(100))
            finally:
                _adopt_orphans(False)

    @classmethod
    def running(cls) -> "Nursery | None":
        """Return the nursery of this process; None if this is no process of tests, or torch is not there."""
        if cls._running is None and sys.platform == "linux" and importlib.util.find_spec("torch"):
            cls._running = cls()
        return cls._running if cls._running and cls._running.owner == os.getpid() else None

    @classmethod
    def end(cls) -> None:
        """End the nursery. Its forks have ended, or end with their sockets."""
        if cls._running:
            cls._running._channel.close()
            cls._running._process.wait()
            cls._running = None


class _Forked:
    """A child process, as much of `subprocess.Popen` as `bmvis.worker` uses."""

    def __init__(self, pid: int, stdin: int | None, stdout: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin = None if stdin is None else os.fdopen(stdin, "wb")
        self.stdout = os.fdopen(stdout, "rb")

    def poll(self) -> int | None:
        return self.wait(os.WNOHANG)

    def wait(self, options: int = 0) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode


def _new_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


def _read_by_imports(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_READ_BY_IMPORTS)}


def _adopt_orphans(does: bool) -> None:
    """Let this process become the parent of a fork of its nursery, when the process between them ends."""
    ctypes.CDLL(None).prctl(36, int(does), 0, 0, 0)  # PR_SET_CHILD_SUBREAPER, as in bmvis.worker.process_tree


@contextmanager
def forks() -> Iterator[None]:
    """Let this process start workers and daemons as forks."""
    from unittest import mock

    from bmvis.worker import daemon_client, server_process

    start = daemon_client._START
    assert _DAEMON_IMPORT in start
    daemon_start = start.replace(_DAEMON_IMPORT, f"{_FORK_HERE}\n{_DAEMON_IMPORT}")
    with (
        mock.patch.object(server_process, "subprocess", _module(Popen=_popen)),
        mock.patch.object(daemon_client, "subprocess", _module(run=_run)),
        mock.patch.object(daemon_client, "_START", daemon_start),
    ):
        yield


def _module(**changed: object) -> types.SimpleNamespace:
    return types.SimpleNamespace(**{**vars(subprocess), **changed})


def _popen(command: Sequence[str], **options: Any) -> "subprocess.Popen[bytes] | _Forked":
    nursery = Nursery.running()
    if nursery is None or not nursery.fits(command, options["env"]):
        return subprocess.Popen(command, **options)
    return _start(nursery.ask, command, **options)


def _start(
    ask: Callable[[Mapping[str, Any], Sequence[int]], int],
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdin: int,
    stdout: int,
    stderr: int,
    start_new_session: bool,
    pass_fds: Sequence[int],
) -> _Forked:
    """Start a process that writes to a pipe. It reads from a pipe too, or nothing."""
    assert (stdout, stderr, start_new_session) == (subprocess.PIPE, subprocess.STDOUT, True)
    read, own = os.pipe() if stdin == subprocess.PIPE else (os.open(os.devnull, os.O_RDONLY), None)
    output, write = os.pipe()
    try:
        pid = ask(_request(command, cwd, env, pass_fds), (read, write, write, *pass_fds))
    finally:
        os.close(read)
        os.close(write)
    return _Forked(pid, own, output)


def _request(
    command: Sequence[str],
    cwd: str | Path,
    env: Mapping[str, str],
    pass_fds: Sequence[int],
    *,
    is_awaited: bool = False,
) -> dict[str, Any]:
    places = [0, 1, 2, *pass_fds]
    return {"command": command, "cwd": str(cwd), "env": dict(env), "places": places, "is_awaited": is_awaited}


def _run(command: Sequence[str], **options: Any) -> "subprocess.CompletedProcess[bytes]":
    """Start a daemon, and wait until the process that forks it has ended."""
    nursery = Nursery.running()
    environment = _new_environment()
    if nursery is None or not nursery.fits(command, environment):
        return subprocess.run(command, **options)
    assert options["start_new_session"]
    passed = options["pass_fds"]
    with Path(os.devnull).open("r+b") as empty:
        request = _request(command, options["cwd"], os.environ, passed, is_awaited=True)
        code = nursery.ask(request, (*[empty.fileno()] * 3, *passed))
    done = subprocess.CompletedProcess(command, code, b"", b"")
    done.check_returncode()
    return done


def start_script(code: str, *arguments: str, cwd: Path) -> "subprocess.Popen[bytes] | _Forked":
    """Start a process that runs code as `python -c` does, without the working directory in `sys.path`.

    It has torch in memory, starts workers as forks, and writes to a pipe.
    """
    command = [sys.executable, "-c", code, *arguments]
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    environment = _new_environment()
    nursery = Nursery.running()
    if nursery is None or not nursery.fits(command, environment):
        return subprocess.Popen(command, cwd=cwd, env=environment, **options)
    command[2] = f"{_FORK_HERE}\n{code}"
    return _start(nursery.ask, command, cwd=cwd, env=environment, start_new_session=True, pass_fds=(), **options)


def printed_by_main(file: str) -> Any:
    """Return what the function `main` of a file of tests prints in a process of its own: JSON in the last line."""
    tests = Path(__file__).parent
    code = "import runpy, sys; sys.path.append(sys.argv[2]); runpy.run_path(sys.argv[1])['main']()"
    started = start_script(code, file, str(tests), cwd=tests)
    assert started.stdout
    with started.stdout:
        printed = started.stdout.read().decode()
    assert started.wait() == 0, printed
    return json.loads(printed.splitlines()[-1])


def fork_here() -> None:
    """Start workers as forks of this process, which is a fork of the nursery itself: a daemon or a script."""
    from bmvis.worker import server_process

    output = open(1, "wb", buffering=0, closefd=False)  # noqa: SIM115  # the nursery's own can be one that seeks
    sys.stdout = io.TextIOWrapper(output, encoding="utf-8", write_through=True)
    server_process.subprocess = _module(Popen=lambda command, **options: _start(_fork, command, **options))


def serve(descriptor: int) -> None:
    """Import torch, and fork for each request, until the end of input."""
    import torch  # noqa: F401

    _before.update(path=list(sys.path), modules=set(sys.modules) - {__name__})
    with socket.socket(fileno=descriptor) as channel:
        while True:
            data, descriptors, *_ = socket.recv_fds(channel, 4 * _SPACE, 16)
            if not data:
                return
            request = json.loads(data)
            answer = _run_fork(request, descriptors) if request["is_awaited"] else _fork_orphan(request, descriptors)
            channel.send(str(answer).encode())
            for one in descriptors:
                os.close(one)


def _run_fork(request: Mapping[str, Any], descriptors: Sequence[int]) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(_fork(request, descriptors), 0)[1])


def _fork_orphan(request: Mapping[str, Any], descriptors: Sequence[int]) -> int:
    """Return the process ID of a fork whose parent has ended."""
    number, number_end = os.pipe()
    if (pid := os.fork()) == 0:
        os.write(number_end, str(_fork(request, descriptors, is_orphan=True)).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    try:
        return int(os.read(number, 100))
    finally:
        os.close(number)
        os.close(number_end)


def _fork(request: Mapping[str, Any], descriptors: Sequence[int], *, is_orphan: bool = False) -> int:
    """Return the process ID of a fork that has its session: others can end its process group.

    An orphan waits until its parent has ended.
    """
    parent = os.getpid() if is_orphan else 0
    ready, ready_end = os.pipe()
    if (pid := os.fork()) == 0:
        _become(request, descriptors, parent)
    os.close(ready_end)
    os.read(ready, 1)
    os.close(ready)
    return pid


def _become(request: Mapping[str, Any], descriptors: Sequence[int], parent: int) -> NoReturn:
    """Turn this process into what a new Python would be that runs a command."""
    code = 1
    try:
        os.setsid()
        _take(descriptors, request["places"])
        while os.getppid() == parent:
            time.sleep(0.001)
        os.chdir(request["cwd"])
        script = _become_new(request["command"], request["env"])
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(script, vars(main))
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _take(descriptors: Sequence[int], places: Sequence[int]) -> None:
    """Move descriptors to their places, and close all others."""
    above = max(*descriptors, *places) + 1
    moved = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, above) for descriptor in descriptors]
    for descriptor, place in zip(moved, places, strict=True):
        os.dup2(descriptor, place)
    for other in {int(file.name) for file in Path("/proc/self/fd").iterdir()} - set(places):
        with suppress(OSError):  # the folder itself
            os.close(other)  # the pipe to the parent too, which waits for it


def _become_new(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Set what a new Python finds, and return the code that it runs."""
    python, option, script, *arguments = command
    os.environ.clear()
    os.environ.update(environment)
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    for place, texts in ((45, command), (47, [f"{name}={value}" for name, value in environment.items()])):
        start, end = map(int, fields[place : place + 2])  # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
        shown = b"".join(os.fsencode(text) + b"\0" for text in texts)
        ctypes.memmove(start, shown.ljust(end - start, b"\0"), end - start)
    sys.argv[:] = ["-c", *arguments]
    sys.orig_argv[:] = [python, option, script, *arguments]
    sys.path[:] = _before["path"]
    kept = _before["modules"] | ({__name__} if _FORK_HERE in script else set())
    for name in sys.modules.keys() - kept:
        del sys.modules[name]
    tempfile.tempdir = None
    return script
