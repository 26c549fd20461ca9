"""Read the named models of a project from `[tool.bmvis]` in pyproject.toml."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bmvis.comparison.ignored import NOTHING, Ignored, parse_ignored
from bmvis.errors import ProjectError, did_you_mean, nearest, similar
from bmvis.lazy_regex import lazy_regex
from bmvis.options.definitions import Device
from bmvis.reference import Reference
from bmvis.source.default_arguments import Defaults, matching, read_defaults
from bmvis.source.name_patterns import ModelSettings, NamedModel, NamePattern, read_pattern
from bmvis.source.settings_table import settings_of_table
from bmvis.untrusted.toml_text import parse_toml

_Value = TypeVar("_Value")
_NAME = lazy_regex(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_RESERVED = lazy_regex(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class _BmvisTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: tuple[str, ...] | None = None
    snapshots: str = "snapshots"
    models: dict[str, Any] = {}
    arguments: dict[str, str] = {}
    """Default arguments for the factories that match a pattern: `"zoo:*" = "pretrained=False"`. A factory gets those
    that it accepts and that its reference does not set."""
    ignore: tuple[str, ...] = ()
    """Changes that `bmvis check` ignores: the name of an argument (`dropout`), a path and a name (`head.*:p`), or a
    class of changes (`cosmetic`)."""


class Project(msgspec.Struct, frozen=True):
    """The settings in `[tool.bmvis]`."""

    folder: Path
    path: tuple[str, ...]
    """Absolute paths of folders for the front of `sys.path`."""
    snapshots: Path
    models: Mapping[str, NamedModel]
    """The models that the file names one by one."""
    patterns: tuple[NamePattern, ...] = ()
    """Patterns that name more models."""
    ignored: Ignored = NOTHING
    """Changes that are not counted."""
    shared_path: tuple[str, ...] = ()
    """The same as `path` if the table sets it, else empty: references without a name use these folders, too."""
    arguments: Defaults = ()
    """Default arguments of factories."""

    @property
    def file(self) -> Path:
        """Return the path of pyproject.toml."""
        return self.folder / "pyproject.toml"

    def find(self, name: str) -> NamedModel:
        """Return the model with this name.

        Raises:
            ProjectError: there is no such name.
        """
        found = self.models.get(name) or self._by_pattern(name)
        if found is None:
            raise self.unknown(name)
        return found

    def unknown(self, name: str, hint: str = "") -> ProjectError:
        """Return the error for a name that no model has.

        Args:
            name: the name.
            hint: the suggestion if no model has a similar name.
        """
        return ProjectError(
            f"{name!r} is neither a reference (package.module:factory) nor a name in [tool.bmvis.models]",
            hint=similar(name, self.models)
            or hint
            or _with_colon(name)
            or nearest(name, self.models)
            or "pyproject.toml defines no models",
        )

    @property
    def has_names(self) -> bool:
        """Return whether the file names any models."""
        return bool(self.models or self.patterns)

    def name_of(self, reference: str, device: Device) -> str:
        """Return the name of a reference in the project; '' if it has none."""
        names = self._names_of(reference, self._listed_names())
        return next((name for name in names if device in ("auto", self.find(name).device)), "")

    def _names_of(self, reference: str, listed: Mapping[str, list[str]]) -> list[str]:
        """Return the names of a reference; `listed` has those of models without a pattern."""
        return listed.get(reference) or [name for pattern in self.patterns if (name := pattern.name_of(reference))]

    def _listed_names(self) -> dict[str, list[str]]:
        """Return the names of models without a pattern, by reference."""
        listed: dict[str, list[str]] = {}
        for name, model in self.models.items():
            listed.setdefault(model.reference, []).append(name)
        return listed

    def by_names_and_references(self, found: Mapping[str, _Value]) -> dict[str, _Value]:
        """Return values by what pages wrote for a model, also by its other names and by its reference.

        Args:
            found: values by name or reference. They have priority over those of another spelling.
        """
        known = dict(found)
        for written, value in found.items():
            named = self.models.get(written) or self._by_pattern(written)
            if named:
                known.setdefault(named.reference, value)
        listed = self._listed_names()
        for reference, value in tuple(known.items()):
            for name in self._names_of(reference, listed):
                known.setdefault(name, value)
        return known

    @property
    def own_columns(self) -> dict[str, dict[str, str]]:
        """Return the columns that the models set for tables, by name and by reference."""
        from bmvis.overviews.own_columns import column_text  # only tables need columns

        found: dict[str, dict[str, str]] = {}
        for name, model in self.models.items():
            columns = {column: column_text(value) for column, value in model.columns.items()}
            found[name] = columns
            found.setdefault(model.reference, columns)
        return found

    def defaults(self, reference: Reference) -> Defaults:
        """Return the entries of `arguments` that can apply to a reference, or to the models that a pattern finds."""
        return matching(self.arguments, reference)

    def has_name(self, name: str) -> bool:
        """Return whether a model has this name."""
        return name in self.models or self._by_pattern(name) is not None

    def recorded_names(self) -> Iterator[str]:
        """Yield the names that patterns give to models, as far as they have snapshots."""
        for file in sorted(self.snapshots.glob("*.json")) if self.patterns else ():
            if file.stem not in self.models and self._by_pattern(file.stem):
                yield file.stem

    def _by_pattern(self, name: str) -> NamedModel | None:
        """Return the model that a pattern gives a name. A reference that has a name in the file has no other one."""
        own = {model.reference for model in self.models.values()}
        found = (pattern.model(name) for pattern in self.patterns)
        return next((model for model in found if model and model.reference not in own), None)

    def python(self, model: ModelSettings) -> str:
        """Return the path of the Python that the model sets; '' if it sets none."""
        # Not resolved: Python finds its virtual environment by the path of the link.
        return os.path.normpath(self.folder / model.python) if model.python else ""

    def snapshot(self, name: str) -> Path:
        """Return the path of the snapshot of a model."""
        return self.snapshots / f"{name}.json"


def _with_colon(name: str) -> str:
    """Return a hint for a reference with a dot in place of the colon; '' for other texts.

    Examples:
        >>> _with_colon("zoo.bert")
        "did you mean 'zoo:bert'?"
    """
    module, _, factory = name.rpartition(".")
    if not all(part.isidentifier() for part in name.split(".")) or not module:
        return ""
    return did_you_mean([f"{module}:{factory}"]) if factory != "py" else f"write {module}:factory"


def read_project(start: Path) -> Project:
    """Return the settings of the nearest pyproject.toml with `[tool.bmvis]`, from `start` upwards.

    Raises:
        ProjectError: the file does not parse, or has an unknown key, a wrong type, or an invalid name.
    """
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        found = _project(file, file.read_bytes()) if file.is_file() else None
        if found is not None:
            return found
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


@lru_cache(16)
def _project(file: Path, content: bytes) -> Project | None:
    """Return the settings in a file; None without `[tool.bmvis]`. The models of a site all depend on one file."""
    written = _bmvis_table(file, content)
    if written is None:
        return None
    folder = file.parent
    table = settings_of_table(written, _BmvisTable, f"[tool.bmvis] in {file}")
    patterns = tuple(read_pattern(key, entry, str(file)) for key, entry in table.models.items() if ":" in key)
    models = {name: _named(name, entry, file) for name, entry in table.models.items() if ":" not in name}
    require_file_names(models, file)
    shared = tuple(str(folder / entry) for entry in table.path or ())
    path = (str(folder),) if table.path is None else shared
    ignored, arguments = parse_ignored(table.ignore), read_defaults(table.arguments, str(file))
    return Project(folder, path, folder / table.snapshots, models, patterns, ignored, shared, arguments)


def _bmvis_table(file: Path, content: bytes) -> object:
    try:
        return parse_toml(content.decode()).get("tool", {}).get("bmvis")
    except ValueError as error:
        raise ProjectError(f"{file} does not parse: {error}", hint="fix the TOML syntax") from None


def _named(name: str, written: object, file: Path) -> NamedModel:
    if isinstance(written, str):
        return NamedModel(reference=written)
    return settings_of_table(written, NamedModel, f"[tool.bmvis.models] in {file}, {name!r}")


def require_file_names(names: Iterable[str], file: Path) -> None:
    """Require names of models that are names of files, on every system.

    Raises:
        ProjectError: a name is not valid, or two names differ in case only.
    """
    folded: dict[str, str] = {}
    for name in names:
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
