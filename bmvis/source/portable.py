"""Remove paths and addresses of the build machine from texts, so that pages are reproducible and leak no user names.

Paths in the folders of the project, of installed packages, of Python, and of the user are shortened. Addresses of
objects are removed. Internal.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from bmvis.errors import BmvisError
from bmvis.lazy_regex import lazy_regex
from bmvis.model.tree import Model, Module, Problem
from bmvis.source.pyproject import project_folder
from bmvis.untrusted.file_names import readable, utf8
from bmvis.worker.folder_name import NAME_PATTERN
from bmvis.worker.protocol import Failed

_ADDRESS = lazy_regex(r" at 0x[0-9a-fA-F]{6,}")
_START = r"(?:(?<![\w/.~-])|(?<=file://)|(?<=[\s'\"=]-[A-Z])|(?<![\w/.~:-])/+)"
"""A path does not start in the middle of another path, but after `file://` and options such as `-I`. It can start with
more than one slash."""
_SEPARATORS = "/", "\\", quote("\\")
"""A text with a path has one of these: as a file system or a URI writes it."""
_INSIDE = rf"{_START}(?:[A-Za-z]:)?[\\/][^\s'\":]*?[\\/]"


class _Folder(NamedTuple):
    """A known folder in texts. Its pattern is compiled for a text that has its sign: most have no path of any."""

    sign: str
    """A part of each text that the pattern matches."""
    pattern: str
    short: str
    """What replaces the match."""


_INSTALLED = _Folder("-packages", rf"{_INSIDE}(?:site|dist)-packages[\\/]", "")
_LIBRARY = _Folder("python3.", rf"{_INSIDE}lib[\\/]python3\.\d+[\\/]", "")


def portable_text(text: str, cwd: Path) -> str:
    """Return text with shortened paths.

    Args:
        text: a text for a page.
        cwd: a folder of the project.
    """
    text = readable(text)
    folders = _folders(cwd) if _may_have_path(text) else ()
    for folder in folders:
        if folder.sign in text:
            text = re.sub(folder.pattern, folder.short, text)
    return _ADDRESS.sub(" at 0x…", text)


def portable_error(error: BmvisError, cwd: Path) -> BmvisError:
    """Return an error of the same kind with shortened paths."""
    message, hint, detail = (portable_text(text, cwd) for text in (error.message, error.hint, error.detail))
    if (message, hint, detail) == (error.message, error.hint, error.detail):
        return error
    found = type(error)(message, hint=hint, detail=detail)
    found.dependencies, found.is_transient = error.dependencies, error.is_transient
    return found


def portable_failure(failed: Failed, cwd: Path) -> Failed:
    """Return a failure with shortened paths."""
    message, hint, detail = (portable_text(text, cwd) for text in (failed.message, failed.hint, failed.detail))
    return msgspec.structs.replace(failed, message=message, hint=hint, detail=detail)


def portable_model(model: Model, cwd: Path) -> Model:
    """Return a model whose texts have shortened paths: notes, problems, and the `extra_repr` of modules."""
    notes = tuple(portable_text(note, cwd) for note in model.notes)
    modules = tuple(_portable_module(module, cwd) for module in model.modules)
    before = (model.untraced, model.undrawn, model.incomplete)
    problems = tuple(_portable_problem(problem, cwd) for problem in before)
    is_same = (notes, problems) == (model.notes, before)
    if is_same and all(now is before for now, before in zip(modules, model.modules, strict=True)):
        return model
    untraced, undrawn, incomplete = problems
    return msgspec.structs.replace(
        model, modules=modules, untraced=untraced, undrawn=undrawn, incomplete=incomplete, notes=notes
    )


def _portable_problem(problem: Problem | None, cwd: Path) -> Problem | None:
    if problem is None:
        return None
    return Problem(*(portable_text(text, cwd) for text in (problem.message, problem.hint, problem.detail)))


def _portable_module(module: Module, cwd: Path) -> Module:
    """Return the module itself if no text of it can have a path, as in nearly all models."""
    settings = module.settings or {}
    if not any(map(_may_have_path, (module.extra_repr, *settings.values()))):
        return module
    return msgspec.structs.replace(
        module,
        extra_repr=portable_text(module.extra_repr, cwd),
        settings=module.settings and {name: portable_text(text, cwd) for name, text in settings.items()},
    )


def _may_have_path(text: str) -> bool:
    return any(separator in text for separator in _SEPARATORS)


@lru_cache(maxsize=8)
def _folders(cwd: Path) -> tuple[_Folder, ...]:
    """Return the known folders; inner folders come first."""
    project, temporary = project_folder(cwd), Path(tempfile.gettempdir())
    return (
        *_patterns(temporary, "<tmp>/", "<tmp>", rf"[\\/]{NAME_PATTERN}"),
        *_patterns(project, "", "."),
        _INSTALLED,
        _LIBRARY,
        *_patterns(Path(__file__).parents[1], "bmvis/", "bmvis"),
        *_patterns(Path(sys.prefix), "<python>/", "<python>"),
        *_patterns(Path(sys.base_prefix), "<python>/", "<python>"),
        *_patterns(temporary, "<tmp>/", "<tmp>"),
        *_patterns(Path(os.path.expanduser("~")), "~/", "~"),  # noqa: PTH111  # no error if the home folder is unknown
    )


def _patterns(folder: Path, inside: str, itself: str, below: str = "") -> Iterator[_Folder]:
    if not folder.is_absolute() or folder == folder.parent:
        return
    for spelled in _spellings(str(folder), os.path.realpath(folder)):
        escaped = re.escape(spelled) + below
        yield _Folder(spelled, rf"{_START}{escaped}[\\/]", inside)
        yield _Folder(spelled, rf"{_START}{escaped}(?![\w.-])", itself)


def _spellings(*folders: str) -> Iterable[str]:
    """Return paths as texts of this process, of a worker process, and of URIs have them."""
    return dict.fromkeys(
        spelled for folder in folders for spelled in (readable(folder), utf8(folder), quote(os.fsencode(folder)))
    )
