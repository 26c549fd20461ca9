"""Wait for a model process or a template, until a timeout or the end of the parent. Linux only."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass, field

import msgspec

from bmvis.child.processes.preload_requests import END_MESSAGES, EndMessage
from bmvis.worker import process_tree
from bmvis.worker.output_tail import OutputTail
from bmvis.worker.packet_socket import MAX_MESSAGE
from bmvis.worker.protocol import Job, Outcome

READY = b"ready"
"""The message of the first template when it has imported torch and can fork."""
_CHUNK = 65536
_MAX_NOTE = 1_000_000
_OUTCOMES = msgspec.msgpack.Decoder(Outcome)


class ParentGoneError(Exception):
    """The process that sends the jobs has ended or closed the socket, so all processes must end."""


@dataclass
class Process:
    """A model process, and the pipes that it writes to."""

    pid: int
    output: int
    notes: int
    tail: OutputTail = field(default_factory=OutputTail)
    note: bytearray = field(default_factory=bytearray)

    def read(self, descriptor: int) -> bool:
        """Read from one of the pipes; return whether there may be more."""
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        if descriptor == self.output:
            self.tail.append(chunk)
        elif len(self.note) < _MAX_NOTE:
            self.note += chunk
        return bool(chunk)


def started(job: Job) -> Job:
    """Return a job with the time at which it ends, if it has a timeout."""
    timeout = job.request.timeout
    return msgspec.structs.replace(job, ends=time.monotonic() + timeout) if timeout and not job.ends else job


def await_end(process: Process, parent: socket.socket, job: Job, keep: Collection[int]) -> tuple[Outcome, EndMessage]:
    """Wait until a model process ends or times out; then end all its descendants, except the children `keep`.

    Raises:
        ParentGoneError: the parent has ended.
    """
    ended = os.pidfd_open(process.pid)
    try:
        has_timed_out = not _wait(process, ended, parent, job.ends)
    finally:
        os.close(ended)
    if has_timed_out:
        os.kill(process.pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(process.pid, 0)[1])
    process_tree.end_children(keep)
    for pipe in (process.output, process.notes):  # all writers have ended
        while process.read(pipe):
            pass
        os.close(pipe)
    return Outcome("timed out" if has_timed_out else "ended", code, bytes(process.tail)), _decode(process.note)


def _wait(process: Process, ended: int, parent: socket.socket, ends: float) -> bool:
    """Return whether the process ended in time."""
    poll = select.poll()
    for descriptor in (ended, process.output, process.notes, parent.fileno()):
        poll.register(descriptor, select.POLLIN)
    while True:
        left = (ends - time.monotonic()) * 1000 if ends else None
        if left is not None and left <= 0:
            return False
        for descriptor, _ in poll.poll(left):
            if descriptor == ended:
                return True
            if descriptor == parent.fileno():
                raise ParentGoneError
            if not process.read(descriptor):
                poll.unregister(descriptor)


def _decode(note: bytearray) -> EndMessage:
    try:
        return END_MESSAGES.decode(note)
    except msgspec.MsgspecError:
        return EndMessage()  # the process ended before it wrote one, or user code wrote there


def ask(template: socket.socket, parent: socket.socket, job: Job, grace: float) -> Outcome | None:
    """Let another template build the model; return None if it has ended or does not answer.

    Raises:
        ParentGoneError: the parent has ended.
    """
    with contextlib.suppress(OSError):  # it has ended: `select` then reports the end of input
        template.send(msgspec.msgpack.encode(job))
    readable = _has_answer(template, parent, job, grace)
    try:
        return _OUTCOMES.decode(template.recv(MAX_MESSAGE)) if readable else None
    except (OSError, msgspec.MsgspecError):
        return None


def is_ready(template: socket.socket, parent: socket.socket, job: Job, grace: float) -> bool:
    """Wait for the first template; return whether it can build models.

    Raises:
        ParentGoneError: the parent has ended.
    """
    readable = _has_answer(template, parent, job, grace)
    try:
        return readable and template.recv(MAX_MESSAGE) == READY
    except OSError:
        return False


def _has_answer(template: socket.socket, parent: socket.socket, job: Job, grace: float) -> bool:
    """Wait for a template; return whether it answers, or ends, in the time of the job and `grace` seconds."""
    ends = time.monotonic() + job.request.timeout + grace if job.request.timeout else float("inf")
    readable: list[socket.socket] = []
    while not readable and (left := ends - time.monotonic()) > 0:
        readable, _, _ = select.select([template, parent], [], [], min(left, process_tree.CHECK_INTERVAL))
        if not readable:
            process_tree.resume_children()
    if parent in readable:
        raise ParentGoneError
    return bool(readable)


def wait_for_exit_code(pid: int, seconds: float) -> int | None:
    """Return the exit code of a child that is about to end; None if it does not end in time."""
    ended = os.pidfd_open(pid)
    try:
        readable, _, _ = select.select([ended], [], [], seconds)
    finally:
        os.close(ended)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if readable else None
