"""Rename the modules of BERT, GPT-2, T5, Llama, and similar models to a common structure.

The result is also a `Model`. A module with a common name is at its common path; `origin` is its path in the original
model. A level that only the common structure has is `virtual`. A module without a common name is `other`, and is below
the nearest module that has a common name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from bmvis.errors import SIMILAR, CommonStructureError
from bmvis.model.tree import Model, Module
from bmvis.view.mapping_files import ANY, NameMapping, mapping_for, own_names

_MOST_MISSING = 3
"""Maximum number of names that a warning lists."""


def choose_mapping(model: Model) -> NameMapping:
    """Return the built-in mapping for a model, by the classes of its modules.

    Raises:
        CommonStructureError: no built-in mapping is for one of these classes.
    """
    found = mapping_for(module.type for module in model.modules)
    if found is None:
        raise CommonStructureError(
            f"there is no common structure for {model.root.type}",
            hint=f"built-in mappings: {', '.join(own_names())}; or write a mapping file",
        )
    return found


def rename_modules(model: Model, naming: NameMapping) -> tuple[Model, tuple[CommonStructureError, ...]]:
    """Return the model in the common structure, and an error for each part of the mapping that does not match it."""
    renaming = _Renaming(model, naming)
    return msgspec.structs.replace(model, modules=tuple(renaming.modules())), tuple(renaming.mapping_errors())


class _Level(dict[str, "_Level"]):
    """A level of a mapping: the levels below by name, and the common path of this level itself."""

    common: tuple[str, ...] | None = None


def _levels(names: Mapping[str, str]) -> _Level:
    root = _Level()
    for path, common in names.items():
        level = root
        for name in path.split("."):
            level = level.setdefault(name, _Level())
        level.common = tuple(common.split("."))
    return root


class _Position(msgspec.Struct, frozen=True):
    """The position of a module in a mapping, and the names that `$` matched above it."""

    level: _Level
    taken: tuple[str, ...] = ()

    def below(self, name: str) -> _Position | None:
        if name in self.level:
            return _Position(self.level[name], self.taken)
        return _Position(self.level[ANY], (*self.taken, name)) if ANY in self.level else None

    @property
    def common(self) -> tuple[str, ...] | None:
        names = iter(self.taken)
        return None if self.level.common is None else tuple(next(names) if n == ANY else n for n in self.level.common)


class _Node:
    """A node of the new tree."""

    def __init__(
        self, name: str, index: int | None = None, kind: Literal["", "virtual", "other"] = "", rank: int = -1
    ) -> None:
        self.name = name
        self.rank = rank
        """Its position among its siblings in the mapping; -1 if the mapping does not contain it."""
        self.index = index
        """The index of its module; None for a virtual level."""
        self.kind = kind
        self.below: list[_Node] = []
        self.named: dict[str, _Node] = {}


def _in_order(nodes: list[_Node]) -> list[_Node]:
    """Return siblings in the mapping's order; the others keep their positions."""
    ranked = iter(sorted((node for node in nodes if node.rank >= 0), key=lambda node: node.rank))
    return [next(ranked) if node.rank >= 0 else node for node in nodes]


def _ranks(commons: Sequence[str]) -> dict[tuple[str, ...], int]:
    """Return the position in the mapping at which each common path, and each of its parents, first occurs."""
    found: dict[tuple[str, ...], int] = {}
    for common in commons:
        names = tuple(common.split("."))
        for level in range(1, len(names) + 1):
            found.setdefault(names[:level], len(found))
    return found


class _Renaming:
    """The conversion of one model to the common structure."""

    def __init__(self, model: Model, naming: NameMapping) -> None:
        self.model, self.naming = model, naming
        self.above = model.parents
        self.paths = model.paths
        self.starts = self._starts()
        self.commons = self._commons()
        self.has_named_below = self._find_named_below()
        self.ranks = _ranks([*naming.names.values(), *naming.heads.values()])
        self.root = _Node("", 0)
        self.nodes: dict[int, _Node] = {0: self.root}
        self._place_all()

    def modules(self) -> Iterator[Module]:
        """Yield the modules of the new tree in preorder."""
        pending = [(self.root, 0, "")]
        while pending:
            node, depth, path = pending.pop()
            yield self._module(node, depth, path)
            below = _in_order(node.below)
            pending += [(n, depth + 1, f"{path}.{n.name}" if path else n.name) for n in reversed(below)]

    def mapping_errors(self) -> Iterator[CommonStructureError]:
        """Yield an error that lists the names of the mapping that the model does not have."""
        if not self.starts:
            yield CommonStructureError(
                f"the mapping {self.naming.name} is for {' or '.join(self.naming.models)}, "
                f"but this {self.model.root.type} contains none of them"
            )
            return
        met = {".".join(self._generic(index)) for index in range(len(self.commons)) if self.commons[index]}
        # A mapping without required names, such as one of OpenDelta, fits unless none of its names matches.
        wanted = self.naming.required or (frozenset() if met - {""} else frozenset(self.naming.names.values()))
        missing = {c: p for p, c in reversed(list(self.naming.names.items())) if c in wanted - met}
        if missing:
            listed = list(missing.items())[::-1][:_MOST_MISSING]
            more = f" and {len(missing) - len(listed)} more" if len(missing) > len(listed) else ""
            names = ", ".join(f"{path!r} ({common})" for common, path in listed)
            yield CommonStructureError(
                f"the mapping {self.naming.name} does not match this {self.model.root.type}: no module {names}{more}",
                hint=self._nearest(listed[0][1]),
            )

    def _starts(self) -> list[int]:
        """Return the modules that the mapping's paths are relative to: the outermost instances of its classes."""
        found: list[int] = []
        until = 0
        for index, module in enumerate(self.model.modules):
            if found and index < until:
                continue
            if module.type in self.naming.models and module.shared_with is None:
                found.append(index)
                until = next(
                    (i for i in range(index + 1, len(self.paths)) if self.model.modules[i].depth <= module.depth),
                    len(self.paths),
                )
        return found

    def _commons(self) -> list[_Position | None]:
        """Return the position of each module in the mapping."""
        names, heads = _Position(_levels(self.naming.names)), _Position(_levels(self.naming.heads))
        found: list[_Position | None] = [None] * len(self.paths)
        if len(self.starts) == 1 and self.starts[0]:
            found[self.above[self.starts[0]]] = heads
        for index, module in enumerate(self.model.modules):
            parent = found[self.above[index]] if index else None
            if index in self.starts:
                found[index] = names
            elif parent is not None and found[index] is None:
                found[index] = parent.below(module.name)
        return found

    def _generic(self, index: int) -> tuple[str, ...]:
        at = self.commons[index]
        return (at.level.common if at else None) or ()

    def _common(self, index: int) -> tuple[str, ...] | None:
        at = self.commons[index]
        return at.common if at else None

    def _find_named_below(self) -> list[bool]:
        """Return for each module whether a module below it has a common name, or is one of `starts`."""
        found = [False] * len(self.paths)
        for index in range(len(found) - 1, 0, -1):
            if found[index] or self._common(index) is not None or index in self.starts:
                found[self.above[index]] = True
        return found

    def _place_all(self) -> None:
        for index in range(1, len(self.paths)):
            common = self._common(index)
            node = self._named(index, common) if common is not None else None
            if node is None and self._is_omitted(index):
                continue
            self.nodes[index] = node or self._other(index)

    def _is_omitted(self, index: int) -> bool:
        """Return whether the new tree omits a module: it has no parameters, only modules with common names below it."""
        if index in self.starts:
            return len(self.starts) == 1
        return self.has_named_below[index] and not self.model.modules[index].parameters

    def _named(self, index: int, common: tuple[str, ...]) -> _Node | None:
        """Return the node of a common path, which is created if necessary; None if it is another module's."""
        node, generic = self._start_of(index), self._generic(index)
        for level, name in enumerate(common, 1):
            if name not in node.named:
                node.named[name] = _Node(name, kind="virtual", rank=self.ranks[generic[:level]])
                node.below.append(node.named[name])
            node = node.named[name]
        if node.index is not None:
            return None
        node.index, node.kind = index, ""
        return node

    def _start_of(self, index: int) -> _Node:
        """Return the node that the common paths of a module are relative to.

        If the model contains several models that match the mapping, each of them is a root.
        """
        if len(self.starts) == 1:
            return self.root
        while index not in self.starts:
            index = self.above[index]
        return self.nodes[index]

    def _other(self, index: int) -> _Node:
        """Return a node for a module without a common name, below the nearest module that has a node."""
        parent = self.above[index]
        while parent not in self.nodes:
            parent = self.above[parent]
        relative = self.paths[index][len(self.paths[parent]) :].lstrip(".")
        node = _Node(relative, index, "" if index in self.starts else "other")
        self.nodes[parent].below.append(node)
        return node

    def _module(self, node: _Node, depth: int, path: str) -> Module:
        if node.index is None:
            return Module(node.name, depth, "Virtual", origin=f"~{path}", common="virtual")
        module = self.model.modules[node.index]
        return msgspec.structs.replace(
            module, name=node.name, depth=depth, origin=self.paths[node.index], common=node.kind
        )

    def _nearest(self, wanted: str) -> str:
        start = self.paths[self.starts[0]]
        known = {re.sub(r"\b\d+\b", ANY, p[len(start) :].lstrip(".")) for p in self._below(self.starts[0])}
        close = difflib.get_close_matches(wanted, known, n=1, cutoff=SIMILAR)
        return f"the nearest is {close[0]!r}" if close else ""

    def _below(self, start: int) -> Sequence[str]:
        prefix = self.paths[start]
        return [path for path in self.paths if path and (not prefix or path.startswith(f"{prefix}."))]
