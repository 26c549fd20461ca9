"""The text of the mark "differs": how a row differs from its counterpart, and one note for several alike ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from bmvis.model.labels import shortened

Growth = Literal["", "wider", "narrower", "of other sizes"]
"""How the sizes of tensors compare with those of the counterparts."""

FEW_SIZES = 2
"""Maximum number of rows that note their sizes exactly, if most rows of the block have the sizes of the reference."""
WIDE_PATH = 24
"""Maximum length of the path of a row in a note about several."""
MAX_NAMED = 2
"""Maximum number of rows that a note about several names."""


class Variant(msgspec.Struct, frozen=True):
    """How one row differs from its counterpart."""

    reference: str
    """The group that it was compared with: `layer.0-5`."""
    module: tuple[str, ...] = ()
    """Facts about the counterpart module itself: `its type is DeepseekV3MoE`."""
    tensors: tuple[tuple[str, str], ...] = ()
    """Facts about the counterpart's parameters and buffers: `("weight", "frozen")`."""
    which: str = ""
    """The modules of the row that have a different counterpart; '' if all have."""
    is_same: bool = False
    """Whether the counterpart has tensors of the same names and shapes, and all differ."""
    own_growth: Growth = ""
    """How the sizes of its tensors compare, if nothing else differs."""
    growth: Growth = ""
    """How the sizes of the rows below a block compare, which then have no notes about them."""
    rows: str = ""
    """The rows below a block that the note is about: `q_proj and v_proj`; '' if it is about most of them."""

    def __str__(self) -> str:
        facts = _and([*self.module, *self._tensor_facts()])
        rows = f" in {self.rows}" if self.rows else ""
        if not facts:
            return (
                f"as {self.reference}, {self.growth}{rows}" if self.growth else f"differs from {self.reference}{rows}"
            )
        where = f" in {self.which}" if self.which and self.module else ""
        more = f"; {self.growth or 'also'}{rows}" if self.growth or rows else ""
        return f"differs from {self.reference}{where}, where {facts}{more}"

    def _tensor_facts(self) -> list[str]:
        alike: dict[str, list[str]] = {}
        for name, words in self.tensors:
            alike.setdefault(words, []).append(name)
        if self.is_same and not self.which and len(alike) == 1:
            return [f"it is {next(iter(alike))}"]
        of = f" of {self.which}" if self.which and not self.module else ""
        return [f"{_and(names)}{of} {'is' if len(names) == 1 else 'are'} {words}" for words, names in alike.items()]

    def of(self, tensor: str) -> Variant | None:
        """Return the part about one tensor, or about the module itself for ''; None if there is none."""
        found = tuple((name, words) for name, words in self.tensors if name == tensor)
        if not tensor:
            is_own = self.module or not self.tensors
            return msgspec.structs.replace(self, tensors=()) if is_own else None
        return Variant(self.reference, (), found, self.which) if found else None


Notes = Mapping[str, Variant]
"""The notes of a block and the rows below it, by their paths below the block; that of the block itself has ''."""


def merge_alike(notes: Notes, tensor_rows: int) -> Notes:
    """Return the notes of a block, with one at the block itself where many of its rows differ in the same way.

    Args:
        notes: the notes of the block and the rows below it.
        tensor_rows: the number of these rows that have tensors.
    """
    words = {fact for note in notes.values() for fact in note.tensors}
    is_same = all(note.is_same and not note.which and not note.module for note in notes.values())
    states = {state for _, state in words}
    if len(notes) == tensor_rows > 1 and is_same and len(states) == 1:
        return {"": Variant(_reference(notes), (f"all parameters are {states.pop()}",))}
    sized = {row: note for row, note in notes.items() if note.own_growth}
    if len(sized) < 2 or (len(sized) <= FEW_SIZES and 2 * len(sized) < tensor_rows):
        return notes
    growths = {note.own_growth for note in sized.values()}
    growth = growths.pop() if len(growths) == 1 else "of other sizes"
    rows = _rows(list(sized)) if 2 * len(sized) < tensor_rows and "" not in sized else ""
    own = notes[""] if "" in notes and "" not in sized else Variant(_reference(notes))
    kept = {row: note for row, note in notes.items() if row and row not in sized}
    return {"": msgspec.structs.replace(own, growth=growth, rows=rows), **kept}


def with_lengths(notes: Notes, lengths: Mapping[str, int]) -> Notes:
    """Return the notes of a block, with the lengths of the other block's lists if it is "wider" or "narrower" as well.

    Args:
        notes: the notes of the block and the rows below it.
        lengths: the number of modules of the counterpart, by the path of each list of another length.
    """
    own = notes.get("")
    if own is None or not own.growth or not lengths:
        return notes
    facts = [
        f"{_there_are(count)}{f' in {shortened(path, WIDE_PATH)}' if path else ''}"
        for path, count in list(lengths.items())[:MAX_NAMED]
    ]
    return {**notes, "": msgspec.structs.replace(own, module=(*own.module, *facts))}


def _there_are(count: int) -> str:
    return "there is 1 module" if count == 1 else f"there are {count} modules"


def merge_notes(notes: Notes) -> Notes:
    """Return one note for a block, which names its rows that differ."""
    own = notes.get("", Variant(_reference(notes)))
    rows = [row for row in notes if row]
    return {"": msgspec.structs.replace(own, rows=_rows(rows), growth="")}


def _reference(notes: Notes) -> str:
    return next(iter(notes.values())).reference


def _rows(paths: Sequence[str]) -> str:
    """Return `q_proj, k_proj and 2 more`, or `12 rows`."""
    if len(paths) > 3 * MAX_NAMED:
        return f"{len(paths)} rows"
    shown = [shortened(path, WIDE_PATH) for path in paths[:MAX_NAMED]]
    more = len(paths) - MAX_NAMED
    return _and([*shown, *([f"{more} more"] if more > 0 else [])])


def _and(words: Iterable[str]) -> str:
    *most, last = words or ("",)
    return f"{', '.join(most)} and {last}" if most else last
