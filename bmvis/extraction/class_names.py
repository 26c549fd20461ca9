"""The class names of modules as people know them: not those of the classes that PyTorch generates.

- TorchScript modules have the name of the class that was compiled.
- `torch.nn.utils.parametrize` derives a class from that of each parametrized module.
- `torch.fx.GraphModule` makes a class for each instance, and plain modules inside. The graph records the classes that
  they replace (`nn_module_stack`): https://pytorch.org/docs/stable/export/ir_spec.html#nn-module-stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from torch import nn

from bmvis.extraction import introspection
from bmvis.model.preorder import child_path
from bmvis.untrusted import user_text

_MANGLED = re.compile(r"^__torch__\.|___torch_mangle_\d+\.")
_FX = "torch.fx.graph_module"


class ClassName(NamedTuple):
    """The names of a class, as text that can be written to UTF-8."""

    name: str
    package: str
    qualname: str


class ClassNames:
    """Reads the class names of the modules of one model.

    Args:
        named_modules: pairs of path and module.
    """

    def __init__(self, named_modules: Iterable[tuple[str, nn.Module]]) -> None:
        self._names: dict[type, ClassName] = {}
        self._of_graphs = _graph_types(named_modules)

    def read(self, module: nn.Module, path: str) -> ClassName:
        """Return the names of a module's class."""
        cls = type(module)
        if cls is nn.Module and path in self._of_graphs:
            return self._of_graphs[path]
        known = self._names.get(cls)
        if known is None:
            if introspection.class_module(cls).startswith("torch.jit"):
                return _compiled_class(module) or _class(cls)
            known = self._names[cls] = _class(cls)
        return known


def _class(cls: type) -> ClassName:
    if introspection.class_module(cls) == "torch.nn.utils.parametrize":
        base = cls.__bases__[0]
        cls = base if cls.__name__ == f"Parametrized{base.__name__}" else cls
    if _is_graph_module(cls):
        return ClassName(user_text.class_name(cls), "torch.fx", "GraphModule")
    return ClassName(
        user_text.class_name(cls),
        user_text.safe_text(introspection.class_module(cls)),
        user_text.class_qualname(cls),
    )


def _compiled_class(module: nn.Module) -> ClassName | None:
    """Return the names of the class that a TorchScript module was compiled from."""
    script = introspection.attribute(module, "_c")
    if script is None:
        return None
    package, _, name = _MANGLED.sub("", script._type().qualified_name()).rpartition(".")
    return ClassName(user_text.safe_text(name), user_text.safe_text(package), user_text.safe_text(name))


def _is_graph_module(cls: type) -> bool:
    """Return whether a class is the one that an instance of `torch.fx.GraphModule` makes for itself."""
    return cls.__module__ == _FX and "<locals>" in cls.__qualname__


def _graph_types(named_modules: Iterable[tuple[str, nn.Module]]) -> Mapping[str, ClassName]:
    """Return the classes that graphs record, by path."""
    known: dict[str, ClassName] = {}
    for path, module in named_modules:
        if _is_graph_module(type(module)):
            for inner, name in _recorded(module):
                known.setdefault(child_path(path, inner), name)
    return known


def _recorded(module: nn.Module) -> Iterator[tuple[str, ClassName]]:
    """Yield the paths in a graph module with the classes of the modules that were there when it was traced."""
    graph = introspection.attribute(module, "_graph")
    for node in introspection.attribute(graph, "nodes") or ():
        meta = introspection.attribute(node, "meta")
        stack = meta.get("nn_module_stack") if isinstance(meta, dict) else None
        for entry in list(stack.values()) if isinstance(stack, dict) else ():
            path, cls = entry if isinstance(entry, tuple) and len(entry) == 2 else ("", None)
            if isinstance(path, str) and path and (name := _traced_class(cls)):
                yield user_text.safe_text(path), name


def _traced_class(cls: Any) -> ClassName | None:
    """Return the names of a class that a graph has as an object, or as text."""
    if isinstance(cls, type):
        return _class(cls)
    if not isinstance(cls, str):
        return None
    package, _, name = user_text.safe_text(cls).rpartition(".")
    return ClassName(name, package, name)
