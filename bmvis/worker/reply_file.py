"""Write and read the file with which a worker process answers a request.

User code runs in that process, so the content is untrusted. The name of the file contains a secret for each request.
The file must be a regular file of limited size, and its content is checked before use.
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
    """Return the path of the answer to a request."""
    return folder / f"{request.number}-{request.secret}.reply"


def write_answer(answer: Answer, folder: Path, request: Request) -> None:
    """Write an answer under another name and rename it, so that the file is never incomplete."""
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
        WorkerError: the file is not a valid answer to this request.
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
        f"the answer of the process that built {request.reference!r} is not valid: {reason}",
        hint="check whether the model's code, or a library that it uses, writes to temporary folders",
    )
