"""Read files that others may have put there: regular ones only, without waiting, and up to a size."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(file: Path) -> BinaryIO:
    """Open a regular file.

    A pipe would block the build for ever, and a device may have no end.

    Raises:
        OSError: it cannot be opened, or it is no regular file.
    """
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(file))
    return os.fdopen(descriptor, "rb")


def read_regular(file: Path, limit: int) -> bytes:
    """Return the content of a regular file.

    Args:
        file: its path; a link is followed.
        limit: the most bytes that it may have.

    Raises:
        OSError: it cannot be read, it is no regular file, or it is larger.
    """
    with open_regular(file) as opened:
        content = opened.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit:,} bytes", str(file))
    return content
