"""Find out from sources whether a factory of a module that is not imported may accept an argument.

A key of `[tool.bmvis.arguments]` can be a pattern of modules: `"zoo.*:build" = "width=2"`. In doubt, an argument counts
as accepted: classes inherit their arguments, and modules import functions from elsewhere.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path, PurePath
from typing import NamedTuple

from bmvis.untrusted.regular_file import read_regular

MAX_FILES = 500
"""Maximum number of files of a package that are read."""
MAX_BYTES = 10_000_000
_KNOWN = frozenset((*sys.stdlib_module_names, "torch"))
"""Packages from which a module imports no factory that a project gives default arguments."""


class _Query(NamedTuple):
    name: str
    """The argument."""
    modules: str
    """The pattern of modules."""
    attribute: str
    """The pattern of the names of callables, without the class around them."""


def may_be_accepted(name: str, modules: str, attribute: str) -> bool:
    """Return whether a callable of a module that is not imported may accept an argument.

    Args:
        name: the argument.
        modules: the pattern of modules. Its first part is the name of an imported package.
        attribute: the pattern of callables.
    """
    package = modules.partition(".")[0]
    folders = list(getattr(sys.modules.get(package), "__path__", ()))
    found = ((PurePath(folder), file) for folder in folders for file in sorted(Path(folder).rglob("*.py")))
    files = list(islice(found, MAX_FILES + 1))
    if len(files) > MAX_FILES:
        return True
    query = _Query(name, modules, attribute.rpartition(".")[2])
    named = ((_module_name(package, file.relative_to(folder)), file) for folder, file in files)
    missing = ((module, file) for module, file in named if module not in sys.modules and fnmatchcase(module, modules))
    return any(_may_accept(file, module, query) for module, file in missing)


def _module_name(package: str, file: PurePath) -> str:
    parts = (*file.parent.parts, *(() if file.stem == "__init__" else (file.stem,)))
    return ".".join((package, *parts))


def _may_accept(file: Path, module: str, query: _Query) -> bool:
    try:
        tree = ast.parse(read_regular(file, MAX_BYTES))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    package = module if file.stem == "__init__" else module.rpartition(".")[0]
    return any(_is_elsewhere(node, package, query) or _has_argument(node, query) for node in ast.walk(tree))


def _has_argument(node: ast.AST, query: _Query) -> bool:
    """Return whether a function has the argument, or takes any."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    takes_any = node.args.kwarg is not None and (node.name == "__init__" or _matches(node.name, query))
    return takes_any or any(one.arg == query.name for one in (*node.args.args, *node.args.kwonlyargs))


def _is_elsewhere(node: ast.AST, package: str, query: _Query) -> bool:
    """Return whether a name of the query is bound to an object whose arguments are not in this source."""
    if isinstance(node, ast.ClassDef):
        return _matches(node.name, query) and any(ast.unparse(base) != "nn.Module" for base in node.bases)
    if isinstance(node, ast.Assign):
        is_other = isinstance(node.value, ast.Lambda | ast.Name | ast.Attribute) or "partial" in ast.dump(node.value)
        return is_other and any(isinstance(one, ast.Name) and _matches(one.id, query) for one in node.targets)
    if not isinstance(node, ast.ImportFrom):
        return False
    source = _imported_module(node, package)
    is_known = fnmatchcase(source, query.modules) or source.partition(".")[0] in _KNOWN
    return not is_known and any(name == "*" or _matches(name, query) for name in _bound(node))


def _imported_module(node: ast.ImportFrom, package: str) -> str:
    parts = package.split(".")
    above = parts[: len(parts) - node.level + 1] if node.level else []
    return ".".join([*above, *([node.module] if node.module else [])])


def _bound(node: ast.ImportFrom) -> Iterator[str]:
    return (alias.asname or alias.name for alias in node.names)


def _matches(name: str, query: _Query) -> bool:
    return fnmatchcase(name, query.attribute)
