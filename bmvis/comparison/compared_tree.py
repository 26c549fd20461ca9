"""One of two trees that are compared, with the tables that the alignment needs."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterator, Sequence

from bmvis.model.preorder import child_path
from bmvis.model.tree import Buffer, Model, Module, Parameter

SEARCHED = 256
"""Maximum number of modules below a wrapper that are searched for the wrapped one: wrappers are shallow."""


class ComparedTree:
    """A tree. Types are ignored if one of the trees is a file, which has names and shapes only."""

    kinds: list[Hashable]
    """Type and shapes of each module with tensors; None for others, since equal containers show nothing."""
    weights: list[int]
    """Number of modules with tensors in each subtree."""

    def __init__(self, model: Model, known: dict[Hashable, int], *, has_types: bool) -> None:
        self.modules = model.modules
        self.has_types = has_types
        self.above = model.parents
        self.sizes = model.sizes
        self.children = model.children
        self.kinds = [self.own(i) if self._has_tensors(m) else None for i, m in enumerate(self.modules)]
        self.weights = [int(kind is not None) for kind in self.kinds]
        for index in range(len(self.modules) - 1, 0, -1):
            self.weights[self.above[index]] += self.weights[index]
        self.structure = [0] * len(model.modules)
        """A number for each module. It is equal for subtrees with equal types, names and shapes."""
        for index in range(len(model.modules) - 1, -1, -1):
            below = [(self.modules[child].name, self.structure[child]) for child in self.compared(index)]
            content = tuple(below if has_types else sorted(below))  # the modules of a file are sorted by name
            self.structure[index] = known.setdefault((self.own(index), content), len(known))

    def _has_tensors(self, module: Module) -> bool:
        return bool(module.parameters or (not self.has_types and _saved_buffers(module)))

    def compared(self, index: int) -> Sequence[int]:
        """Return the children of a module; in a comparison with a file, only those with tensors, as in a file."""
        children = self.children[index]
        return children if self.has_types else [child for child in children if self.weights[child]]

    def own(self, index: int) -> Hashable:
        """Return a key that is equal for equal modules, without their children."""
        module = self.modules[index]
        if self.has_types:
            return module.import_path, tuple((p.name, p.shape) for p in module.parameters)
        tensors: list[Parameter | Buffer] = [*module.parameters, *_saved_buffers(module)]
        return frozenset((tensor.name, tensor.shape) for tensor in tensors)

    def named(self, index: int) -> dict[str, int]:
        """Return the children by name."""
        return {self.modules[child].name: child for child in self.compared(index)}

    def contents(self, index: int) -> Counter[Hashable]:
        """Return how often each kind of module with tensors occurs in a subtree."""
        found = Counter(self.kinds[index : index + self.sizes[index]])
        found.pop(None, None)
        return found

    def layers(self, index: int) -> Hashable:
        """Return the kinds of the modules with tensors in a subtree, in their order, with their levels below it."""
        level = self.modules[index].depth
        subtree = range(index, index + self.sizes[index])
        return tuple((self.modules[i].depth - level, self.kinds[i]) for i in subtree if self.kinds[i] is not None)

    def below(self, index: int) -> Iterator[int]:
        """Yield up to `SEARCHED` descendants of a module, the nearest first."""
        pending = deque(self.children[index])
        for _ in range(SEARCHED):
            if not pending:
                return
            found = pending.popleft()
            yield found
            pending.extend(self.children[found])

    def way(self, outer: int, inner: int) -> str:
        """Return the path of `inner` relative to `outer`."""
        name = ""
        while inner != outer:
            name = child_path(self.modules[inner].name, name) if name else self.modules[inner].name
            inner = self.above[inner]
        return name

    def is_on_way(self, index: int, inner: int) -> bool:
        """Return whether `inner` is `index` or a descendant of it."""
        return index <= inner < index + self.sizes[index]


def _saved_buffers(module: Module) -> list[Buffer]:
    """Return the buffers in the state dict, which a file does not distinguish from parameters."""
    return [buffer for buffer in module.buffers if buffer.persistent]
