"""Snapshots of a git revision. Revisions, paths and contents are data: git never takes them for an option. Internal."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from bmvis.errors import SnapshotError
from bmvis.source.recorded import MAX_BYTES

_TIMEOUT = 60
"""Seconds for one call of git."""


def resolve_revision(folder: Path, revision: str) -> str:
    """Return the hash of the commit that a revision names.

    Raises:
        SnapshotError: git cannot read a repository in the folder, or the repository has no such commit.
    """
    _git(folder, "rev-parse", "--git-dir")  # its own error: no git, no repository, or one of another user
    if "\0" in revision:
        raise SnapshotError("a git revision cannot contain a NUL character", hint="use a branch, a tag or a commit")
    try:
        found = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except SnapshotError:
        raise SnapshotError(
            f"{str(folder)!r} has no git revision {revision!r}",
            hint="fetch it first; for actions/checkout, set fetch-depth: 0",
        ) from None
    return found.decode().split()[-1]


def read_revision(folder: Path, commit: str) -> dict[str, bytes]:
    """Return the content of each snapshot that a folder has in a commit, by the model's name.

    Raises:
        SnapshotError: git cannot read the commit, or a file is too large.
    """
    top = _top(_existing(folder))
    below = folder.resolve().relative_to(top.resolve()).as_posix()
    listed = _git(top, "ls-tree", "-z", "-l", "--full-tree", commit, "--", "." if below == "." else f"{below}/")
    found = {}
    for entry in filter(None, listed.split(b"\0")):
        about, _, name = entry.partition(b"\t")
        _, kind, blob, size = about.split()
        file = Path(os.fsdecode(name))
        if kind != b"blob" or file.suffix != ".json":
            continue
        if int(size) > MAX_BYTES:
            raise SnapshotError(f"{file} is larger than {MAX_BYTES:,} bytes in {commit[:12]}")
        found[file.stem] = _git(top, "cat-file", "blob", blob.decode())
    return found


def changed_files(folder: Path, revision: str) -> frozenset[Path]:
    """Return the absolute paths of files that differ from a revision, including removed and untracked ones.

    Raises:
        SnapshotError: the folder is in no repository, or the repository has no such commit.
    """
    commit, top = resolve_revision(folder, revision), _top(folder)
    tracked = _git(top, "diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", commit, "--")
    untracked = _git(top, "ls-files", "--others", "--exclude-standard", "-z")
    return _paths(top, tracked + untracked)


def python_files(folder: Path) -> frozenset[Path]:
    """Return the absolute paths of the Python sources in the working tree of a repository, without ignored ones.

    Raises:
        SnapshotError: the folder is in no repository.
    """
    top = _top(folder)
    return _paths(top, _git(top, "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", "*.py"))


def _top(folder: Path) -> Path:
    """Return the folder of the repository, without links."""
    return Path(os.fsdecode(_git(folder, "rev-parse", "--show-toplevel").rstrip(b"\r\n")))


def _paths(top: Path, listed: bytes) -> frozenset[Path]:
    return frozenset(top / os.fsdecode(name) for name in listed.split(b"\0") if name)


def _existing(folder: Path) -> Path:
    """Return a folder, or the nearest one above that is there: the working tree may have no snapshots."""
    return next((one for one in (folder, *folder.parents) if one.is_dir()), folder)


def _git(folder: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_TIMEOUT, check=False)
    except FileNotFoundError:
        raise SnapshotError("git is not installed", hint="install git, or compare two files") from None
    except subprocess.TimeoutExpired:
        raise SnapshotError(f"git took more than {_TIMEOUT} seconds") from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        hint = "run the command in a clone of the repository" if "not a git repository" in reason else ""
        raise SnapshotError(f"git {arguments[0]} failed in {str(folder)!r}: {reason}", hint=hint)
    return done.stdout
