"""Compute digests of project files, of installed distributions, and of the code of bmvis."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

from bmvis.file_state import files_below
from bmvis.untrusted.regular_file import open_regular

PACKAGE = Path(__file__).parents[1]
"""The folder of the package bmvis."""
_CHUNK = 2**20
_GIT_TIMEOUT = 60
_RECORDS = {".dist-info": ("RECORD",), ".egg-info": ("entry_points.txt",), ".pth": ()}
"""The file that is read of what is installed, below a name in `site-packages` with this end."""
_GIT_STATE = (
    ("status", "--porcelain=v2", "--branch", "--untracked-files=all", "-z"),
    ("diff", "--no-ext-diff", "--no-textconv", "--binary"),
    ("for-each-ref",),
    ("config", "--local", "--list", "-z"),
)


def of_bytes(content: bytes) -> str:
    """Return the digest of `content`: BLAKE2b of 16 bytes, in hexadecimal."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def of_file(file: str) -> str:
    """Return the digest of the content of a file; '' if it cannot be read or is not a regular file.

    User code can name any path: a pipe would block, and a device has no end.
    """
    digest = hashlib.blake2b(digest_size=16)
    try:
        with open_regular(file, buffering=0) as opened:
            while chunk := opened.read(_CHUNK):
                digest.update(chunk)
    except (OSError, ValueError):
        return ""
    return digest.hexdigest()


@cache
def of_bmvis() -> str:
    """Return the digest of the code of bmvis and of its name mappings: another version can draw a model differently."""
    start = len(os.path.join(PACKAGE, ""))
    return of_bytes("".join(f"{file[start:]}\0{of_file(file)}\0" for file in bmvis_files()).encode())


def bmvis_files() -> list[str]:
    """Return the files with the code of bmvis and its name mappings, sorted."""
    return files_below(str(PACKAGE), (".py", ".toml"))


def of_repository(folder: str) -> str:
    """Return a digest of what git commands show of a repository: commits, references, index, working tree, settings.

    Settings that a CI job sets for itself, such as an authorization header, do not count. Untracked files count by
    their names. The digest is '' if git is not installed.
    """
    import subprocess  # few models read the state of a repository

    digest = hashlib.blake2b(digest_size=16)
    for command in _GIT_STATE:
        try:
            output = subprocess.run(
                ["git", "-c", "core.fsmonitor=false", *command],
                cwd=folder,
                env=os.environ | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_GIT_TIMEOUT,
                check=False,
            ).stdout
        except (OSError, subprocess.SubprocessError):
            return ""
        lines = output.split(b"\0") if command[0] == "config" else [output]
        digest.update(b"\0".join(line for line in lines if b"extraheader" not in line) + b"\0")
    return digest.hexdigest()


def of_installed(folder: str) -> str:
    """Return a digest of the distributions that are installed in one `site-packages` folder.

    The digest covers the name, the version and the RECORD of each distribution, and the entry points of eggs. RECORD
    lists a digest of each file, so a distribution that is reinstalled in the same version with other content has
    another digest.
    https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file
    """
    digest = hashlib.blake2b(digest_size=16)
    start = len(os.path.join(folder, ""))
    for file in installed_files(folder):
        name = file[start:].partition(os.sep)[0]
        digest.update(f"{name}\0{of_file(file)}\0".encode())
    return digest.hexdigest()


def installed_files(folder: str) -> list[str]:
    """Return the RECORD of each distribution in one `site-packages` folder, and the path files, sorted by their names.

    An egg has no RECORD. Next to sources that are installed as editable, its entry points change without its name. An
    egg without entry points, or that is a file, has a path that does not exist.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries if e.name.endswith((*_RECORDS,)))
    except (OSError, ValueError):
        return []
    return [os.path.join(folder, name, *_RECORDS[name[name.rindex(".") :]]) for name in names]
