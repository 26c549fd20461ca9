"""Whether a state dict saved before a change still loads after it, by its keys and shapes."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from bmvis.model.tree import Model, join

MAX_PLACES = 1_000_000
"""Of modules and of tensors in one model: modules that share modules that share modules have no end in practice."""
_NORMS = ("torch.nn.modules.batchnorm", "torch.nn.modules.instancenorm")
_WEIGHT_NORM = ("torch.nn.utils.parametrizations", "_WeightNorm")


class Stored(NamedTuple):
    """What decides whether a tensor of a state dict can be copied into another one."""

    shape: tuple[int, ...] | None
    quantization: str


class Verdict(msgspec.Struct, frozen=True):
    """How an old state dict and a new model fit together; keys in the order of their models."""

    missing: tuple[str, ...] = ()
    """Keys that the new model expects and the old file does not have."""
    unexpected: tuple[str, ...] = ()
    """Keys that only the old file has."""
    reshaped: tuple[str, ...] = ()
    """Keys of both whose tensors cannot be copied: `strict=False` does not help."""

    @property
    def loads(self) -> bool:
        """Return whether `load_state_dict(old)` raises nothing."""
        return not (self.missing or self.unexpected or self.reshaped)

    @property
    def loads_loosely(self) -> bool:
        """Return whether `load_state_dict(old, strict=False)` raises nothing."""
        return not self.reshaped

    def __str__(self) -> str:
        if self.loads:
            return "old checkpoints load"
        counts = [f"{len(self.missing)} {'key' if len(self.missing) == 1 else 'keys'} missing"] if self.missing else []
        if self.unexpected:
            counts.append(f"{len(self.unexpected)} no longer used")
        if self.reshaped:
            counts.append(f"{len(self.reshaped)} of another shape")
        result = "load with strict=False only" if self.loads_loosely else "no longer load"
        return f"old checkpoints {result} ({', '.join(counts)})"


def checkpoint_verdict(before: Model, after: Model) -> Verdict:
    """Return whether state dicts of `before` load into `after`, as `torch.nn.Module.load_state_dict` decides it."""
    old, new = state_keys(before), state_keys(after)
    _convert_weight_norm(old, after)
    for key in _filled_in(before, after):
        if key not in old and key in new:
            old[key] = new[key]
    return Verdict(
        tuple(key for key in new if key not in old),
        tuple(key for key in old if key not in new),
        tuple(key for key in new if key in old and not _fits(old[key], new[key])),
    )


def state_keys(model: Model) -> dict[str, Stored]:
    """Return the keys of a model's state dict. A shared module has its keys at each of its places."""
    found: dict[str, Stored] = {}
    pending: list[tuple[str, int, _Entered | None]] = [("", 0, None)]
    met = 0
    while pending and met < MAX_PLACES and len(found) < MAX_PLACES:
        path, index, above = pending.pop()
        met += 1
        module = model.modules[index]
        first = index if module.shared_with is None else model.index_of.get(module.shared_with, index)
        if module.shared_with is not None and _contains(above, first):
            continue  # a module that contains itself has no end
        for parameter in module.parameters:
            found[join(path, parameter.name)] = Stored(parameter.shape, parameter.quantization)
        for buffer in module.buffers:
            if buffer.persistent:
                found[join(path, buffer.name)] = Stored(buffer.shape, "")
        entered = _Entered(first, above)
        pending += [
            (join(path, model.modules[child].name), child, entered) for child in reversed(model.children[first])
        ]
    return found


class _Entered(NamedTuple):
    """A module that the walk is inside of, and those around it."""

    module: int
    above: _Entered | None


def _contains(entered: _Entered | None, index: int) -> bool:
    while entered is not None:
        if entered.module == index:
            return True
        entered = entered.above
    return False


def _fits(old: Stored, new: Stored) -> bool:
    if old.quantization != new.quantization:
        return False
    if new.shape is None:
        return True  # a lazy parameter takes the shape of what is loaded
    return old.shape == new.shape or (new.shape == () and old.shape == (1,))


def _convert_weight_norm(old: dict[str, Stored], after: Model) -> None:
    """Rename the keys of `torch.nn.utils.weight_norm`, as the load hook of its parametrization does."""
    for index, module in enumerate(after.modules):
        if (module.package, module.type) != _WEIGHT_NORM:
            continue
        target, _, _ = after.paths[index].rpartition(".")
        above, _, name = target.rpartition(".parametrizations.")
        if not above and target.startswith("parametrizations."):
            name = target.removeprefix("parametrizations.")
        for suffix, original in (("_g", "original0"), ("_v", "original1")):
            if (key := join(above, name + suffix)) in old:
                old[join(target, original)] = old.pop(key)


def _filled_in(before: Model, after: Model) -> list[str]:
    """Return the counters that a norm fills in for a file written by a module that was not a norm."""
    found = []
    for index, module in enumerate(after.modules):
        if module.package not in _NORMS:
            continue
        path = after.paths[index]
        was = before.index_of.get(path)
        if was is not None and before.modules[was].package not in _NORMS:
            found.append(join(path, "num_batches_tracked"))
    return found
