"""The worker's child process: imports torch and user code, so that a docs build need not.

Run by `runpy` with the argument DIRECTORY (`bmvis.worker.client` says how) and imported by nobody. The contract:

- Each line on standard input is a `Request` in JSON. The end of input, whenever it comes, ends the
  process and all that was started in it: the parent is gone.
- The answer is a file in DIRECTORY, an `Answer` in MessagePack (`bmvis.worker.reply_file`).
- Standard output and error carry nothing but what user code prints. Standard input is moved away
  before user code runs: it sees an empty one.
- User code may raise anything; that is a `Failed` reply. It may also end the process: the parent
  (`bmvis.worker.client`) sees that, says so, and starts another. What it does to the process: `bmvis.child.isolation`.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path
from queue import SimpleQueue

from bmvis.worker import process_tree

try:
    import msgspec
except ImportError as _missing:  # another Python finds this bmvis, but not what it needs
    print(_missing, flush=True)
    sys.exit(process_tree.UNUSABLE)

from bmvis.child import replies
from bmvis.child.import_tracker import ImportTracker
from bmvis.child.isolation import ProcessState
from bmvis.errors import BmvisError
from bmvis.worker.protocol import Answer, Failed, Request, Stale
from bmvis.worker.reply_file import write_answer


def main(directory: Path) -> None:
    """Answer requests until the end of input."""
    process_tree.adopt_orphans()
    private = _take_stdin()
    requests: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(private, requests, directory), daemon=True).start()
    imports = ImportTracker()
    imports.install()
    while True:
        request = msgspec.json.decode(requests.get(), type=Request)
        write_answer(_answer(request, imports, private), directory, request)


def _take_stdin() -> int:
    private = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return private


def _listen(private: int, requests: SimpleQueue[bytes], directory: Path) -> None:
    """Pass requests on; end everything at the end of input, also in the middle of a model."""
    rest = b""
    try:
        while chunk := os.read(private, 65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                requests.put(line)
    except OSError:
        pass  # user code has closed it: no request can come any more
    shutil.rmtree(directory, ignore_errors=True)
    process_tree.end_tree(os.getpid(), str(directory))
    os._exit(0)


def _answer(request: Request, imports: ImportTracker, private: int) -> Answer:
    """Build what is asked for, and leave the process as it was."""
    imports.note_loaded()
    if imports.is_stale():
        return Answer(Stale())
    before = sys.path.copy()
    sys.path[:0] = request.path
    try:
        replies.require_torch()
        state = ProcessState(private)
        with replies.limited(request):
            reply = replies.reply_to(request, imports)
        return Answer(reply, state.restore())
    except BmvisError as error:
        return Answer(Failed(error.kind, error.message, error.hint, error.detail))
    finally:
        sys.path[:] = before


if __name__ == "__main__":
    main(Path(sys.argv[1]))
