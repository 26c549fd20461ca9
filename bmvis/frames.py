"""Tracebacks as a page shows them: the user's own frames, and where it ended."""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from functools import cache
from pathlib import Path


def user_frames(error: BaseException) -> str:
    """Format `error` with the frames of project code and the last frame; others are counted.

    Frames of bmvis itself and of the import machinery are dropped, and paths below the working
    directory are written relative to it.
    """
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_machinery(frame.filename)]
    lines: list[str] = []
    skipped = 0
    for index, frame in enumerate(frames):
        if index < len(frames) - 1 and not is_project_file(frame.filename):
            skipped += 1
            continue
        if skipped:
            lines.append(f"  … {skipped} frame{'' if skipped == 1 else 's'} of installed packages")
            skipped = 0
        lines.append(f'  File "{_relative(frame.filename)}", line {frame.lineno}, in {frame.name}')
        if frame.line:
            lines.append(f"    {frame.line}")
    ending = "".join(traceback.format_exception_only(error)).rstrip()
    return "\n".join([*lines, ending])


def is_project_file(file: str) -> bool:
    """Return whether `file` is neither installed, nor Python's own, nor bmvis."""
    path = os.path.abspath(file)
    return os.path.isfile(path) and not path.startswith(_foreign())


@cache
def _foreign() -> tuple[str, ...]:
    """Return the folders, with a trailing separator, whose files are not the project's."""
    found = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    found |= {entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")}
    found.add(str(Path(__file__).parent))
    return tuple(os.path.join(os.path.abspath(folder), "") for folder in found)


def _is_machinery(file: str) -> bool:
    return file.startswith("<frozen importlib") or os.path.dirname(os.path.abspath(file)) == os.path.dirname(__file__)


def _relative(file: str) -> str:
    try:
        path = Path(file).resolve()
        return str(path.relative_to(Path.cwd().resolve()))
    except ValueError:
        return file
