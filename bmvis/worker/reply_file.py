"""The file by which a worker process answers a request. What is in it is hostile: user code runs in that process.

Its name has a secret that is made for each request, it is read as a regular file and up to a size, and its content is
checked before anything else sees it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from bmvis.errors import WorkerError
from bmvis.model.consistency import inconsistency
from bmvis.regular_file import read_regular
from bmvis.worker.protocol import Answer, Built, Failed, Request

MAX_BYTES = 500_000_000
_ANSWERS = msgspec.msgpack.Decoder(Answer)


def reply_path(folder: Path, request: Request) -> Path:
    """Return where the answer to a request is written."""
    return folder / f"{request.number}-{request.secret}.reply"


def write_answer(answer: Answer, folder: Path, request: Request) -> None:
    """Write an answer under another name and rename it, so that it is there as a whole or not at all."""
    place = reply_path(folder, request)
    partial = place.with_suffix(".partial")
    partial.unlink(missing_ok=True)  # user code may have put a pipe there, which would block, or a link
    with partial.open("xb") as file:
        file.write(_encoded(msgspec.structs.replace(answer, secret=request.secret)))
    partial.chmod(0o600)  # whatever the umask is
    partial.replace(place)


def read_answer(folder: Path, request: Request) -> Answer:
    """Return the answer to a request.

    Raises:
        WorkerError: what is there is no answer to this request.
    """
    try:
        answer = _ANSWERS.decode(read_regular(reply_path(folder, request), MAX_BYTES))
    except OSError as error:
        raise _refusal(request, error.strerror or type(error).__name__) from None
    except (ValueError, RecursionError) as error:
        raise _refusal(request, str(error)) from None
    if answer.secret != request.secret:
        raise _refusal(request, "it answers another request")
    if isinstance(answer.reply, Built) and (wrong := inconsistency(answer.reply.model)):
        raise _refusal(request, wrong)
    return answer


def _encoded(answer: Answer) -> bytes:
    """Return the bytes of an answer. A model that the format cannot represent is an error of this model only."""
    try:
        return msgspec.msgpack.encode(answer)
    except (ValueError, OverflowError, TypeError, RecursionError) as error:
        reason = str(error).encode("ascii", "backslashreplace").decode()
    message = f"the model cannot be serialized: {reason}"
    failed = Failed("factory", message, "names must be Unicode text, and numbers have at most 64 bits")
    return msgspec.msgpack.encode(Answer(failed, answer.secret))


def _refusal(request: Request, reason: str) -> WorkerError:
    return WorkerError(
        f"the answer of the process that built {request.reference!r} cannot be used: {reason}",
        hint="the model's code, or a library it uses, wrote to it",
    )
