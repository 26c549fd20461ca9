"""Find the line to fix if a model cannot be built: of the project's code, or of pyproject.toml. Internal."""

from __future__ import annotations

import re
from pathlib import Path

from bmvis.errors import BmvisError
from bmvis.lazy_regex import lazy_regex
from bmvis.source.pyproject import Project, project_folder

_FRAME = lazy_regex(r'(?m)^ *File "(?P<file>[^"\n]+)", line (?P<line>\d+)')


def failure_place(error: BmvisError, name: str, project: Project) -> tuple[Path, int]:
    """Return the file and the line to fix.

    Args:
        error: why the model could not be built.
        name: the name of the model, or a pattern of pyproject.toml.
        project: the project.
    """
    root = project_folder(project.folder)
    for frame in reversed(list(_FRAME.finditer(error.detail))):
        for base in (project.folder, root):  # paths are relative to the one, after `portable_error` to the other
            file = (base / frame["file"]).resolve()
            if file.is_relative_to(root) and file.is_file():
                return file, int(frame["line"])
    return project.file, _line_of_name(project.file, name)


def _line_of_name(file: Path, name: str) -> int:
    """Return the line that defines a model, or 1 if a pattern does."""
    key = rf'(?:{re.escape(name)}|"{re.escape(name)}"|\'{re.escape(name)}\')'
    table = re.compile(rf"\s*(?:{key}\s*=|\[\s*tool\.bmvis\.models\.{key}\s*\]|{key}\s*\.)")
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return 1
    start = next((index for index, line in enumerate(lines) if line.strip().startswith("[tool.bmvis.models")), 0)
    return next((index + 1 for index, line in enumerate(lines[start:], start) if table.match(line)), start + 1)
