"""Write and read the file with which a worker process answers a request.

User code runs in that process, so the content is untrusted. The name of the file contains a secret for each request.
The file must be a regular file of limited size, and its content is checked before use.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from bmvis.errors import WorkerError
from bmvis.model.consistency import inconsistency
from bmvis.untrusted.regular_file import read_regular
from bmvis.worker.protocol import Answer, Built, Failed, Request

_open, _write, _close, _chmod, _unlink, _replace = os.open, os.write, os.close, os.chmod, os.unlink, os.replace
"""References from before user code runs, because it can replace these functions."""
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
MAX_BYTES = 500_000_000
_ANSWERS = msgspec.msgpack.Decoder(Answer)


def reply_path(folder: Path, request: Request) -> Path:
    """Return the path of the answer to a request."""
    return folder / _name(request)


def _name(request: Request) -> str:
    return f"{request.number}-{request.secret}.reply"


def write_answer(answer: Answer, folder: Path, request: Request) -> None:
    """Write an answer under another name and rename it, so that the file is never incomplete."""
    path = f"{folder}/{_name(request)}"
    partial = f"{path}.partial"
    try:
        _unlink(partial)  # user code may have put a pipe there, which would block, or a link
    except FileNotFoundError:
        pass
    descriptor = _open(partial, _NEW_FILE, 0o600)
    try:
        _chmod(partial, 0o600)  # whatever the umask is
        content = memoryview(_encoded(msgspec.structs.replace(answer, secret=request.secret)))
        while content:
            content = content[_write(descriptor, content) :]
    finally:
        _close(descriptor)
    _replace(partial, path)


def read_answer(folder: Path, request: Request) -> Answer:
    """Return the answer to a request.

    Raises:
        WorkerError: the file is not a valid answer to this request.
    """
    try:
        answer = _ANSWERS.decode(read_regular(reply_path(folder, request), MAX_BYTES))
    except OSError as error:
        raise _refusal(request, error.strerror or type(error).__name__) from None
    except (ValueError, RecursionError) as error:
        raise _refusal(request, str(error)) from None
    if answer.secret != request.secret:
        raise _refusal(request, "it belongs to another request")
    if isinstance(answer.reply, Built) and (wrong := inconsistency(answer.reply.model)):
        raise _refusal(request, wrong)
    return answer


def _encoded(answer: Answer) -> bytes:
    """Return the encoded answer. A model that cannot be encoded becomes a `Failed` reply."""
    try:
        return msgspec.msgpack.encode(answer)
    except (ValueError, OverflowError, TypeError, RecursionError) as error:
        reason = str(error).encode("ascii", "backslashreplace").decode()
    message = f"the model cannot be serialized: {reason}"
    failed = Failed("factory", message, "names must be Unicode text, and numbers have at most 64 bits")
    return msgspec.msgpack.encode(Answer(failed, answer.secret))


def _refusal(request: Request, reason: str) -> WorkerError:
    return WorkerError(
        f"the reply of the process that built {request.reference!r} is not valid: {reason}",
        hint="check whether the model's code, or a library that it uses, writes to temporary folders",
    )
