"""Read untrusted files safely: regular files only, without blocking, up to a size limit."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(file: str | Path, *, buffering: int = -1) -> BinaryIO:
    """Open a regular file for reading in binary mode.

    Other files are rejected: reading a pipe could block the build forever, and a device can be endless.

    Args:
        file: the path of the file.
        buffering: as for `open`. 0 is faster for a file that is read in large pieces.

    Raises:
        OSError: the file cannot be opened, or is not a regular file.
    """
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(file))
    return os.fdopen(descriptor, "rb", buffering)


def read_regular(file: Path, limit: int) -> bytes:
    """Return the content of a regular file.

    Args:
        file: the path of the file. Symbolic links are followed.
        limit: the maximum size in bytes.

    Raises:
        OSError: the file cannot be read, is not a regular file, or is larger than `limit`.
    """
    with open_regular(file) as opened:
        content = opened.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit:,} bytes", str(file))
    return content


def text_or_nothing(file: Path, limit: int) -> str:
    """Return the text of a regular file; '' if it cannot be read, or has more than `limit` bytes."""
    try:
        return read_regular(file, limit).decode(errors="replace")
    except (OSError, ValueError):
        return ""
