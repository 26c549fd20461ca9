"""The worker's child process: imports torch and user code, so that a docs build need not.

Run by `runpy` (`bmvis.worker.started` says how) and imported by nobody. The contract:

- Its arguments are `forking` or `single`, a DIRECTORY for replies, a file descriptor, and the entries of `sys.path`
  for user code as a JSON list, empty for what this Python has.
- `forking`: the descriptor is a socket of packets. Each is a `Request` in MessagePack; after the model has come to its
  end, an `Outcome` comes back. `single`: the descriptor is standard input, which gives one `Request`, in MessagePack
  after its length as four bytes. The end of input, whenever it comes, ends the process and all that was started in
  it: the parent is gone.
- The answer is a file in DIRECTORY, an `Answer` in MessagePack (`bmvis.worker.reply_file`).
- Standard output and error carry nothing but what user code prints. Standard input is empty for user code.
- User code may raise anything; that is a `Failed` reply. It may also end the process: the parent sees that, and
  reports it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bmvis.worker import process_tree

try:
    import msgspec  # noqa: F401
except ImportError as _missing:  # another Python finds this bmvis, but not what it needs
    print(_missing, flush=True)
    sys.exit(process_tree.UNUSABLE)


def main() -> None:
    """Do what the arguments say."""
    mode, directory, descriptor, given = sys.argv[1:]
    path: list[str] = json.loads(given)
    path = [*(entry for entry in sys.path if entry not in path), *path]
    if mode == "forking":
        from bmvis.child.supervisor import supervise

        supervise(int(descriptor), Path(directory), path)
    else:
        from bmvis.child.single import build_one

        build_one(int(descriptor), Path(directory), path)


if __name__ == "__main__":
    main()
