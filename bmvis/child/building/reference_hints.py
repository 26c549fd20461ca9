"""Suggestions for references whose module or attribute does not exist."""

from __future__ import annotations

import itertools
import os
import pkgutil
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from bmvis.child import tracebacks
from bmvis.child.building import listing
from bmvis.errors import MAX_CHOICES, first_of, nearest, similar

_FILES = 500
"""Maximum number of files of a package in which a name is looked for."""
_CHARACTERS = 1 << 20
_KEYS = 1000
"""Maximum number of keys of a dictionary that are looked at."""


def for_module(missing: str) -> str:
    """Return the module with the most similar name in the searched folders, or the folders that were searched."""
    if missing.endswith(".py"):
        return f"a reference names a module, not a file: write {missing.removesuffix('.py')}:factory"
    if len(missing) == 1 and missing.isupper():
        return f"a reference names a module: {missing}: looks like the drive of a path; write package.module:factory"
    package, _, name = missing.rpartition(".")
    folders = list(getattr(sys.modules[package], "__path__", ())) if package else _project_folders()
    if not package and (found := _folder_off_path(name)):
        return f"found one in {found}: add this folder to `path`"
    if not package and any(Path(folder).name == name for folder in folders):
        return f"{name} is a folder of `path`, which has modules: leave {name!r} out of the reference"
    known = [module.name for module in pkgutil.iter_modules(folders)]
    return similar(name, known, prefix=f"{package}." if package else "") or (
        f"install the package, or add its folder to `path`; searched {', '.join(folders) or 'installed packages'}"
        f"{_missing_folders()}"
    )


def _folder_off_path(name: str) -> str | None:
    """Return the project folder that contains a module but is not on the path, such as `src`."""
    here = Path.cwd()
    with os.scandir(here) as entries:  # `Path.is_dir` would make each file in the folder a cause of the failure
        below = sorted(Path(entry.path) for entry in entries if entry.is_dir())
    for folder in (here, *below, here.parent, here.parent / "src"):
        if (folder / name / "__init__.py").is_file() or (folder / f"{name}.py").is_file():
            return os.path.relpath(folder)
    return None


def _project_folders() -> list[str]:
    """Return the folders of `sys.path` that belong to the project: those of the settings, and the working directory."""
    folders = dict.fromkeys(os.path.abspath(entry) for entry in sys.path)
    return [folder for folder in folders if Path(folder).is_dir() and not tracebacks.is_foreign(folder)]


def _missing_folders() -> str:
    """Return which folders of the settings do not exist, as the end of a hint; '' if all do."""
    folders = [folder for folder in dict.fromkeys(map(os.path.abspath, sys.path)) if not folder.endswith(".zip")]
    missing = [folder for folder in folders if not Path(folder).exists() and not tracebacks.is_foreign(folder)]
    return f"; {', '.join(missing)} in `path` does not exist" if missing else ""


def for_attribute(name: str, holder: Any, where: str = "") -> str:
    """Return the submodule that defines the name, or the attribute or key with the most similar name.

    Args:
        name: the missing name.
        holder: the object without such an attribute.
        where: the reference to the object, such as `zoo:MODELS`.
    """
    if isinstance(holder, ModuleType) and (found := _in_submodule(name, holder)):
        return f"did you mean {f'{found}:{name}'!r}?"
    if isinstance(holder, Mapping):
        return in_container(holder, where) if name not in holder else f"did you mean {f'{where}[{name!r}]'!r}?"
    known = [n for n in dir(holder) if not n.startswith("_") and callable(getattr(holder, n, None))]
    return nearest(name, known) if len(known) < 20 else similar(name, known) or "check the spelling"


def for_object(target: Any, where: str) -> str:
    """Return what to write instead of a reference to an object that is no factory; '' if that is unknown."""
    if isinstance(target, ModuleType):
        return f"write package.module:factory, such as {in_module(target)}"
    if isinstance(target, Mapping | list | tuple):
        return in_container(target, where)
    return ""


def in_container(holder: Mapping[Any, Any] | Sequence[Any], where: str) -> str:
    """Return a reference to a value of a dictionary or list, with the known keys."""
    if isinstance(holder, Mapping):
        keys = [key for key in itertools.islice(holder, _KEYS) if type(key) in (str, int)]
        known = f" (known: {first_of([str(key) for key in keys], MAX_CHOICES)})"
    else:
        keys, known = list(range(len(holder)))[:1], f" (it has {len(holder)} items)"
    return f"write a key, such as {where}[{keys[0]!r}]{known}" if keys else "it is empty"


def _in_submodule(name: str, package: ModuleType) -> str:
    """Return the submodule of a package that defines a name, or ''. Sources are read, not imported."""
    defines = re.compile(rf"^(?:def|class)\s+{re.escape(name)}\b|^{re.escape(name)}\s*[:=]", re.MULTILINE)
    for folder in getattr(package, "__path__", ()):
        for file in itertools.islice(sorted(Path(folder).rglob("*.py")), _FILES):
            parts = file.relative_to(folder).with_suffix("").parts
            if all(part.isidentifier() for part in parts) and defines.search(_text(file)):
                return ".".join((package.__name__, *(part for part in parts if part != "__init__")))
    return ""


def _text(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            return opened.read(_CHARACTERS)
    except OSError:
        return ""  # such as a broken link: the import of the package did not need it


def in_module(module: ModuleType) -> str:
    """Return a reference to a factory of a Python module."""
    found = listing.model_names(module)
    return f"{module.__name__}:{found[0] if found else 'build'}"
