"""One line of a report of changes. Internal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from bmvis.comparison.tensor_changes import ChangedFact, Impact

LineKind = Literal["added", "removed", "changed"]
IMPACTS: tuple[Impact, ...] = ("checkpoint", "numerics", "training", "cosmetic")
"""The most serious one first."""
WHOLE = "whole model"
FORMER = "all former parameters"
"""The subject of a change of all tensors that an earlier model has, if the present one has more."""
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


class Part(msgspec.Struct, frozen=True, omit_defaults=True, rename={"impact": "class"}):
    """One of several changes in a line.

    Examples:
        >>> (line,) = bmvis.compare(nn.Sequential(nn.Linear(4, 8)), nn.Sequential(nn.Linear(4, 16))).changes
        >>> [(part.topic, part.before, part.after) for part in line.parts]
        [('shape', '[8, 4]', '[16, 4]'), ('shape', '[8]', '[16]')]
    """

    text: str
    """Description of the change, as it is in the text of the line."""
    impact: Impact
    """What the change affects: old checkpoints, outputs, training, or only names."""
    topic: str = ""
    """What changed: the name of an argument, or of a fact of tensors."""
    before: str = ""
    """The former value; '' if the change is not from one value to another."""
    after: str = ""
    """The present value; '' in the same case."""


class DriftLine(msgspec.Struct, frozen=True, omit_defaults=True, rename={"impact": "class"}):
    """One change of one module, or of the same module in each of several blocks.

    Examples:
        >>> (line,) = bmvis.compare(nn.Sequential(nn.Linear(4, 8)), nn.Sequential(nn.Linear(4, 16))).changes
        >>> line.kind, line.path, line.impact
        ('changed', '0', 'checkpoint')
    """

    kind: LineKind
    """Whether the module, or what the text describes, was added, removed or changed."""
    path: str
    """Path of the module. `encoder.layer.0-11.output` represents twelve modules. '' is the root."""
    text: str
    """Description of the change, such as `Linear, 12 parameters` or `float32 → bfloat16`."""
    impact: Impact
    """What the change affects: old checkpoints, outputs, training, or only names."""
    was: str | None = None
    """The former path if the module was renamed or moved."""
    before: str = ""
    """The former value; '' if the change is not from one value to another."""
    after: str = ""
    """The present value; '' in the same case."""
    topic: str = ""
    """What changed: the name of an argument, or of a fact of tensors."""
    subject: str = ""
    """What the text describes if it is not the module: `whole model`, `optimizer`."""
    names: tuple[str, ...] = ()
    """The tensors that the text begins with. Empty if lines of several modules became one."""
    tensors: int = 0
    """The number of tensors that it applies to; 0 if the text names them."""
    parts: tuple[Part, ...] = ()
    """The changes that the line joins, of one module or of many; empty if it has one."""

    @property
    def impacts(self) -> tuple[Impact, ...]:
        """Return the class of each change in the line."""
        return tuple(part.impact for part in self.parts) or (self.impact,)

    def __str__(self) -> str:
        subject = self.subject or self.path or "the root"
        if self.was is not None:
            subject = f"{self.was or 'the root'} → {subject}"
        return f"{_SIGNS[self.kind]} {subject}  {self.text}"


def fact_line(path: str, fact: ChangedFact, names: Sequence[str] = (), **more: object) -> DriftLine:
    """Return the change of one module. `names` are the tensors it applies to, if not the whole module."""
    named = tuple(filter(None, names))
    text = f"{', '.join(named)}: {fact.text}" if named else fact.text
    line = DriftLine(
        "changed", path, text, fact.impact, before=fact.before, after=fact.after, topic=fact.topic, names=named
    )
    return msgspec.structs.replace(line, **more)
