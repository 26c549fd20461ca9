"""Extension of griffe: trees below the modules that mkdocstrings documents.

The maintainers of mkdocstrings recommend extensions of griffe for content that depends on the object, and templates for
how objects are drawn. The extension adds an element to the docstring, which the Markdown extension draws.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from html import escape
from typing import Any

from griffe import Alias, Class, Docstring, Extension, Function, GriffeLoader, Object, ParameterKind
from griffe import Module as PythonModule

from bmvis.options.class_rules import class_reference, parse_rules, without_tree
from bmvis.options.markup_names import NAME

LOG = logging.getLogger("mkdocs.plugins.bmvis")
_ROOTS = re.compile(
    r"torch\.nn\.(modules\.module\.)?Module|torch\.nn\.(modules\.container\.)?(Sequential|ModuleList|ModuleDict)"
    r"|(lightning\.pytorch|pytorch_lightning|lightning)\.(core\.module\.)?LightningModule"
)
"""Classes of libraries, which need no arguments themselves."""
_LIBRARY = re.compile(r"torch\.nn\.|transformers\.(\w+\.)*PreTrainedModel$")
"""Other classes of libraries, which need some."""
_SECTION = {
    "numpy": re.compile(r"^[ \t]*\w[\w ]*\n[ \t]*-{3,}[ \t]*$", re.MULTILINE),
    "sphinx": re.compile(r"^[ \t]*:\w[^:\n]*:", re.MULTILINE),
}
"""Where the sections of a docstring start, in styles whose last section extends to the end."""
_VARIABLE = (ParameterKind.var_positional, ParameterKind.var_keyword)


class ModuleTrees(Extension):
    """Adds a tree to the docstring of each class that is a `torch.nn.Module`.

    Args:
        arguments: patterns of dotted names with the arguments of the classes; true for all classes.
    """

    def __init__(self, arguments: Any = True) -> None:
        super().__init__()
        self._rules = parse_rules(arguments, "arguments of mkdocs_bmvis.griffe_extension")
        self._without: set[str] = set()

    def on_package(self, *, pkg: PythonModule, loader: GriffeLoader, **kwargs: Any) -> None:
        """Add the trees of a package, and log once which classes have none."""
        style = str(loader.docstring_parser or "")
        found = {cls.canonical_path for cls in _classes(pkg) if not self._add_tree(cls, style)}
        names = sorted(found - self._without)
        self._without.update(names)
        if names:
            LOG.info("%s", without_tree(names, "'arguments' of mkdocs_bmvis.griffe_extension"))

    def _add_tree(self, cls: Class, style: str) -> bool:
        """Add the tree of a class that gets one. Return whether nothing is missing.

        A class without a docstring is not documented by default, and a tree would change that.
        """
        name = cls.canonical_path
        arguments = self._rules.arguments(name)
        if arguments is None or cls.docstring is None or f"<{NAME}" in cls.docstring.value:
            return True
        if not self._rules.is_named(name) and not any(_library_bases(cls, set())):
            return True
        if not arguments and needs_arguments(cls):
            return False
        module = cls.module.canonical_path
        reference = class_reference(module, name.removeprefix(f"{module}."), arguments)
        cls.docstring.value = _with_element(cls.docstring, f'<{NAME} factory="{escape(reference)}" />', style)
        return True


def _classes(parent: Object) -> Iterator[Class]:
    """Yield all classes of a package, without those that it imports."""
    for member in parent.members.values():
        if not isinstance(member, Alias):
            if isinstance(member, Class):
                yield member
            yield from _classes(member)


def needs_arguments(cls: Class) -> bool:
    """Return whether a class cannot be created without arguments, as far as its source shows."""
    if any(_is_abstract(member) for member in cls.all_members.values() if isinstance(member, Function)):
        return True
    own = cls.all_members.get("__init__")
    if isinstance(own, Function):
        needed = list(own.parameters)[1:]
        return any(each.default is None and each.kind not in _VARIABLE for each in needed)
    return not any(_ROOTS.fullmatch(path) for path in _library_bases(cls, set()))


def _is_abstract(function: Function) -> bool:
    return "abstractmethod" in {str(decorator.value).rpartition(".")[2] for decorator in function.decorators}


def _library_bases(cls: Class, seen: set[str]) -> Iterator[str]:
    """Yield the classes of libraries that a class inherits from, directly or by others of its package."""
    for base in cls.bases:
        path = base if isinstance(base, str) else base.canonical_path
        if _ROOTS.fullmatch(path) or _LIBRARY.match(path):
            yield path
    for found in cls.resolved_bases:
        if isinstance(found, Class) and found.path not in seen:
            seen.add(found.path)
            yield from _library_bases(found, seen)


def _with_element(docstring: Docstring, element: str, style: str) -> str:
    text = docstring.value
    first = _SECTION[style].search(text) if style in _SECTION else None
    end = first.start() if first else len(text)
    return f"{text[:end].rstrip()}\n\n{element}\n\n{text[end:]}".rstrip()
