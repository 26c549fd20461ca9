"""A child process with a socket: the parent's view of a template."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from typing import NoReturn, Protocol

from bmvis.worker import process_tree
from bmvis.worker.packet_socket import packet_socket_pair


@dataclass
class ChildProcess:
    """A child of this process, and the socket to it."""

    pid: int
    socket: socket.socket


class _Serve(Protocol):
    def __call__(self, parent: socket.socket) -> NoReturn: ...


def fork(serve: _Serve) -> ChildProcess:
    """Fork a process that only runs `serve` with a socket; it ends when this process ends."""
    parent_end, child_end = packet_socket_pair()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            process_tree.die_with_parent(parent)
            process_tree.adopt_orphans()
            parent_end.close()
            serve(child_end)
        except Exception:
            sys.excepthook(*sys.exc_info())  # a model process raises it too, and can report it
        finally:
            os._exit(1)
    child_end.close()
    return ChildProcess(pid, parent_end)
