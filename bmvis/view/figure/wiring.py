"""Numbers that are equal for calls that do the same: equal modules, with equal operations and connections inside."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable

from bmvis.model.dataflow import Dataflow
from bmvis.model.tree import Model
from bmvis.view.figure.items import Item
from bmvis.view.folding import fold

_NUMBER = re.compile(r"\d+")


class Signatures:
    """The signatures of the items of one model. They are computed when they are needed, and once."""

    def __init__(self, model: Model, flow: Dataflow) -> None:
        self.flow = flow
        self.model = model
        self._numbers: dict[Hashable, int] = {}
        self._wirings: dict[int, int] = {}
        self._calls = Counter(call.path for call in flow.calls)
        self._exact = fold(model, non_params=True, buffers=True).signatures
        self._forms: list[int] | None = None

    def sign(self, item: Item, parent: str, *, similar: bool) -> None:
        """Set the signatures of an item in a module at the path `parent`; those of the items inside are set."""
        if item.node is not None and item.node.kind == "join":
            weights = tuple([_NUMBER.sub("#", name) for name in item.node.weights])
            item.signature = item.exact = self._number(
                ("join", tuple(dict.fromkeys(item.node.symbols)), weights, _changes(item))
            )
            return
        path = self.flow.calls[item.call].path
        kind = "open" if item.node is None else "box"
        own = (kind, family(parent, path), self.wiring(item.call), _changes(item))
        module = self._module(path)
        item.exact = self._number((own, self._exact[module], tuple([one.exact for one in item.items])))
        item.signature = item.exact
        if similar:
            form = self._similar()[module]
            item.signature = self._number((own, "similar", form, tuple([one.signature for one in item.items])))

    def sign_group(self, group: Item) -> None:
        """Set the signatures of a repeated item."""
        own = (group.is_parallel, len(group.members))
        group.exact = self._number(("run", own, tuple([one.exact for one in group.items])))
        group.signature = self._number(("run", own, tuple([one.signature for one in group.items])))

    def _number(self, key: Hashable) -> int:
        return self._numbers.setdefault(key, len(self._numbers) + 1)

    def _module(self, path: str) -> int:
        index = self.model.index_of.get(path, 0)
        shared = self.model.modules[index].shared_with
        return index if shared is None else self.model.index_of[shared]

    def _similar(self) -> list[int]:
        if self._forms is None:
            folding = fold(self.model, non_params=True, buffers=True, similar=True)
            self._forms = folding.forms or folding.signatures
        return self._forms

    def wiring(self, call: int) -> int:
        """Return a number that is equal for calls with equal operations and connections.

        All calls of one module are equal. In a loop, the first one often has fewer values, because the state is zero,
        and fewer results of the last one are used.
        """
        if self._calls[self.flow.calls[call].path] > 1:
            return 0
        if call not in self._wirings:
            self._wirings[call] = self._number(("wiring", self._operations(call)))
        return self._wirings[call]

    def _operations(self, call: int) -> Hashable:
        """Return the operations of a call with the values that they use, numbered from the first one in the call."""
        start, end = self.flow.ranges[call]
        calls, values = self.flow.calls, self.flow.values
        path = calls[call].path
        names: dict[int, str] = {}
        outside: dict[int, int] = {}
        found = []
        for operation in self.flow.operations[start:end]:
            name = names.get(operation.call)
            if name is None:
                name = names[operation.call] = _below(path, calls[operation.call].path)
            sources: list[int] = []
            weights = 0
            for ref in operation.sources:
                if ref >= start:
                    sources.append(ref - start)
                elif ref < 0 and values[-1 - ref].kind != "input":
                    weights += 1
                else:
                    sources.append(-1 - outside.setdefault(ref, len(outside)))
            found.append((name, operation.name, weights, *sorted(sources)))
        return tuple(found)


def _changes(item: Item) -> tuple[str, ...]:
    """Return how the edges into a box changed in a comparison: blocks that changed do not fold with others."""
    return tuple(sorted(item.node.changes.values())) if item.node is not None else ()


def family(parent: str, path: str) -> str:
    """Return the path of a module in its parent with `#` for numbers, which is equal for modules that can repeat."""
    return _NUMBER.sub("#", _below(parent, path))


def _below(parent: str, path: str) -> str:
    if path == parent:
        return ""
    return path.removeprefix(f"{parent}.") if parent else path
