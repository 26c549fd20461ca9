"""Communicate with a process that builds one model, for systems where processes cannot be forked: the parent's side."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

import msgspec

from bmvis.errors import WorkerError
from bmvis.worker import process_tree
from bmvis.worker.protocol import Outcome, Request
from bmvis.worker.reply_file import reply_path
from bmvis.worker.server_process import StartedProcess


class SingleProcess:
    """A process that builds one model.

    Args:
        python: the Python interpreter.
        cwd: the working directory of the process.
        mode: `single`, or `ahead` to import torch before there is a request.
    """

    def __init__(self, python: str, cwd: Path, mode: Literal["single", "ahead"] = "single") -> None:
        self._started = StartedProcess(python, cwd, mode)

    @property
    def folder(self) -> Path:
        """The folder for the reply."""
        return self._started.folder.path

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._started.process.pid

    def is_alive(self) -> bool:
        """Return whether the process runs."""
        return self._started.is_alive()

    def run(self, request: Request) -> Outcome:
        """Build a model, and return how its process ended.

        Raises:
            WorkerError: bmvis cannot run in this Python.
        """
        self._send(request)
        reply = reply_path(self.folder, request)
        ends = time.monotonic() + request.timeout if request.timeout else float("inf")
        pause = 0.001
        while not reply.exists() and self._started.is_alive():
            if time.monotonic() > ends:
                self._started.wait()
                return Outcome("timed out", output=self._started.output())
            time.sleep(pause)
            pause = min(pause * 1.5, 0.005)
        is_there = reply.exists()
        code = self._started.wait()
        output = self._started.output()
        if code == process_tree.UNUSABLE and not is_there:
            text = output.decode(errors="replace").strip()
            raise WorkerError(
                f"bmvis cannot run in {self._started.python}: {text}", hint="install torch and msgspec there"
            )
        if code == process_tree.MODULE_CONFLICT and not is_there:
            return Outcome("refused")
        return Outcome("ended", code, output)

    def _send(self, request: Request) -> None:
        stream = self._started.process.stdin
        assert stream is not None
        content = msgspec.msgpack.encode(request)
        try:
            stream.write(len(content).to_bytes(4, "big") + content)
            stream.flush()
        except OSError:
            pass  # the process has ended: its exit code is reported

    def end(self) -> None:
        """End the process and its descendants."""
        stream = self._started.process.stdin
        assert stream is not None
        try:
            stream.close()
        except OSError:
            pass  # the end of the process has closed it
        self._started.end()
