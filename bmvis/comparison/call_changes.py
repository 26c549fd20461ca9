"""List the changes of the forward pass: which modules are called, their outputs, and their MACs. Internal.

A change of sizes changes the outputs and MACs of many modules. If other changes explain them, only those of the whole
model are listed. The size of intermediate tensors depends on the version of torch, and is not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bmvis.comparison.lines import WHOLE, DriftLine, fact_line
from bmvis.comparison.tensor_changes import ChangedFact, changed
from bmvis.model.call import Call
from bmvis.model.call_text import write_outputs
from bmvis.model.tree import Model

_NOTHING = "not recorded"


def call_changes(before: Model, after: Model, now: Mapping[int, int], *, is_explained: bool) -> Iterator[DriftLine]:
    """Yield each change.

    Args:
        before: the earlier model.
        after: the present model.
        now: for each module of the earlier model, the same one in the present model.
        is_explained: whether there are other changes that can change outputs.
    """
    if not is_explained and before.active and after.active and before.active != after.active:
        counts = (f"{before.active:,}", f"{after.active:,}")
        yield _of_model(changed(*counts, "cosmetic", name="active parameters", topic="active"))
    if before.inputs != after.inputs:
        texts = (before.inputs or _NOTHING, after.inputs or _NOTHING)
        yield _of_model(changed(*texts, "cosmetic", name="inputs"))
    elif before.untraced or after.untraced:
        yield from _callable(before, after)
    elif after.inputs:
        yield from _of_whole(before, after)
        for old, new in now.items():
            for fact in _facts(before, old, after, new, is_explained=is_explained):
                yield fact_line(after.paths[new], fact)


def _callable(before: Model, after: Model) -> Iterator[DriftLine]:
    """Yield whether the model can be called, if that has changed."""
    if after.untraced and not before.untraced:
        yield _of_model(ChangedFact(f"cannot be called: {after.untraced.message}", "numerics", False, topic="called"))
    if before.untraced and not after.untraced:
        yield _of_model(ChangedFact("can be called now", "cosmetic", False, topic="called"))


def _of_model(fact: ChangedFact) -> DriftLine:
    return fact_line("", fact, subject=WHOLE)


def _of_whole(before: Model, after: Model) -> Iterator[DriftLine]:
    """Yield the changes of the model's outputs and of all MACs."""
    old, new = before.root.call or Call(), after.root.call or Call()
    if old.outputs != new.outputs:
        yield _of_model(_outputs(old, new))
    if old.uncounted == new.uncounted and old.macs != new.macs:
        yield _of_model(_macs(old.macs, new.macs))


def _facts(before: Model, old: int, after: Model, new: int, *, is_explained: bool) -> Iterator[ChangedFact]:
    """Yield the changes of one module, without those of the modules below it."""
    was, is_now = before.modules[old].call, after.modules[new].call
    if was is None or is_now is None:
        return
    if was.calls != is_now.calls:
        yield _number(was.calls, is_now.calls)
    if is_explained or not new or not (was.calls and is_now.calls):
        return
    if was.outputs != is_now.outputs:
        yield _outputs(was, is_now)
    macs = (_own_macs(before, old), _own_macs(after, new))
    if was.uncounted == is_now.uncounted and macs[0] != macs[1]:
        yield _macs(*macs)


def _number(was: int, is_now: int) -> ChangedFact:
    if was and is_now:
        return changed(str(was), str(is_now), "numerics", name="calls")
    return ChangedFact(
        "called now" if is_now else "no longer called", "numerics", False, str(was), str(is_now), "calls"
    )


def _outputs(was: Call, is_now: Call) -> ChangedFact:
    before, after = (write_outputs(call.outputs) or "no tensor" for call in (was, is_now))
    return changed(before, after, "numerics", name="output")


def _macs(was: int, is_now: int) -> ChangedFact:
    return changed(f"{was:,}", f"{is_now:,}", "cosmetic", name="MACs", topic="macs")


def _own_macs(model: Model, index: int) -> int:
    """Return the MACs of a module without those of the modules that it contains."""
    calls = [model.modules[position].call for position in (index, *model.children[index])]
    own, *below = [call.macs if call else 0 for call in calls]
    return own - sum(below)
