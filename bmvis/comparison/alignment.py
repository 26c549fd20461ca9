"""Combine the modules of two trees into one list: in pairs, added, removed, or as wrappers of others."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from bmvis.comparison.module_matches import Matches
from bmvis.model.preorder import child_path
from bmvis.model.tree import Model

WRAPPED = "."
"""Value of `Place.was` for a module that was wrapped. No module has this name."""


class AlignedPair(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A module of the combined tree of two models, in preorder: a pair, or a module that only one model has."""

    depth: int
    before: int | None = None
    """Index of the module in the first tree; None if it was added."""
    after: int | None = None
    """Index of the module in the second tree; None if it was removed."""
    wraps: int | None = None
    """Index of the module of the first tree that this added module replaces and wraps."""
    was: str | None = None
    """Former name of a renamed or moved module, relative to the nearest ancestor that both trees have. '' is the root.
    `WRAPPED` if the name is now that of a wrapper."""


class _Meet(NamedTuple):
    """Two modules at the same position, whose subtrees are to be matched."""

    depth: int
    before: int
    after: int
    was: str | None


class _Wrap(NamedTuple):
    """A wrapper in the second tree, or a module between it and the wrapped module."""

    depth: int
    after: int
    wraps: int | None
    before: int
    inner: int
    was: str


class _Alone(NamedTuple):
    """A subtree that only one of the trees has."""

    depth: int
    module: int
    is_new: bool


_Task = _Meet | _Wrap | _Alone


def align(before: Model, after: Model) -> list[AlignedPair]:
    """Combine two trees into one list of pairs.

    The list has all modules of the second tree in their order, and the removed ones at their former positions. Modules
    match by name if their parents match. A module that differs from the former one can wrap it (`base_model.model`,
    `query.base_layer`): then the wrapped module matches if its type, its own parameters, and most of its children are
    the same. Numbered siblings match in their order, except for insertions. A renamed module matches by structure, or,
    if parts of it were renamed as well, by its layers.
    """
    return list(_Alignment(before, after))


class _Alignment:
    """Walks both trees at once. The stack is explicit because trees can have a thousand levels."""

    def __init__(self, before: Model, after: Model) -> None:
        self.matches = Matches(before, after)
        self.before, self.after = self.matches.before, self.matches.after
        self.pending: list[_Task] = [_Meet(0, 0, 0, None)]
        self.outside: set[int] = set()
        """Children of wrapped modules, in the first tree, that are next to the wrapped module now."""

    def __iter__(self) -> Iterator[AlignedPair]:
        while self.pending:
            task = self.pending.pop()
            if isinstance(task, _Meet):
                yield from self._meet(task)
            elif isinstance(task, _Wrap):
                yield self._wrap(task)
            else:
                yield from self._alone(task)

    def _meet(self, task: _Meet) -> Iterator[AlignedPair]:
        depth, before, after, was = task
        if not self.matches.alike(before, after):
            inner, outer = self.matches.find_moved(before, after)
            if inner is not None:
                name = self.before.modules[before].name
                same = before and name == self.after.modules[after].name
                self.pending.append(_Wrap(depth, after, before, before, inner, WRAPPED if same else name))
                return
            if outer is not None:
                yield from self._unwrap(task, outer)
                return
        self._push(self._children(depth + 1, before, after))
        yield AlignedPair(depth=depth, before=before, after=after, was=was)

    def _wrap(self, task: _Wrap) -> AlignedPair:
        below: list[_Task] = []
        outside = {} if task.wraps is None else self._outside_of_wrapped(task)
        self.outside.update(outside.values())
        for child in self.after.children[task.after]:
            if child == task.inner:
                below.append(_Meet(task.depth + 1, task.before, child, task.was))
            elif child in outside:
                below.append(_Meet(task.depth + 1, outside[child], child, None))
            elif self.after.is_on_way(child, task.inner):
                below.append(task._replace(depth=task.depth + 1, after=child, wraps=None))
            else:
                below.append(_Alone(task.depth + 1, child, True))
        self._push(below)
        return AlignedPair(depth=task.depth, after=task.after, wraps=task.wraps)

    def _outside_of_wrapped(self, task: _Wrap) -> dict[int, int]:
        """Return the children of a wrapper that were children of the wrapped module, with these.

        An example is `head` if the other layers of a model are in `backbone` now: its path is the same.
        """
        here = [child for child in self.after.children[task.after] if not self.after.is_on_way(child, task.inner)]
        old = self.before.children[task.before]
        return self.matches.of_same_path(old, here, self.matches.pairs(old, self.after.children[task.inner]))

    def _unwrap(self, task: _Meet, inner: int) -> Iterator[AlignedPair]:
        """Yield the pair of a module that was wrapped in the first tree, and is not in the second."""
        depth, before, after, _ = task
        removed: list[_Alone] = []
        level = before
        while level != inner:
            removed += [
                _Alone(depth + 1, child, False)
                for child in self.before.children[level]
                if not self.before.is_on_way(child, inner)
            ]
            level = next(c for c in self.before.children[level] if self.before.is_on_way(c, inner))
        tasks = self._children(depth + 1, inner, after)
        alone = [one.module for one in tasks if isinstance(one, _Alone) and one.is_new]
        outside = self.matches.of_same_path(
            [one.module for one in removed if self.before.above[one.module] == before], alone, ()
        )
        removed = [one for one in removed if one.module not in outside.values()]
        tasks = [
            _Meet(depth + 1, outside[one.module], one.module, None)
            if isinstance(one, _Alone) and one.is_new and one.module in outside
            else one
            for one in tasks
        ]
        self._push([*tasks, *removed])
        outer = self.before.modules[before].name
        yield AlignedPair(depth=depth, before=inner, after=after, was=child_path(outer, self.before.way(before, inner)))

    def _alone(self, task: _Alone) -> Iterator[AlignedPair]:
        side = self.after if task.is_new else self.before
        shift = task.depth - side.modules[task.module].depth
        for index in range(task.module, task.module + side.sizes[task.module]):
            depth = side.modules[index].depth + shift
            yield AlignedPair(depth=depth, after=index) if task.is_new else AlignedPair(depth=depth, before=index)

    def _children(self, depth: int, before: int, after: int) -> list[_Task]:
        """Return the tasks for the children of two modules that match, in the order of the second tree."""
        inside = [child for child in self.before.children[before] if child not in self.outside]
        pairs = self.matches.pairs(inside, self.after.children[after])
        met = {new: old for old, new in pairs}
        gone = set(inside) - {old for old, _ in pairs}
        tasks: list[_Task] = []
        left = deque(inside)

        def take_removed() -> None:
            while left and left[0] in gone:
                tasks.append(_Alone(depth, left.popleft(), False))

        for new in self.after.children[after]:
            if new not in met:
                tasks.append(_Alone(depth, new, True))
                continue
            take_removed()
            if left and left[0] == met[new]:
                left.popleft()
            tasks.append(_Meet(depth, met[new], new, self._renamed(met[new], new)))
        tasks += [_Alone(depth, old, False) for old in left if old in gone]
        return tasks

    def _renamed(self, before: int, after: int) -> str | None:
        name = self.before.modules[before].name
        return None if name == self.after.modules[after].name else name

    def _push(self, tasks: Sequence[_Task]) -> None:
        self.pending.extend(reversed(tasks))
