"""Digests of what a model is made of: project files, and the installed distributions."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

from bmvis.regular_file import open_regular

_PACKAGE = Path(__file__).parents[1]
_CHUNK = 2**20


def of_bytes(content: bytes) -> str:
    """Return the digest of `content`."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def of_file(file: str) -> str:
    """Return the digest of a file's content; '' for one that cannot be read, or that is no regular file.

    The path may be anything that user code named: a pipe would block, and a device has no end.
    """
    digest = hashlib.blake2b(digest_size=16)
    try:
        with open_regular(Path(file)) as opened:
            while chunk := opened.read(_CHUNK):
                digest.update(chunk)
    except (OSError, ValueError):
        return ""
    return digest.hexdigest()


@cache
def of_bmvis() -> str:
    """Return the digest of this package's own code: another one may read more from the same model."""
    files = sorted(_PACKAGE.rglob("*.py"))
    return of_bytes("".join(f"{file.relative_to(_PACKAGE)}\0{of_file(str(file))}\0" for file in files).encode())


def of_installed(folder: str) -> str:
    """Return a digest of the distributions that are installed in one `site-packages` folder.

    A distribution counts by its name, its version and its RECORD, which lists a digest of each of its
    files: one that is installed again under the same version with other contents is another one.
    """
    digest = hashlib.blake2b(digest_size=16)
    try:
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries if e.name.endswith((".dist-info", ".egg-info", ".pth")))
    except (OSError, ValueError):
        names = []
    for name in names:
        place = os.path.join(folder, name)
        record = place if name.endswith(".pth") else os.path.join(place, "RECORD")
        digest.update(f"{name}\0{of_file(record)}\0".encode())
    return digest.hexdigest()
