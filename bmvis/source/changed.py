"""Which models can have changed since a git revision, by the files that their modules import. Internal.

No code of the project runs: imports are read from the syntax trees. In doubt, a model counts as changed.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePath

from bmvis.errors import InvalidReferenceError
from bmvis.reference import parse_reference
from bmvis.source.pyproject import Project
from bmvis.source.revisions import changed_files
from bmvis.untrusted.regular_file import read_regular

MAX_BYTES = 10_000_000
_PROSE = (".md", ".rst")
"""Suffixes of files that no model depends on."""
_DYNAMIC = {"import_module", "__import__", "exec", "eval", "run_path", "run_module"}
"""Names that can import what the syntax does not show."""


class ChangedModels:
    """Models that can have changed since a git revision.

    Args:
        project: the project.
        revision: the git revision.

    Raises:
        SnapshotError: git cannot compare the revision with the working tree.
    """

    def __init__(self, project: Project, revision: str) -> None:
        self._project = project
        self._changed = changed_files(project.folder, revision)

    def has(self, name: str) -> bool:
        """Return whether a model can have changed."""
        model = self._project.find(name)
        try:
            reference = parse_reference(model.reference)
        except InvalidReferenceError:
            return True
        if self._project.snapshot(name) in self._changed or self._other_files:
            return True
        if reference.file:
            path = Path(os.path.normpath(self._project.folder / reference.file))
            return any(path == file or path in file.parents for file in self._changed)
        return self._depends_on_changed(reference.module)

    @cached_property
    def _other_files(self) -> frozenset[Path]:
        """Changed files that any factory could read."""
        return frozenset(
            file
            for file in self._changed
            if file.suffix != ".py" and file.suffix not in _PROSE and file.parent != self._project.snapshots
        )

    def _depends_on_changed(self, module: str) -> bool:
        if not any(file.suffix == ".py" for file in self._changed):
            return False
        known = {module}
        pending = [module]
        while pending:
            name = pending.pop()
            for file in self._candidates(name):
                if file in self._changed:
                    return True
                imported = _imports(file, name) if file.is_file() else set()
                if imported is None:
                    return True
                pending += imported - known
                known |= imported
        return False

    def _candidates(self, module: str) -> Iterator[Path]:
        """Yield the files that an import of a module reads, or would read if they were there."""
        parts = module.split(".")
        for folder in self._project.path:
            for end in range(1, len(parts) + 1):
                path = Path(os.path.normpath(PurePath(folder, *parts[:end])))
                yield path / "__init__.py"
                yield path.with_name(f"{path.name}.py")


def _imports(file: Path, module: str) -> set[str] | None:
    """Return the modules that a file imports, and names that can be modules; None if they cannot be read."""
    try:
        tree = ast.parse(read_regular(file, MAX_BYTES))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(tree):
        if getattr(node, "id", getattr(node, "attr", "")) in _DYNAMIC:
            return None
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = _absolute(package, node.level, node.module or "")
            found.update({above, *(f"{above}.{alias.name}" for alias in node.names if alias.name != "*")})
    return {name for name in found if name}


def _absolute(package: str, level: int, name: str) -> str:
    """Return the absolute name of a relative import: https://docs.python.org/3/reference/import.html#package-relative-imports."""
    if not level:
        return name
    parts = package.split(".") if package else []
    above = parts[: len(parts) - level + 1]
    return ".".join([*above, *([name] if name else [])])
