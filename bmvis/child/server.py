"""Start the worker's child process, which imports torch and user code so that the docs build does not.

`bmvis.worker.server_process` runs it with `runpy`; no module imports it. The contract:

- The arguments are `forking`, `single` or `ahead`, a DIRECTORY for replies, a file descriptor, and the entries of
  `sys.path` for user code as a JSON list; an empty list is the default path of this Python.
- `forking`: the descriptor is a packet socket. Each packet is a `Request` in MessagePack. When the model process has
  ended, an `Outcome` is sent back. `single`: the descriptor is standard input, which has one `Request` in MessagePack
  after its length as four bytes, big-endian. `ahead` is the same, but imports torch before it reads the request. The
  end of input, at any time, means that the parent is gone: it ends the process
  and all its descendants.
- The answer is a file in DIRECTORY, an `Answer` in MessagePack (`bmvis.worker.reply_file`).
- Standard output and error have only the output of user code. Standard input is empty for user code.
- An exception of user code becomes a `Failed` reply. If user code ends the process, the parent reports that.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bmvis.worker import process_tree
from bmvis.worker.interpreter import joined_path

try:
    import msgspec  # noqa: F401
except ImportError as _missing:  # another Python has this bmvis on its path, but not its dependencies
    print(_missing, flush=True)
    sys.exit(process_tree.UNUSABLE)


def main() -> None:
    """Start in the mode that the arguments name."""
    mode, directory, descriptor, given = sys.argv[1:]
    path = joined_path(sys.path, json.loads(given))
    if mode == "forking":
        from bmvis.child.processes.supervisor import supervise

        supervise(int(descriptor), Path(directory), path)
    else:
        from bmvis.child.processes.single_process import build_one

        build_one(int(descriptor), Path(directory), path, is_ahead=mode == "ahead")


if __name__ == "__main__":
    main()
