"""The models that a project names, in `[tool.bmvis]` of its pyproject.toml."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bmvis.errors import ProjectError, nearest
from bmvis.options import Device

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class NamedModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model of `[tool.bmvis.models]`: a table, or just its reference."""

    reference: str
    device: Device = "auto"
    python: str = ""
    """Another Python, for a model whose dependencies clash; torch and msgspec must be installed there. Relative to
    the project."""
    recorded: bool = False
    """Whether pages always show the snapshot, for a model whose environment is not where the site is built."""
    timeout: float = 0.0
    """Seconds; 0 is the site's own limit."""
    memory: int = 0
    """Bytes; 0 is the site's own limit."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: tuple[str, ...] = (".",)
    snapshots: str = "snapshots"
    models: dict[str, str | NamedModel] = {}


class Project(msgspec.Struct, frozen=True):
    """What pyproject.toml says."""

    folder: Path
    path: tuple[str, ...]
    """Folders for the front of `sys.path`, absolute."""
    snapshots: Path
    models: Mapping[str, NamedModel]

    @property
    def file(self) -> Path:
        """Return the file that has the names."""
        return self.folder / "pyproject.toml"

    def find(self, name: str) -> NamedModel:
        """Return the model of this name."""
        if name not in self.models:
            raise ProjectError(
                f"{name!r} is neither a reference (package.module:factory) nor a name in [tool.bmvis.models]",
                hint=nearest(name, self.models) or "pyproject.toml names no model",
            )
        return self.models[name]

    def name_of(self, reference: str, device: Device) -> str:
        """Return under which name the project has a reference; '' if it has none."""
        found = (n for n, m in self.models.items() if m.reference == reference and device in ("auto", m.device))
        return next(found, "")

    def python(self, model: NamedModel) -> str:
        """Return the path of the model's own Python; '' if it has none."""
        # Not resolved: what a virtual environment is, its link tells.
        return os.path.normpath(self.folder / model.python) if model.python else ""

    def snapshot(self, name: str) -> Path:
        """Return where the snapshot of a model is kept."""
        return self.snapshots / f"{name}.json"


def read_project(start: Path) -> Project:
    """Return what the nearest pyproject.toml with a `[tool.bmvis]` says, from `start` upwards.

    Raises:
        ProjectError: it says something that bmvis does not know.
    """
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        written = _read(file) if file.is_file() else None
        if written is not None:
            return _project(folder, written, file)
    return Project(start, (str(start),), start / "snapshots", {})


def project_folder(start: Path) -> Path:
    """Return the folder of the whole project: that of the repository, else of pyproject.toml, else `start`.

    A home directory or a root that happens to be a repository is no project.
    """
    found, home = start, Path(os.path.expanduser("~"))  # noqa: PTH111  # it may be unknown, and is then no error
    for folder in (start, *start.parents):
        if folder in (home, folder.parent):
            break
        if (folder / ".git").exists():
            return folder
        if found == start and (folder / "pyproject.toml").exists():
            found = folder
    return found


def _read(file: Path) -> object:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("bmvis")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(f"{file} does not parse: {error}", hint="fix the TOML syntax") from None


def _project(folder: Path, written: object, file: Path) -> Project:
    try:
        table = msgspec.convert(written, _Table)
    except msgspec.ValidationError as error:
        raise ProjectError(f"[tool.bmvis] in {file}: {error}", hint="known: path, snapshots, models") from None
    models = {name: NamedModel(m) if isinstance(m, str) else m for name, m in table.models.items()}
    folded: dict[str, str] = {}
    for name in models:
        if not _NAME.fullmatch(name) or _RESERVED.fullmatch(name):
            raise ProjectError(
                f"{name!r} cannot name a model in {file}: it names a file", hint="write letters, digits, - and _"
            )
        if folded.setdefault(name.lower(), name) != name:
            raise ProjectError(f"{name!r} and {folded[name.lower()]!r} in {file} are one file on some systems")
    path = tuple(str(folder / entry) for entry in table.path)
    return Project(folder, path, folder / table.snapshots, models)
