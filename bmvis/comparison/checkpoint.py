"""Predict whether a state dict that was saved before a change loads after it, by keys and shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from bmvis.comparison.quantized import LIBRARY, packed_keys
from bmvis.model.preorder import child_path
from bmvis.model.tree import Model, Module

MAX_PLACES = 1_000_000
"""Maximum number of modules and of tensors in one state dict. Nested shared modules multiply without limit."""
MAX_NAMED = 3
"""Maximum number of functions in a headline."""
CODE = "state_code"
"""The name of the fact in `Model.unrecorded`."""
_NORMS = ("torch.nn.modules.batchnorm", "torch.nn.modules.instancenorm")
_WEIGHT_NORM = ("torch.nn.utils.parametrizations", "_WeightNorm")


class StateTensor(NamedTuple):
    """The facts that decide whether a tensor of a state dict can be copied into another one."""

    shape: tuple[int, ...] | None
    quantization: str
    is_required: bool = False
    """Whether `load_state_dict` raises an error without the key, also with `strict=False`."""


class Verdict(msgspec.Struct, frozen=True):
    """The result of loading an old state dict into a new model. Keys are in the order of their models.

    The rules are those of `torch.nn.Module.load_state_dict`:
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.load_state_dict

    Examples:
        >>> drift = bmvis.compare(nn.Sequential(nn.Linear(4, 8)), nn.Sequential(nn.Linear(4, 16)))
        >>> print(drift.verdict)
        old checkpoints no longer load (2 size mismatches)
    """

    missing: tuple[str, ...] = ()
    """Keys that the new model expects, and the old state dict does not have."""
    unexpected: tuple[str, ...] = ()
    """Keys that only the old state dict has."""
    reshaped: tuple[str, ...] = ()
    """Keys in both whose tensors have different sizes. `strict=False` does not help."""
    required: tuple[str, ...] = ()
    """The missing keys without which the new model raises an error. `strict=False` does not help."""
    converters: tuple[str, ...] = ()
    """Full names of load hooks, state-dict hooks and overridden methods that can change the result."""
    is_cut: bool = False
    """Whether there are too many tensors to compare, so that the result is unknown."""

    @property
    def differs(self) -> bool:
        """Return whether the keys or shapes differ."""
        return bool(self.missing or self.unexpected or self.reshaped)

    @property
    def is_certain(self) -> bool:
        """Return whether the result does not depend on user code, and all tensors were compared."""
        return not (self.converters or self.is_cut)

    @property
    def loads(self) -> bool:
        """Return whether `load_state_dict(old)` certainly succeeds."""
        return self.is_certain and not self.differs

    @property
    def loads_loosely(self) -> bool:
        """Return whether `load_state_dict(old, strict=False)` certainly succeeds."""
        return self.is_certain and not (self.reshaped or self.required)

    def __str__(self) -> str:
        if self.is_cut:
            return f"unknown whether old checkpoints load (more than {MAX_PLACES:,} tensors)"
        if not self.differs:
            return "old checkpoints load" + self._unless("rejects")
        found = ((self.missing, "missing key"), (self.unexpected, "unexpected key"), (self.reshaped, "size mismatch"))
        counts = [_counted(len(keys), noun) for keys, noun in found if keys]
        result = "no longer load" if self.reshaped or self.required else "load with strict=False only"
        return f"old checkpoints {result} ({', '.join(counts)})" + self._unless("converts")

    def _unless(self, verb: str) -> str:
        if not self.converters:
            return ""
        more = len(self.converters) - MAX_NAMED
        names = [*self.converters[:MAX_NAMED], *([f"{more} more"] if more > 0 else [])]
        return f", unless its load hook or state-dict hook {verb} them ({', '.join(names)})"


def checkpoint_verdict(before: Model, after: Model) -> Verdict:
    """Return whether state dicts of `before` load into `after`, by the rules of `torch.nn.Module.load_state_dict`.

    https://github.com/pytorch/pytorch/blob/main/torch/nn/modules/module.py
    """
    (old, is_old_cut), (new, is_new_cut) = state_keys(before, is_saved=True), state_keys(after, is_saved=False)
    _convert_weight_norm(old, after)
    for key in _filled_in(before, after):
        if key not in old and key in new:
            old[key] = new[key]
    verdict = Verdict(
        tuple(key for key in new if key not in old),
        tuple(key for key in old if key not in new),
        tuple(key for key in new if key in old and not _fits(old[key], new[key])),
        required=tuple(key for key, tensor in new.items() if key not in old and tensor.is_required),
        is_cut=is_old_cut or is_new_cut,
    )
    return msgspec.structs.replace(verdict, converters=tuple(_converters(before, after, verdict)))


def _converters(before: Model, after: Model, verdict: Verdict) -> Iterator[str]:
    """Yield the code that can change the result.

    If no key differs and the code is unchanged, the code loads what it saved, unless there is only code that saves.
    """
    saving, loading = _code(before, is_saved=True), _code(after, is_saved=False)
    if not verdict.differs:
        is_same = loading == _code(before, is_saved=False) and saving == _code(after, is_saved=True)
        if (is_same and saving.keys() <= loading.keys()) or CODE in before.unrecorded:
            return
    yield from dict.fromkeys(name for code in (loading, saving) for names in code.values() for name in names)


def _code(model: Model, *, is_saved: bool) -> dict[str, tuple[str, ...]]:
    """Return the names of the code that saves or loads a state dict, by the path of its module."""
    found = {}
    for index, module in enumerate(model.modules):
        if module.state_code is None:
            continue
        names = module.state_code.saving if is_saved else module.state_code.loading
        if packed_keys(module) is not None:
            names = tuple(name for name in names if not name.startswith(LIBRARY))
        if index:  # `load_state_dict` of the root does not call that of other modules
            names = tuple(name for name in names if not name.endswith(".load_state_dict"))
        if names:
            found[model.paths[index]] = names
    return found


def state_keys(model: Model, *, is_saved: bool) -> tuple[dict[str, StateTensor], bool]:
    """Return the keys of a model's state dict, and whether there are more. A shared module has keys at each path.

    Args:
        model: the model.
        is_saved: True for the keys that `state_dict` writes, False for those that `load_state_dict` expects.
    """
    found: dict[str, StateTensor] = {}
    pending: list[tuple[str, int, _Entered | None]] = [("", 0, None)]
    met = 0
    while pending:
        if met >= MAX_PLACES or len(found) >= MAX_PLACES:
            return found, True
        path, index, above = pending.pop()
        met += 1
        module = model.modules[index]
        first = index if module.shared_with is None else model.index_of.get(module.shared_with, index)
        if module.shared_with is not None and _contains(above, first):
            continue  # the module contains itself
        found.update(_own_keys(module, path, is_saved))
        entered = _Entered(first, above)
        pending += [
            (child_path(path, model.modules[child].name), child, entered) for child in reversed(model.children[first])
        ]
    return found, False


def _own_keys(module: Module, path: str, is_saved: bool) -> Iterator[tuple[str, StateTensor]]:
    packed = packed_keys(module)
    for name in packed or ():
        yield child_path(path, name), StateTensor(None, "", is_required=True)
    for parameter in module.parameters if packed is None else ():
        yield child_path(path, parameter.name), StateTensor(parameter.shape, parameter.quantization)
    for buffer in module.buffers:
        if buffer.persistent:
            yield child_path(path, buffer.name), StateTensor(buffer.shape, "")
    code = module.state_code
    if code is not None and (code.saves_extra if is_saved else code.loads_extra):
        yield child_path(path, "_extra_state"), StateTensor(None, "")


class _Entered(NamedTuple):
    """A module that the walk has entered, and its ancestors."""

    module: int
    above: _Entered | None


def _contains(entered: _Entered | None, index: int) -> bool:
    while entered is not None:
        if entered.module == index:
            return True
        entered = entered.above
    return False


def _fits(old: StateTensor, new: StateTensor) -> bool:
    if old.quantization != new.quantization:
        return False
    if new.shape is None:
        return True  # a lazy parameter takes the shape of the loaded tensor
    return old.shape == new.shape or (new.shape == () and old.shape == (1,))


def _convert_weight_norm(old: dict[str, StateTensor], after: Model) -> None:
    """Rename the keys of `torch.nn.utils.weight_norm`, as the load hook of its parametrization does."""
    for index, module in enumerate(after.modules):
        if (module.package, module.type) != _WEIGHT_NORM:
            continue
        target, _, _ = after.paths[index].rpartition(".")
        above, _, name = target.rpartition(".parametrizations.")
        if not above and target.startswith("parametrizations."):
            name = target.removeprefix("parametrizations.")
        for suffix, original in (("_g", "original0"), ("_v", "original1")):
            if (key := child_path(above, name + suffix)) in old:
                old[child_path(target, original)] = old.pop(key)


def _filled_in(before: Model, after: Model) -> list[str]:
    """Return the keys of counters that a norm adds to a state dict of an earlier version."""
    found = []
    for index, module in enumerate(after.modules):
        if not _is_norm(module):
            continue
        path = after.paths[index]
        was = before.index_of.get(path)
        if was is None or not _has_counter(before.modules[was]):
            found.append(child_path(path, "num_batches_tracked"))
    return found


def _counted(number: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("h") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _is_norm(module: Module) -> bool:
    return module.package in _NORMS or (module.state_code is not None and module.state_code.norm)


def _has_counter(module: Module) -> bool:
    """Return whether the version in the state dict shows that it has a counter if the module has one."""
    return module.package in _NORMS or (module.state_code is not None and module.state_code.version >= 2)
