"""Format tracebacks for pages: the frames of project code, and the last frame."""

from __future__ import annotations

import importlib
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path

from bmvis.untrusted import user_text

_PACKAGE = Path(__file__).parents[1]
_HEAD, _TAIL = 8, 16
"""Number of first and last frames that are shown of a long traceback."""
_REASONS = 5
"""Maximum number of causes and members of groups."""
_REPEATS = 3
"""How often a frame is shown that calls itself, as in Python's own tracebacks."""


@cache
def start_folder() -> Path:
    """Return the working directory at the first call, which is before user code runs: it can change or delete it."""
    return Path.cwd().resolve()


def user_frames(error: BaseException) -> str:
    """Format `error` and its causes with the frames of project code and the last frame; other frames are counted.

    Frames of bmvis itself and of the import system are dropped. Paths below the working directory are relative to it.
    The middle frames of a deep recursion are counted, and so is a frame that repeats. If the exception cannot be
    formatted, the result is its type and its text.
    """
    try:
        return user_text.safe_text(_format(error))
    except Exception:  # the attributes of an exception, and functions that this calls, can be user code
        return f"{user_text.class_name(type(error))}: {user_text.exception_text(error)}"


def _format(error: BaseException) -> str:
    """Format an exception, then those that it names as its causes, and the members of exception groups."""
    blocks = [_format_one(error)]
    seen = {id(error)}
    for heading, other in _reasons(error):
        if id(other) in seen:
            continue
        seen.add(id(other))
        if len(blocks) > _REASONS:
            blocks.append("…")
            break
        blocks.append(f"{heading}:\n{_format_one(other)}")
    return "\n".join(blocks)


def _reasons(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    """Yield the members of an exception group and the causes of `raise … from cause`, nearest first."""
    one: BaseException | None = error
    for _ in range(_REASONS + 1):
        if one is None:
            return
        members = getattr(one, "exceptions", ())  # of an ExceptionGroup
        for number, member in enumerate(members if type(members) is tuple else (), 1):
            if isinstance(member, BaseException):
                yield f"Exception {number} of {len(members)}", member
        one = one.__cause__
        if one is not None:
            yield "Caused by", one


def _format_one(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_machinery(frame.filename)]
    entries: list[str] = []
    skipped = 0
    for index, frame in enumerate(frames):
        if index < len(frames) - 1 and not is_project_file(frame.filename):
            skipped += 1
            continue
        if skipped:
            entries.append(f"  … {_frames(skipped)} of installed packages")
            skipped = 0
        entries.append(_entry(frame))
    entries = _without_repeats(entries)
    if len(entries) > _HEAD + _TAIL:
        entries[_HEAD:-_TAIL] = [f"  … {_frames(len(entries) - _HEAD - _TAIL)} more"]
    ending = "".join(traceback.format_exception_only(error))[: user_text.MAX_EXCEPTION_TEXT].rstrip()
    return "\n".join([*entries, ending])


def _entry(frame: traceback.FrameSummary) -> str:
    heading = f'  File "{_relative(frame.filename)}", line {frame.lineno}, in {frame.name}'
    return f"{heading}\n    {frame.line}" if frame.line else heading


def _without_repeats(entries: Sequence[str]) -> list[str]:
    kept: list[str] = []
    for entry, run in groupby(entries):
        times = sum(1 for _ in run)
        kept += [entry] * min(times, _REPEATS)
        if times > _REPEATS:
            left = times - _REPEATS
            kept.append(f"  … the same frame {left} more time{'' if left == 1 else 's'}")
    return kept


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"


def is_project_file(file: str) -> bool:
    """Return whether `file` is not part of an installed package, the standard library, or bmvis."""
    path = os.path.abspath(file)
    return not is_foreign(path) and os.path.isfile(path)


def is_foreign(path: str) -> bool:
    """Return whether an absolute path is in a folder of installed packages, the standard library, or bmvis.

    A package of the project that is installed there is one of them: the record of its distribution has its state. For
    settings, it is code of the project (`bmvis.extraction.settings.project_code.is_project_module`).
    """
    return os.path.join(path, "").startswith(_foreign())


def is_library(file: object) -> bool:
    """Return whether a file belongs to an installed library, not to the project or the standard library."""
    return isinstance(file, str) and ("site-packages" in file or "dist-packages" in file) and is_foreign(file)


@cache
def _foreign() -> tuple[str, ...]:
    """Return the folders, with a trailing separator, whose files do not belong to the project."""
    found = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    found |= {entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")}
    found.add(str(_PACKAGE))
    return tuple(os.path.join(os.path.abspath(folder), "") for folder in found)


def _is_machinery(file: str) -> bool:
    if file.startswith("<frozen importlib") or file == importlib.__file__:
        return True
    return Path(os.path.abspath(file)).is_relative_to(_PACKAGE)


def short_path(file: str) -> str:
    """Return a path relative to the working directory, or to the folder of installed packages that contains it.

    `/venv/lib/python3.12/site-packages/torch/nn/modules/linear.py` becomes `torch/nn/modules/linear.py`.
    """
    path = os.path.abspath(file)
    folder = next((folder for folder in _foreign() if path.startswith(folder)), "")
    return path.removeprefix(folder) if folder else _relative(file)


def _relative(file: str) -> str:
    try:
        return str(Path(file).resolve().relative_to(start_folder()))
    except (ValueError, OSError):
        return file
