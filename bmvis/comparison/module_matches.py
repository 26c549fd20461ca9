"""Find which modules of two trees match: by name, and by structure if a module was moved, renamed or wrapped."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher

from bmvis.comparison.compared_tree import ComparedTree
from bmvis.model.tree import Model

SEARCH_EFFORT = 5_000_000
"""Maximum number of modules read in the search for wrapped ones. After that, modules are matched by path only."""
COMPARED = 1_000_000
"""Maximum number of pairs of numbered siblings to search for insertions. Above that, siblings are matched in order."""


class Matches:
    """What the modules of two trees have in common. Modules are indices in their trees.

    Args:
        before: the first model.
        after: the second model.
    """

    def __init__(self, before: Model, after: Model) -> None:
        known: dict[Hashable, int] = {}
        self.has_types = not (before.is_checkpoint or after.is_checkpoint)
        self.before = ComparedTree(before, known, has_types=self.has_types)
        self.after = ComparedTree(after, known, has_types=self.has_types)
        self.effort = SEARCH_EFFORT

    def find_moved(self, before: int, after: int) -> tuple[int | None, int | None]:
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
            is_best = found > best or (inner is not None and found == best and self.alike(before, index))
            if is_most and is_best and self._directly_common(before, index) >= direct:
                best, inner = found, index
        for index in self.before.below(before):
            found = self._common(target, self.before, index, best)
            is_most = 2 * found > target.total()
            is_best = found > best or (outer is not None and found == best and self.alike(index, after))
            if is_most and is_best and self._directly_common(index, after) >= direct:
                best, inner, outer = found, None, index
        return inner, outer

    def _directly_common(self, before: int, after: int) -> int:
        """Return how many modules with parameters match if the two modules and their children are paired."""
        common = int(self.before.kinds[before] is not None and self.before.kinds[before] == self.after.kinds[after])
        for old, new in self.pairs(self.before.children[before], self.after.children[after]):
            common += self._common(self.before.contents(old), self.after, new, 0)
        return common

    def _common(self, contents: Counter[Hashable], side: ComparedTree, index: int, least: int) -> int:
        """Return how many of the modules in `contents` a subtree has; 0 if there cannot be `least`."""
        if side.weights[index] < max(1, least) or self.effort < 0:
            return 0
        self.effort -= side.sizes[index]
        return (contents & side.contents(index)).total()

    def alike(self, before: int, after: int) -> bool:
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

    def of_same_path(self, old: Sequence[int], new: Sequence[int], pairs: Sequence[tuple[int, int]]) -> dict[int, int]:
        """Return modules of the second tree with those of the first one that have their names and no pair yet."""
        paired = {index for index, _ in pairs}
        named = {self.before.modules[index].name: index for index in old if index not in paired}
        found = {index: named.get(self.after.modules[index].name) for index in new}
        return {index: match for index, match in found.items() if match is not None and self._same_type(match, index)}

    def pairs(self, old: Sequence[int], new: Sequence[int]) -> list[tuple[int, int]]:
        """Return the siblings that match: `old` of the first tree, `new` of the second one."""
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
