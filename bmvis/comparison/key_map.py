"""Which state-dict keys of an earlier model have another name now. Internal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Sequence

import msgspec

from bmvis.comparison.alignment import AlignedPair
from bmvis.comparison.checkpoint import Verdict, state_keys
from bmvis.comparison.compared_tree import ComparedTree
from bmvis.comparison.tensor_changes import is_saved, tensors_of
from bmvis.model.preorder import child_path
from bmvis.model.tree import Model, Module, Tensor


class RenamedKey(msgspec.Struct, frozen=True):
    """A tensor of a state dict that was saved before, and the key under which the present model expects it.

    Examples:
        >>> before, after = nn.ModuleDict({"old": nn.Linear(2, 3)}), nn.ModuleDict({"new": nn.Linear(2, 3)})
        >>> [(key.before, key.after) for key in bmvis.compare(before, after).renamed]
        [('old.weight', 'new.weight'), ('old.bias', 'new.bias')]
    """

    before: str
    """The key in the old state dict."""
    after: str
    """The key that the present model expects."""
    is_certain: bool = True
    """Whether no other key is possible. Two renamed modules of equal structure can be confused."""


def renamed_keys(before: Model, after: Model, pairs: Sequence[AlignedPair], verdict: Verdict) -> tuple[RenamedKey, ...]:
    """Return the keys of the earlier model that the present one has under another name.

    Args:
        before: the earlier model.
        after: the present model.
        pairs: the alignment of the two.
        verdict: how a state dict of the earlier model fits.
    """
    return tuple(_Mapper(before, after, pairs).keys()) if verdict.differs else ()


class _Mapper:
    def __init__(self, before: Model, after: Model, pairs: Sequence[AlignedPair]) -> None:
        self.before, self.after = before, after
        self.now = {p.before: p.after for p in pairs if p.before is not None and p.after is not None}
        self.wrapped = frozenset(filter(None, map(self._wrapped, pairs)))
        """Modules of the earlier tree that a wrapper replaced, or that replaced their wrapper."""
        known: dict[Hashable, int] = {}
        has_types = not (before.is_checkpoint or after.is_checkpoint)
        self.old = ComparedTree(before, known, has_types=has_types)
        self.new = ComparedTree(after, known, has_types=has_types)
        self._match_the_rest()
        self.certain = self._certain()

    def keys(self) -> Iterator[RenamedKey]:
        """Yield the renamed keys, each new key once."""
        old, new = state_keys(self.before, is_saved=True)[0], state_keys(self.after, is_saved=False)[0]
        taken = set[str]()
        for key in old:
            found = self._renamed(key)
            if found and found.after != key and found.after in new and found.after not in taken:
                taken.add(found.after)
                yield found

    def _wrapped(self, pair: AlignedPair) -> int | None:
        if pair.wraps is not None or pair.after is None or not pair.was:
            return pair.wraps
        return pair.before if pair.was.startswith(f"{self.after.modules[pair.after].name}.") else None

    def _match_the_rest(self) -> None:
        """Match subtrees that were moved elsewhere: the only two of their structure."""
        old, new = self._loose(())
        for structure, indices in old.items():
            first, others = indices[0], new.get(structure, [])
            if len(indices) == len(others) == 1 and first not in self.now:
                size = self.before.sizes[first]
                self.now |= zip(range(first, first + size), range(others[0], others[0] + size), strict=True)

    def _renamed(self, key: str) -> RenamedKey | None:
        """Return the present key of a tensor by that of the nearest module around it that both models have."""
        path = key.rpartition(".")[0]
        while (index := self.before.index_of.get(path)) is None or index not in self.now:
            if not path:
                return None
            path = path.rpartition(".")[0]
        rest = key[len(path) + 1 :] if path else key
        new = self.now[index]
        is_certain = all(self.certain.get(moved, True) for moved in self._ancestors(index))
        if "." not in rest:
            rest, is_only = _present_name(self.before.modules[index], self.after.modules[new], rest)
            is_certain &= is_only
        return RenamedKey(key, child_path(self.after.paths[new], rest), is_certain) if rest else None

    def _ancestors(self, index: int) -> Iterator[int]:
        while index:
            yield index
            index = self.before.parents[index]

    def _certain(self) -> dict[int, bool]:
        """Return for each module with another path, relative to its parent, whether it can be no other one."""
        moved = {old for old, new in self.now.items() if self._is_moved(old, new)}
        old, new = self._loose(moved)
        found = {}
        for index in moved:
            structure, present = self.old.structure[index], self.new.structure[self.now[index]]
            # Modules that correspond by their layers alone are as similar to all others with these layers.
            is_by_layers = structure != present and self.old.layers(index) == self.new.layers(self.now[index])
            is_only = not is_by_layers and self._is_only(old[structure], new[structure])
            found[index] = is_only or self._is_only_sibling(index, moved)
        return found

    def _is_moved(self, old: int, new: int) -> bool:
        if not old or not new or old in self.wrapped:
            return False
        is_same_parent = self.now.get(self.before.parents[old]) == self.after.parents[new]
        return not (is_same_parent and self.before.modules[old].name == self.after.modules[new].name)

    def _loose(self, moved: Collection[int]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
        """Return the modules of both trees without a counterpart in the other one, by structure."""
        loose = set(moved)
        fixed = {old: new for old, new in self.now.items() if old not in loose}
        old: defaultdict[int, list[int]] = defaultdict(list)
        new: defaultdict[int, list[int]] = defaultdict(list)
        present = set(fixed.values())
        for index in range(1, len(self.before.modules)):
            if index not in fixed:
                old[self.old.structure[index]].append(index)
        for index in range(1, len(self.after.modules)):
            if index not in present:
                new[self.new.structure[index]].append(index)
        return old, new

    def _is_only_sibling(self, index: int, moved: Collection[int]) -> bool:
        """Return whether no other module of the same parent with these layers was renamed, as one in each block is."""
        new = self.now[index]
        above, now_above = self.before.parents[index], self.after.parents[new]
        if self.now.get(above) != now_above:
            return False
        layers = self.old.layers(index)
        was = [child for child in self.before.children[above] if child in moved or child not in self.now]
        kept = {self.now[child] for child in self.before.children[above] if child in self.now and child not in moved}
        is_now = [child for child in self.after.children[now_above] if child not in kept]
        return (
            sum(self.old.layers(child) == layers for child in was)
            == sum(self.new.layers(child) == layers for child in is_now)
            == 1
        )

    def _is_only(self, old: Sequence[int], new: Sequence[int]) -> bool:
        if len(old) <= 1 and len(new) <= 1:
            return True
        names = [self.before.modules[i].name for i in old] + [self.after.modules[i].name for i in new]
        is_one_list = len({self.before.parents[i] for i in old}) == 1 and len({self.after.parents[i] for i in new}) == 1
        return len(old) == len(new) and is_one_list and all(name.isdecimal() for name in names)


def _present_name(old: Module, new: Module, name: str) -> tuple[str, bool]:
    """Return the name that a tensor of a module has now, and whether it is the only possible one; '' if it is gone."""
    was = {tensor.name: tensor for tensor in tensors_of(old) if is_saved(tensor)}
    is_now = {tensor.name: tensor for tensor in tensors_of(new) if is_saved(tensor)}
    if name in is_now or name not in was:
        return name, True
    alike = [tensor for tensor in was.values() if tensor.name not in is_now and _is_alike(tensor, was[name])]
    possible = [tensor.name for tensor in is_now.values() if tensor.name not in was and _is_alike(tensor, was[name])]
    position = [tensor.name for tensor in alike].index(name)
    return (possible[position], len(alike) == len(possible) == 1) if position < len(possible) else ("", False)


def _is_alike(tensor: Tensor, other: Tensor) -> bool:
    return tensor.shape == other.shape
