"""Write generated files, which other builds can read at the same time. Internal."""

from __future__ import annotations

import os
from pathlib import Path


def write_if_changed(file: Path, content: bytes) -> None:
    """Write a file, with its folder, unless it has this content.

    The content is complete at any time, also after a signal: it replaces the file at once. Until then, it has a hidden
    name without the suffix of the file, so that no tool takes it for a page.

    Raises:
        OSError: the file cannot be written.
    """
    if file.is_file() and file.read_bytes() == content:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.write_bytes(content)
    partial.replace(file)
