"""Log the files that a new interpreter of `multiprocessing` opens, and the folders that it lists.

`multiprocessing` runs the main file of the parent in each process that it starts with `spawn` or `forkserver`; bmvis
makes this file the main file of a model process (`bmvis.child.processes.user_process`). It imports nothing but
built-in modules, because modules of the project can have the name of any other.
https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods

The log is a file in the folder of the worker, with the same content as that of `bmvis.child.tracking.fork_log`.
"""

import os
import sys

NAME = "spawned"
"""The name of the log. It cannot be that of an answer (`bmvis.worker.reply_file`)."""


def _log_accesses(log: int) -> None:
    """Append the paths that this process accesses to a log, without those of installed packages."""
    fsdecode, abspath, write = os.fsdecode, os.path.abspath, os.write
    skipped = tuple(os.path.join(abspath(folder), "lib") for folder in {sys.prefix, sys.base_prefix})
    known: set[tuple[str, str]] = set()

    def on_event(event: str, arguments: tuple[object, ...]) -> None:
        kind = {"open": "file", "os.listdir": "names", "os.scandir": "names"}.get(event)
        if kind is None or not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        try:
            path = abspath(fsdecode(arguments[0]))
            mode = arguments[1] if event == "open" else ""
            if path.startswith(skipped) or (kind, path) in known:
                return
            known.add((kind, path))
            is_written = isinstance(mode, str) and any(sign in mode for sign in "wax+")
            write(log, f"{kind}\0{path}\0{'w' if is_written else 'r'}\0".encode(errors="surrogateescape"))
        except (OSError, ValueError, TypeError):
            return  # not a path that a file can have, or the folder of the worker is gone

    sys.addaudithook(on_event)


if __name__ == "__mp_main__":
    try:
        _log_accesses(
            os.open(os.path.join(os.environ["BMVIS_WORKER"], NAME), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        )
    except (OSError, KeyError):
        pass  # a process that left its worker
