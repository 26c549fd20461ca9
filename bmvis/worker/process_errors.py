"""The errors of model processes that time out, or end without a reply."""

from __future__ import annotations

import os
import signal

from bmvis.errors import WorkerError
from bmvis.worker.protocol import Request


def timed_out(request: Request, printed: str) -> WorkerError:
    """Return the error of a process that took too long; `printed` is the end of its output, in words."""
    return WorkerError(
        f"{request.reference!r} timed out after {request.timeout:g} s",
        hint="make the factory faster, or increase the timeout",
        detail=printed,
    )


def ended(request: Request, code: int, printed: str) -> WorkerError:
    """Return the error of a process that ended without a reply.

    Args:
        request: what it was to build.
        code: its exit code, or the negative number of the signal that killed it.
        printed: the end of its output, in words.
    """
    limit = f"; its memory is limited to {request.memory:,} bytes" if request.memory else ""
    return WorkerError(
        f"the process that built {request.reference!r} {_cause_of_end(code)}",
        hint=_hint_on_end(code) + limit,
        detail=printed,
    )


def _cause_of_end(code: int) -> str:
    """Return how a process ended, as the predicate of a sentence."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _hint_on_end(code: int) -> str:
    """Return the likely cause of the end and a fix: Linux sends SIGKILL if it runs out of memory."""
    if os.name == "posix" and code == -signal.SIGKILL:
        return "the system may have run out of memory: build a smaller model, or set memory"
    return "the model's code, or a library it uses, ended the process"
