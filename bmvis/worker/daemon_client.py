"""Connect a build to the worker process that stays in memory between builds: the side of the build. Linux only."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

from bmvis.worker.daemon import DaemonOutcome, DaemonSettings, Greeting
from bmvis.worker.interpreter import own_path
from bmvis.worker.packet_socket import MAX_MESSAGE
from bmvis.worker.process_tree import ProcessId, process_id
from bmvis.worker.protocol import Outcome, Request
from bmvis.worker.server_process import LOAD_BMVIS, PACKAGE

IDLE = 900.0
"""Seconds without a build after which a daemon ends."""
KEEP = "BMVIS_KEEP_PROCESS"
"""Environment variable: with the value 0, preview servers keep no process in memory between builds."""
_GREETING_TIME = 0.5
"""Seconds to wait for a greeting: a daemon that serves another build sends none."""
_START_TIME = 60.0
_MORE_TIME = 200.0
"""Seconds in addition to the timeout of a model: the daemon and its worker enforce the timeout themselves."""
_START = f"""\
import json, os, sys
if os.fork(): os._exit(0)  # the daemon is no child of the build, which need not wait for it
sys.path[:] = json.loads(sys.argv.pop(1))
{LOAD_BMVIS}
from bmvis.worker.daemon import main
main()
"""
_LOG = logging.getLogger(__name__)
_GREETINGS = msgspec.msgpack.Decoder(Greeting)
_OUTCOMES = msgspec.msgpack.Decoder(DaemonOutcome)


class DaemonEndedError(Exception):
    """The daemon ended before it answered."""


class Session(msgspec.Struct, frozen=True):
    """The builds that share a worker process."""

    owner: ProcessId
    """The process of the preview server, with which the worker ends."""
    starts: bool = True
    """Whether a build starts the worker process if there is none."""


COMMAND = Session(ProcessId(0, "bmvis serve"), starts=False)
"""The session of `bmvis serve` in the folder of a build."""


def session_of_process(pid: int) -> Session | None:
    """Return the session of a preview server.

    None if `KEEP` turns sessions off, or if it is not known whether the process runs.
    """
    if os.environ.get(KEEP) == "0":
        return None
    owner = process_id(pid) or (ProcessId(pid, "this process") if pid == os.getpid() else None)
    return Session(owner) if owner else None


@dataclass(frozen=True)
class DaemonKey:
    """The worker process that a build can use."""

    session: Session
    find_state: Callable[[], str]
    """Returns a digest of all that the worker process takes over from the process that starts it; '' if not known."""

    @cached_property
    def state(self) -> str:
        """The digest. It reads the records of all installed distributions, so only a daemon needs it."""
        return self.find_state()


class DaemonFolder(msgspec.Struct, frozen=True):
    """The folder of a worker in memory, with the interface of a `WorkerFolder`."""

    path: Path = Path()

    def clear(self) -> bool:
        """Do nothing: the daemon removes the files before the next request."""
        return True


class DaemonConnection:
    """A connection to a daemon, with the interface of a `ForkServer`."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self.folder = DaemonFolder()
        """The folder with the reply to the last request."""

    def is_usable(self) -> bool:
        """Return whether the connection is open."""
        return self._channel.fileno() >= 0

    def run(self, request: Request) -> Outcome:
        """Build a model, and return how its process ended.

        Raises:
            DaemonEndedError: the daemon ended.
        """
        self._channel.settimeout(request.timeout + _MORE_TIME if request.timeout else None)
        try:
            self._channel.send(msgspec.msgpack.encode(request))
            data = self._channel.recv(MAX_MESSAGE)
        except OSError as error:
            raise DaemonEndedError from error
        if not data:
            raise DaemonEndedError
        answer = _OUTCOMES.decode(data)
        self.folder = DaemonFolder(Path(answer.folder))
        return answer.outcome

    def end(self) -> None:
        """Close the connection. The daemon stays for the next build."""
        self._channel.close()


def connect_daemon(key: DaemonKey, python: str, cwd: Path) -> DaemonConnection | None:
    """Return a connection to the daemon of a session, which is started if there is none.

    Args:
        key: the session and the state that the worker must have. A daemon with another state is ended, except that of
            `bmvis serve`.
        python: the Python interpreter of the worker.
        cwd: the working directory of the worker.

    Returns:
        None if there is no daemon and none can be started, or if it serves another build.
    """
    socket_path = _folder() / socket_name(key.session.owner, python, cwd)
    try:
        if not (key.session.starts or socket_path.exists()) or not key.state:
            return None
        with _locked(private_folder()):
            channel = _connected(socket_path, key.state, _GREETING_TIME, ends_others=key.session.starts)
            if channel is None and key.session.starts:
                _start(socket_path, key, python, cwd)
                channel = _connected(socket_path, key.state, _START_TIME, ends_others=True)
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError):
        return None  # the build uses a worker of its own
    return DaemonConnection(channel) if channel else None


def _folder() -> Path:
    return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir(), f"bmvis-daemons-{os.getuid()}")


def private_folder() -> Path:
    """Return the folder of sockets, which only this user can open.

    Raises:
        OSError: it cannot be created, or others can open it.
    """
    folder = _folder()
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not private")
    return folder


def socket_name(owner: ProcessId, python: str, cwd: Path) -> str:
    """Return the name of the socket of a daemon."""
    key = repr((owner.pid, owner.started, os.path.abspath(python), str(cwd)))
    return hashlib.blake2b(key.encode(errors="surrogateescape"), digest_size=12).hexdigest()


def is_served(socket_path: Path) -> bool:
    """Return whether a daemon listens at a path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as channel, _short(socket_path) as address:
        return channel.connect_ex(address) == 0


@contextmanager
def listening(socket_path: Path) -> Iterator[socket.socket]:
    """Return a socket at a path that builds can connect to."""
    socket_path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.settimeout(None)
        with _short(socket_path) as address:
            listener.bind(address)
        listener.listen()
        yield listener


@contextmanager
def _short(socket_path: Path) -> Iterator[str]:
    """Return a short path of a socket: it can have 107 bytes (https://man7.org/linux/man-pages/man7/unix.7.html)."""
    folder = os.open(socket_path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{socket_path.name}"
    finally:
        os.close(folder)


def _connected(socket_path: Path, state: str, seconds: float, *, ends_others: bool) -> socket.socket | None:
    """Return a socket that is connected to a daemon with this state, None if there is no such daemon.

    Raises:
        OSError: the daemon serves another build.
    """
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        channel.settimeout(seconds)
        with _short(socket_path) as address:
            channel.connect(address)
        data = channel.recv(MAX_MESSAGE)
        if data and _GREETINGS.decode(data).state == state:
            return channel
        if data and ends_others:
            channel.send(msgspec.msgpack.encode(None))
        elif data:
            _LOG.warning("`bmvis serve` was started with other packages or environment variables: start it again")
    except (FileNotFoundError, ConnectionError):
        pass
    except BaseException:
        channel.close()
        raise
    channel.close()
    return None


def _start(socket_path: Path, key: DaemonKey, python: str, cwd: Path) -> None:
    settings = DaemonSettings(str(socket_path), python, str(cwd), key.state, key.session.owner, IDLE)
    with listening(socket_path) as listener:
        arguments = [
            json.dumps(own_path()),
            str(PACKAGE),
            str(listener.fileno()),
            msgspec.json.encode(settings).decode(),
        ]
        subprocess.run(
            [sys.executable, "-c", _START, *arguments],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(listener.fileno(),),
            start_new_session=True,
            check=True,
            timeout=_START_TIME,
        )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one build at a time look for a daemon and start it."""
    import fcntl  # not on Windows

    with (folder / "lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
