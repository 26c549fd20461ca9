"""Match the modules of two trees: by name, and by structure if a module was moved, renamed or wrapped."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

import msgspec

from bmvis.comparison.compared_tree import ComparedTree
from bmvis.model.preorder import child_path
from bmvis.model.tree import Model

SEARCH_EFFORT = 5_000_000
"""Maximum number of modules read in the search for wrapped ones. After that, modules are matched by path only."""
COMPARED = 1_000_000
"""Maximum number of pairs of numbered siblings to search for insertions. Above that, siblings are matched in order."""


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
        known: dict[Hashable, int] = {}
        self.has_types = not (before.is_checkpoint or after.is_checkpoint)
        self.before = ComparedTree(before, known, has_types=self.has_types)
        self.after = ComparedTree(after, known, has_types=self.has_types)
        self.pending: list[_Task] = [_Meet(0, 0, 0, None)]
        self.effort = SEARCH_EFFORT
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
        if not self._alike(before, after):
            inner, outer = self._find_moved(before, after)
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

    def _find_moved(self, before: int, after: int) -> tuple[int | None, int | None]:
        """Return the module inside `after` that matches `before`, or the one inside `before` that matches `after`.

        At least one of the two is None. The measure is the number of modules with parameters that two subtrees have in
        common. A module further down matches only if it has more of them than the pairs of children of the same names,
        and if its own children pair as well: `model.body` with a layer like one of the former head is not the model.
        """
        contents, target = self.before.contents(before), self.after.contents(after)
        direct = best = self._directly_common(before, after)
        inner = outer = None
        for index in self.after.below(after):
            found = self._common(contents, self.after, index, best)
            is_most = 2 * found > contents.total()
            is_best = found > best or (inner is not None and found == best and self._alike(before, index))
            if is_most and is_best and self._directly_common(before, index) >= direct:
                best, inner = found, index
        for index in self.before.below(before):
            found = self._common(target, self.before, index, best)
            is_most = 2 * found > target.total()
            is_best = found > best or (outer is not None and found == best and self._alike(index, after))
            if is_most and is_best and self._directly_common(index, after) >= direct:
                best, inner, outer = found, None, index
        return inner, outer

    def _directly_common(self, before: int, after: int) -> int:
        """Return how many modules with parameters match if the two modules and their children are paired."""
        common = int(self.before.kinds[before] is not None and self.before.kinds[before] == self.after.kinds[after])
        for old, new in self._pairs(self.before.children[before], self.after.children[after]):
            common += self._common(self.before.contents(old), self.after, new, 0)
        return common

    def _common(self, contents: Counter[Hashable], side: ComparedTree, index: int, least: int) -> int:
        """Return how many of the modules in `contents` a subtree has; 0 if there cannot be `least`."""
        if side.weights[index] < max(1, least) or self.effort < 0:
            return 0
        self.effort -= side.sizes[index]
        return (contents & side.contents(index)).total()

    def _alike(self, before: int, after: int) -> bool:
        """Return whether two modules match: they are equal, or equal without children, and most children match."""
        if self.before.structure[before] == self.after.structure[after]:
            return True
        if self.before.own(before) != self.after.own(after):
            return False
        old, new = self.before.named(before), self.after.named(after)
        kept = sum(name in new and self._same_type(child, new[name]) for name, child in old.items())
        return 2 * kept >= len(old)

    def _same_type(self, before: int, after: int) -> bool:
        is_same = self.before.modules[before].import_path == self.after.modules[after].import_path
        return is_same or not self.has_types

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
        here = [child for child in self.after.children[task.after] if not self._leads_to(child, task.inner)]
        old = self.before.children[task.before]
        return self._of_same_path(old, here, self._pairs(old, self.after.children[task.inner]))

    def _leads_to(self, module: int, inner: int) -> bool:
        return module == inner or self.after.is_on_way(module, inner)

    def _of_same_path(self, old: Sequence[int], new: Sequence[int], pairs: Sequence[tuple[int, int]]) -> dict[int, int]:
        """Return modules of the second tree with those of the first one that have their names and no pair yet."""
        paired = {index for index, _ in pairs}
        named = {self.before.modules[index].name: index for index in old if index not in paired}
        found = {index: named.get(self.after.modules[index].name) for index in new}
        return {index: match for index, match in found.items() if match is not None and self._same_type(match, index)}

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
        outside = self._of_same_path(
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
        pairs = self._pairs(inside, self.after.children[after])
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

    def _pairs(self, old: Sequence[int], new: Sequence[int]) -> list[tuple[int, int]]:
        if (
            self.has_types
            and len(old) != len(new)
            and self._are_numbered(self.before, old)
            and self._are_numbered(self.after, new)
        ):
            return self._by_order(old, new)
        named = {self.before.modules[index].name: index for index in old}
        found = {index: named.get(self.after.modules[index].name) for index in new}
        left: defaultdict[int, deque[int]] = defaultdict(deque)
        paired = set(found.values())
        for index in (index for index in old if index not in paired):
            left[self.before.structure[index]].append(index)
        self._prefer_equal(found, left)
        for index, match in found.items():
            same = left.get(self.after.structure[index])
            if match is None and same:
                found[index] = same.popleft()
        self._pair_by_layers(found, old)
        return [(old, new) for new, old in found.items() if old is not None]

    def _pair_by_layers(self, found: dict[int, int | None], old: Sequence[int]) -> None:
        """Pair modules without a match if their layers are equal: parts of them were renamed, or have other classes."""
        if not self.has_types or None not in found.values():
            return
        paired = set(found.values())
        left: defaultdict[Hashable, deque[int]] = defaultdict(deque)
        for index in old:
            if index not in paired and self.before.weights[index]:
                left[self.before.layers(index)].append(index)
        for index, match in found.items():
            if match is None and left and self.after.weights[index] and (same := left.get(self.after.layers(index))):
                found[index] = same.popleft()

    def _prefer_equal(self, found: dict[int, int | None], left: dict[int, deque[int]]) -> None:
        """Separate pairs with one name but nothing in common, if one of the two is equal to another module."""
        unpaired = {self.after.structure[new] for new, old in found.items() if old is None}
        for new, old in found.items():
            if old is None or self.before.structure[old] == self.after.structure[new]:
                continue
            is_elsewhere = self.before.structure[old] in unpaired and self.before.weights[old]
            has_equal = left.get(self.after.structure[new]) and self.after.weights[new]
            if (is_elsewhere or has_equal) and not self._common(self.before.contents(old), self.after, new, 0):
                found[new] = None
                left[self.before.structure[old]].append(old)

    def _are_numbered(self, side: ComparedTree, indices: Sequence[int]) -> bool:
        return all(side.modules[index].name.isdecimal() for index in indices)

    def _by_order(self, old: Sequence[int], new: Sequence[int]) -> list[tuple[int, int]]:
        """Pair numbered siblings by the order of their structures: an inserted one shifts the others."""
        was, is_now = [self.before.structure[i] for i in old], [self.after.structure[i] for i in new]
        start = 0
        while start < min(len(was), len(is_now)) and was[start] == is_now[start]:
            start += 1
        pairs = list(zip(old[:start], new[:start], strict=True))
        was, is_now, old, new = was[start:], is_now[start:], old[start:], new[start:]
        if len(was) * len(is_now) > COMPARED:
            return [*pairs, *zip(old, new, strict=False)]
        for _, a, a_end, b, b_end in SequenceMatcher(None, was, is_now, autojunk=False).get_opcodes():
            pairs += zip(old[a:a_end], new[b:b_end], strict=False)
        return pairs

    def _push(self, tasks: Sequence[_Task]) -> None:
        self.pending.extend(reversed(tasks))
