"""List the changes from an earlier model to the present one, with their class, and a headline.

`bmvis.comparison.alignment` matches the modules. A change that applies to a whole subtree is one line.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from bmvis.comparison.checkpoint import Verdict, checkpoint_verdict
from bmvis.comparison.ignored import NOTHING, Ignored
from bmvis.comparison.key_map import RenamedKey, renamed_keys
from bmvis.comparison.lines import IMPACTS, DriftLine
from bmvis.comparison.model_changes import ModelChanges
from bmvis.comparison.optimizer_state import OptimizerState, optimizer_state
from bmvis.comparison.summary.summing import sum_up
from bmvis.comparison.tensor_changes import Impact
from bmvis.model.totals import Totals, subtree_totals
from bmvis.model.tree import Model

__all__ = ["IMPACTS", "Drift", "DriftLine", "find_drift", "total_lines"]


class Drift(msgspec.Struct, frozen=True):
    """All changes from one model to another. Falsy if there are none.

    Examples:
        >>> print(bmvis.compare(nn.Sequential(nn.Linear(4, 8)), nn.Sequential(nn.Linear(4, 16))))
        ~ 0  weight: [8, 4] → [16, 4], bias: [8] → [16]
          parameters 40 → 80 (+40)
          trainable 40 → 80 (+40)
    """

    changes: tuple[DriftLine, ...]
    """The changes. Equal changes of many blocks are one line."""
    before: Totals
    """The numbers of elements and bytes of the earlier model."""
    after: Totals
    """Those of the later model."""
    verdict: Verdict = Verdict()
    """Whether state dicts of the earlier model load into the later one."""
    renamed: tuple[RenamedKey, ...] = ()
    """State-dict keys that have another name now."""
    optimizer_state: OptimizerState | None = None
    """Whether the saved state of an optimizer still loads, and to which parameters it then belongs. None if nothing
    changed, or if it is unknown because an optimizer came or went."""
    versions: str = ""
    """The packages that have another version now; '' if nothing else differs."""

    def __bool__(self) -> bool:
        return bool(self.changes) or self.verdict.differs

    def __str__(self) -> str:
        found = [*map(str, self.changes), *total_lines(self.before, self.after)]
        return "\n".join([*found, f"  {self.versions}"] if self.versions else found)

    def key_map(self, *, guess: bool = False) -> dict[str, str]:
        """Return the present key for each state-dict key that was renamed.

        Args:
            guess: whether to include keys that can also correspond to other keys of the same shape.

        Returns:
            The new keys by the former ones. Keys that did not change are left out.

        Examples:
            >>> before, after = nn.ModuleDict({"old": nn.Linear(2, 3)}), nn.ModuleDict({"new": nn.Linear(2, 3)})
            >>> keys = bmvis.compare(before, after).key_map()
            >>> keys
            {'old.weight': 'new.weight', 'old.bias': 'new.bias'}
            >>> state = {keys.get(key, key): tensor for key, tensor in before.state_dict().items()}
            >>> after.load_state_dict(state)
            <All keys matched successfully>
        """
        return {key.before: key.after for key in self.renamed if key.is_certain or guess}

    @property
    def impact(self) -> Impact | None:
        """The most serious class of the changes; None if there is no change."""
        found = {impact for change in self.changes for impact in change.impacts} | (
            set() if self.verdict.loads else {"checkpoint"}
        )
        return next((impact for impact in IMPACTS if impact in found), None)

    @property
    def headline(self) -> str:
        """The effect of the changes on state dicts that were saved before; '' if there is no change.

        The saved state of an optimizer is included if it would apply to other parameters, or does not load although the
        state dict of the model does.
        """
        if not self:
            return ""
        state = self.optimizer_state
        is_noted = state is not None and (bool(state.moved) or (self.verdict.loads and not state.loads))
        return f"{self._effect}; {state}" if is_noted else self._effect

    @property
    def _effect(self) -> str:
        if not self.verdict.loads:
            return str(self.verdict)
        found = {impact for change in self.changes for impact in change.impacts}
        if "numerics" in found:
            return "old checkpoints load, but outputs differ"
        return "old checkpoints load; " + ("training differs" if "training" in found else "the changes are cosmetic")


def find_drift(before: Model, after: Model, ignored: Ignored = NOTHING) -> Drift:
    """Return the changes from one model to another. The device of the build is not compared."""
    found = ModelChanges(before, after, ignored)
    counted = [line for line in found.lines() if not ignored.covers(line.path, line.topic, line.impact)]
    verdict = checkpoint_verdict(before, after)
    if verdict.loads:
        counted = [_loaded(line) for line in counted]
    changes = tuple(sum_up(counted, before, after))
    if not changes and verdict.differs and verdict == checkpoint_verdict(before, before):
        verdict = Verdict()  # the module's own code does not load what it saves: nothing has changed
    renamed = renamed_keys(before, after, found.pairs, verdict)
    totals = subtree_totals(before)[0], subtree_totals(after)[0]
    has_changes = bool(changes) or verdict.differs
    keys = {key.before: key.after for key in renamed}
    state = optimizer_state(before, after, keys) if has_changes else None
    versions = _versions(before, after) if has_changes else ""
    return Drift(changes, *totals, verdict, renamed, state, versions)


def _loaded(line: DriftLine) -> DriftLine:
    """Return a line with its class if old checkpoints load: PyTorch can convert what the line reports."""
    if line.impact != "checkpoint":
        return line
    is_converted = line.kind == "changed" and line.topic in ("shape", "added", "removed")
    return msgspec.structs.replace(line, impact="cosmetic" if is_converted else "numerics")


def _versions(before: Model, after: Model) -> str:
    """Return which packages have another version: `recorded with transformers 4.56.2, here 5.23.0`."""
    both = [name for name in before.versions if name in after.versions]
    found = [
        f"{name} {before.versions[name]}, here {after.versions[name]}"
        for name in both
        if before.versions[name] != after.versions[name]
    ]
    return f"recorded with {'; '.join(found)}" if found else ""


def total_lines(before: Totals, after: Totals) -> Iterator[str]:
    """Yield a line for each total that changed."""
    for name, was, is_now in (
        ("parameters", before.count, after.count),
        ("trainable", before.trainable, after.trainable),
        ("delta", before.delta, after.delta),
    ):
        if was != is_now:
            yield f"  {name} {was:,} → {is_now:,} ({is_now - was:+,})"
