"""Which boxes of a figure depend on which others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import cache

from bmvis.view.figure.figure import Figure


class Dependence:
    """What depends on what in a figure.

    Args:
        figure: the figure.
        frames_of: for each box, the keys of the frames around it, the outermost first.
    """

    def __init__(self, figure: Figure, frames_of: Mapping[str, tuple[str, ...]]) -> None:
        self._frames_of = frames_of
        self._after: defaultdict[str, list[str]] = defaultdict(list)
        for edge in figure.edges:
            self._after[edge.source].append(edge.target)
        inputs = [box.key for box in figure.boxes if box.kind == "input"]
        self.fed = self._reached(inputs)
        """The boxes that depend on an input of the model."""
        self._without = cache(lambda key: self._reached(inputs, key))
        self._from = cache(lambda key: self._reached([key]))

    def is_skip(self, net: str, main: str | None, around: Collection[str]) -> bool:
        """Return whether a value in a frame skips what the trunk of the frame computes from it.

        It does if the trunk's value depends on an input only through it, or if it is computed in a frame from it and
        the trunk's value leaves that frame, too: a bias that the first block of a decoder computes for the next ones.

        Args:
            net: the key of the box that computes the value.
            main: the key of the box that computes the value that enters the trunk; None if the trunk starts inside.
            around: the frames around the place where the values are used.
        """
        if net == main:
            return True
        if main is None or main not in self.fed:
            return False
        if main not in self._without(net):
            return True
        common = [one for one, other in zip(self._frames_of[net], self._frames_of[main], strict=False) if one == other]
        return bool(common) and common[-1] not in around and main in self._from(net)

    def _reached(self, starts: Collection[str], without: str | None = None) -> set[str]:
        todo = [key for key in starts if key != without]
        found = set(todo)
        while todo:
            new = [key for key in self._after[todo.pop()] if key not in found and key != without]
            found.update(new)
            todo += new
        return found
