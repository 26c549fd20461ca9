"""Which models can have changed since a git revision, by the files that their modules import or name. Internal.

No code of the project runs: imports are read from the syntax trees. In doubt, a model counts as changed: a module that
is in no folder of the project's `path` can be in any folder of the repository, because a package can be installed as
editable.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from pathlib import Path, PurePath
from typing import NamedTuple

from bmvis.errors import InvalidReferenceError, OptionError
from bmvis.options.inputs import parse_inputs
from bmvis.reference import Reference, parse_reference
from bmvis.reference_arguments import DOTTED
from bmvis.source.pyproject import Project
from bmvis.source.revisions import changed_files, python_files
from bmvis.untrusted.regular_file import read_regular

MAX_BYTES = 10_000_000
_PROSE = (".md", ".rst")
"""Suffixes of files that no model depends on."""
_DYNAMIC = frozenset(
    (
        "Popen", "__import__", "__path__", "addsitedir", "entry_points", "eval", "exec", "exec_module",
        "import_module", "instantiate", "iter_modules", "load_module", "locate", "popen", "posix_spawn",
        "resolve_name", "run_module", "run_path", "spec_from_file_location", "subprocess", "walk_packages",
    )
)  # fmt: skip
"""Names that can import or run what the syntax does not show."""
_DYNAMIC_ATTRIBUTES = frozenset((("os", "system"), ("sys", "path")))
"""Names that are others in other modules, such as `platform.system`."""
_WORD = re.compile(r"\w+")
_MODULE = re.compile(rf"{DOTTED.pattern}(?=:|$)")
"""The name of a module at the start of a text, which can also have the name of an object: `zoo.nets:build`."""
_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class _Uses(NamedTuple):
    """What a module uses."""

    modules: frozenset[str] = frozenset()
    """The modules that it imports, and names that can be modules."""
    words: frozenset[str] = frozenset()
    """The words of its texts, apart from docstrings, and of the names that it imports: they can name a file."""
    named: frozenset[str] = frozenset()
    """What its texts are if they name modules, which libraries import: registries, and packages that load lazily."""


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
        self._uses = cache(_uses)
        """Returns what a file uses: models of one project import the same modules."""

    def has(self, name: str) -> bool:
        """Return whether a model can have changed."""
        model = self._project.find(name)
        try:
            reference, function = parse_reference(model.reference), _function_of(model.inputs)
        except (InvalidReferenceError, OptionError):
            return True
        if self._is_changed(self._project.snapshot(name)) or self._other_files:
            return True
        if reference.file:
            path = Path(os.path.realpath(self._project.folder / reference.file))
            return any(path == file or path in file.parents for file in self._changed)
        modules = [reference.module, *([function.module] if function else [])]
        return any(map(self._depends_on_changed, modules))

    @cached_property
    def _other_files(self) -> frozenset[Path]:
        """Changed files that any factory could read."""
        snapshots = Path(os.path.realpath(self._project.snapshots))
        return frozenset(
            file
            for file in self._changed
            if file.suffix != ".py" and file.suffix not in _PROSE and file.parent != snapshots
        )

    def _depends_on_changed(self, module: str) -> bool:
        if not any(file.suffix == ".py" for file in self._changed):
            return False
        known = {module}
        pending = [module]
        seen: set[tuple[str, Path]] = set()
        while pending:
            found = set(self._candidates(pending.pop())) - seen
            seen |= found
            for name, file in found:
                if self._is_changed(file):
                    return True
                uses = self._uses(file, name) if file.is_file() else _Uses()
                if uses is None or not uses.words.isdisjoint(self._stems):
                    return True
                used = uses.modules | {text for text in uses.named if text.rpartition(".")[2] in self._modules}
                pending += used - known
                known |= used
        return False

    @cached_property
    def _stems(self) -> frozenset[str]:
        """The names by which code can load changed modules from any folder, such as one that it adds to `sys.path`."""
        files = (file for file in self._changed if file.suffix == ".py")
        return frozenset(file.parent.name if file.stem in ("__init__", "__main__") else file.stem for file in files)

    def _candidates(self, module: str) -> Iterator[tuple[str, Path]]:
        """Yield the files that an import of a module reads, or would read if they were there, with their modules."""
        parts = module.split(".")
        is_on_path = self._is_on_path(parts[0])
        for end in range(1, len(parts) + 1):
            name, above = ".".join(parts[:end]), tuple(parts[: end - 1])
            for folder in self._project.path:
                for file in _files_of(Path(os.path.normpath(PurePath(folder, *parts[:end])))):
                    yield name, file
            for parents, file in () if is_on_path else self._modules.get(parts[end - 1], ()):
                if parents[len(parents) - len(above) :] == above:
                    yield name, file

    def _is_on_path(self, name: str) -> bool:
        """Return whether a folder of `path` has a top-level module or package, which is found before all others."""
        return any(file.is_file() for folder in self._project.path for file in _files_of(Path(folder, name)))

    @cached_property
    def _modules(self) -> dict[str, list[tuple[tuple[str, ...], Path]]]:
        """The Python sources of the repository, and the folders they are in, by the last part of their module names."""
        found: dict[str, list[tuple[tuple[str, ...], Path]]] = {}
        for file in sorted(python_files(self._project.folder) | self._changed):
            path = file.parent if file.name == "__init__.py" else file.with_suffix("")
            found.setdefault(path.name, []).append((path.parent.parts, file))
        return found

    def _is_changed(self, file: Path) -> bool:
        """Return whether a file has changed, also if it is reached through links: git knows the paths without them."""
        folder = os.path.realpath(file.parent)
        return not self._changed.isdisjoint((file, Path(folder, file.name), Path(os.path.realpath(file))))


def _function_of(inputs: str) -> Reference | None:
    """Return the function that makes the inputs of a model, if there is one."""
    found = parse_inputs(inputs) if inputs else ()
    return found if isinstance(found, Reference) else None


def _files_of(path: Path) -> tuple[Path, Path]:
    """Return the files in which a module can be, of its path without a suffix."""
    return path / "__init__.py", path.with_name(f"{path.name}.py")


def _uses(file: Path, module: str) -> _Uses | None:
    """Return what a file uses; None if that cannot be read from it."""
    try:
        nodes = list(ast.walk(ast.parse(read_regular(file, MAX_BYTES))))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in nodes:
        if _is_dynamic(node):
            return None
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = _absolute(package, node.level, node.module or "")
            found.update({above, *(f"{above}.{alias.name}" for alias in node.names if alias.name != "*")})
    texts = frozenset(_texts(nodes))
    words = frozenset(word for text in (*found, *texts) for word in _WORD.findall(text))
    named = {name[0] for text in texts if (name := _MODULE.match(text))}
    named |= {f"{package}.{name}" for name in named if package}
    return None if not _DYNAMIC.isdisjoint(words) else _Uses(frozenset(filter(None, found)), words, frozenset(named))


def _texts(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the texts in code that are no docstrings."""
    docstrings = {ast.get_docstring(node, clean=False) for node in nodes if isinstance(node, _WITH_DOCSTRING)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in docstrings:
            yield node.value


def _is_dynamic(node: ast.AST) -> bool:
    """Return whether a node names something that can import or run what the syntax does not show."""
    if isinstance(node, ast.Attribute) and (getattr(node.value, "id", ""), node.attr) in _DYNAMIC_ATTRIBUTES:
        return True
    return getattr(node, "id", getattr(node, "attr", "")) in _DYNAMIC


def _absolute(package: str, level: int, name: str) -> str:
    """Return the absolute name of a relative import: https://docs.python.org/3/reference/import.html#package-relative-imports."""
    if not level:
        return name
    parts = package.split(".") if package else []
    above = parts[: len(parts) - level + 1]
    return ".".join([*above, *([name] if name else [])])
