"""What a figure shows: boxes, edges and frames, without coordinates or markup."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import msgspec

from bmvis.model.contraction import EdgeChange, Kind

Shape = tuple[int | str, ...]


class Box(msgspec.Struct, frozen=True):
    """An input, a module, a join (an operation that combines several values), or an output."""

    key: str
    """Unique in the figure, such as `in:x`, `encoder.layer.0..x12`, `encoder#1`, `(+)embeddings` and `out:logits`."""
    kind: Kind
    label: str
    """The text in the box: `layer.0-11`, `+`, `concat`, `input_ids`."""
    type_name: str = ""
    """The class of the module; '' for other boxes."""
    path: str | None = None
    """The path of the module, or of the first one that the box represents. For a join, the module that computes it."""
    repeats: int = 1
    """Number of equal modules, or calls of one module, that the box represents."""
    similar: bool = False
    """Whether these modules differ in sizes."""
    note: str = ""
    """An addition to the label: `same weights`, `call 1 of 2`."""
    parallel: bool = False
    """Whether the repeats are next to each other, such as experts, and not in a chain."""


class Edge(msgspec.Struct, frozen=True):
    """A value that one box computes and another one uses."""

    source: str
    target: str
    shape: Shape | None = None
    """The shape of the value. None if it is not a single tensor, or differs between the repeats."""
    change: EdgeChange = ""
    """In a comparison, whether only one of the models has it."""


class Frame(msgspec.Struct, frozen=True):
    """An opened module around its boxes, or a repeated group of boxes.

    A group that is not a module, such as the period `A, B` of `A, B, A, B`, has no path and no type.
    """

    label: str
    path: str | None
    type_name: str
    repeats: int = 1
    boxes: tuple[str, ...] = ()
    """Keys of the boxes in the frame itself, without those in `frames`, in the order of the calls."""
    frames: tuple[Frame, ...] = ()
    similar: bool = False
    note: str = ""
    parallel: bool = False


class Figure(msgspec.Struct, frozen=True, dict=True):
    """A model at one level of detail. Boxes are in the order of the calls: inputs first, outputs last."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    """Edges in the order of their targets. Two boxes have at most one edge in each direction."""
    frames: tuple[Frame, ...] = ()
    called_with: str = ""
    """The inputs of the traced call: `input_ids: int64[1, 8]`."""
    level: int = 0
    """The level of the modules that are drawn as boxes. The children of the root have level 1."""
    undrawn: tuple[str, ...] = ()
    """In a comparison, the connections of the base model alone that are not edges here, as text."""
    tangled: bool = False
    """Whether it has more edges without operations than with them: values pass through many of them."""
    unseen: tuple[str, ...] = ()
    """What it does not show, because the record of the call does not have it."""

    @cached_property
    def box_of(self) -> Mapping[str, Box]:
        """The box of each key."""
        return {box.key: box for box in self.boxes}
