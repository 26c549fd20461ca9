"""Compute the state that a worker process takes over from the process that starts it. Internal."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from bmvis.source import fingerprint
from bmvis.source.digest_memo import DigestMemo
from bmvis.source.environment import environment_digest
from bmvis.worker.interpreter import has_distributions, is_this_python, own_path


def worker_state(python: str, digests: DigestMemo) -> str:
    """Return a digest of the interpreter, the installed distributions, the environment, and the code of bmvis.

    A worker process in memory can be used while this digest is the same.

    Args:
        python: the Python interpreter of the worker.
        digests: the digests of the code of bmvis and of `site-packages` folders.

    Returns:
        '' if it is not known where that Python has its distributions.
    """
    folders = list(_installed_folders(python))
    if not folders:
        return ""
    executable = os.path.realpath(shutil.which(python) or python)
    found = Path(executable).stat()
    parts = (
        digests.of_bmvis(),
        (executable, found.st_mtime_ns, found.st_size),
        [(folder, digests.of_installed(folder)) for folder in folders],
        own_path() if is_this_python(python) else [],
        environment_digest(),
    )
    return fingerprint.of_bytes(repr(parts).encode(errors="surrogateescape"))


def _installed_folders(python: str) -> Iterable[str]:
    if is_this_python(python):
        return [entry for entry in own_path() if has_distributions(entry)]
    prefix = Path(shutil.which(python) or python).parent.parent
    return map(str, sorted(prefix.glob("lib/python3*/site-packages")))
