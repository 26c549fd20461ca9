"""Read the named models of a project from `[tool.bmvis]` in pyproject.toml."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bmvis.errors import ProjectError, nearest
from bmvis.options import Device
from bmvis.tables.own_columns import column_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class NamedModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model of `[tool.bmvis.models]`: a table, or only its reference."""

    reference: str
    device: Device = "auto"
    python: str = ""
    """Another Python for a model with conflicting dependencies; torch and msgspec must be installed there. The path is
    relative to the project."""
    recorded: bool = False
    """Whether pages always show the snapshot, for a model that cannot be built in the environment of the docs build."""
    timeout: float = 0.0
    """Timeout in seconds; 0 is the setting of the site."""
    memory: int = 0
    """Memory limit in bytes; 0 is the setting of the site."""
    columns: dict[str, str | int | float | bool] = {}
    """Values for the columns of tables that bmvis can't compute, such as `{accuracy = 76.1}`."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: tuple[str, ...] = (".",)
    snapshots: str = "snapshots"
    models: dict[str, str | NamedModel] = {}


class Project(msgspec.Struct, frozen=True):
    """The settings in `[tool.bmvis]`."""

    folder: Path
    path: tuple[str, ...]
    """Absolute paths of folders for the front of `sys.path`."""
    snapshots: Path
    models: Mapping[str, NamedModel]

    @property
    def file(self) -> Path:
        """Return the path of pyproject.toml."""
        return self.folder / "pyproject.toml"

    def find(self, name: str) -> NamedModel:
        """Return the model with this name.

        Raises:
            ProjectError: there is no such name.
        """
        if name not in self.models:
            raise ProjectError(
                f"{name!r} is neither a reference (package.module:factory) nor a name in [tool.bmvis.models]",
                hint=nearest(name, self.models) or "pyproject.toml defines no models",
            )
        return self.models[name]

    def name_of(self, reference: str, device: Device) -> str:
        """Return the name of a reference in the project; '' if it has none."""
        found = (n for n, m in self.models.items() if m.reference == reference and device in ("auto", m.device))
        return next(found, "")

    @property
    def own_columns(self) -> dict[str, dict[str, str]]:
        """Return the columns that the models set for tables, by name and by reference."""
        found: dict[str, dict[str, str]] = {}
        for name, model in self.models.items():
            columns = {column: column_text(value) for column, value in model.columns.items()}
            found[name] = columns
            found.setdefault(model.reference, columns)
        return found

    def python(self, model: NamedModel) -> str:
        """Return the path of the Python that the model sets; '' if it sets none."""
        # Not resolved: Python finds its virtual environment by the path of the link.
        return os.path.normpath(self.folder / model.python) if model.python else ""

    def snapshot(self, name: str) -> Path:
        """Return the path of the snapshot of a model."""
        return self.snapshots / f"{name}.json"


def read_project(start: Path) -> Project:
    """Return the settings of the nearest pyproject.toml with `[tool.bmvis]`, from `start` upwards.

    Raises:
        ProjectError: the file does not parse, or has an unknown key, a wrong type, or an invalid name.
    """
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        written = _read(file) if file.is_file() else None
        if written is not None:
            return _project(folder, written, file)
    return Project(start, (str(start),), start / "snapshots", {})


def project_folder(start: Path) -> Path:
    """Return the folder of the project: that of the Git repository, else of pyproject.toml, else `start`.

    A home directory or a root directory does not count as a project, even if it is a repository.
    """
    found, home = start, Path(os.path.expanduser("~"))  # noqa: PTH111  # no error if the home folder is unknown
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
                f"{name!r} in {file} is not a valid model name, because it is also a file name",
                hint="use letters, digits, - and _",
            )
        if folded.setdefault(name.lower(), name) != name:
            raise ProjectError(
                f"{name!r} and {folded[name.lower()]!r} in {file} are the same file name on some systems",
                hint="use names that differ in more than case",
            )
    path = tuple(str(folder / entry) for entry in table.path)
    return Project(folder, path, folder / table.snapshots, models)
