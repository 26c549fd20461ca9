"""List the changes of a parameter or buffer, each with its impact."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple

from bmvis import humanize
from bmvis.model.tree import Buffer, Module, Parameter, Tensor, is_sparse

Impact = Literal["checkpoint", "numerics", "training", "cosmetic"]
_HANDLED = {
    "name",
    "shape",
    "dtype",
    "quantization",
    "trainable",
    "delta",
    "adapter",
    "parametrized",
    "tied_to",
    "persistent",
}
_DERIVED = {"device", "tied_by", "change", "count", "stored_bytes"}
_OTHERS = tuple(name for name in Parameter.__struct_fields__ if name not in _HANDLED | _DERIVED)
"""All other fields, so that a new field of `Parameter` is never ignored."""


class ChangedFact(NamedTuple):
    """One change of one tensor."""

    text: str
    impact: Impact
    is_common: bool
    """Whether the text has no size of the tensor, so that it can apply to a whole model."""
    before: str = ""
    """The former value; '' if the change is not from one value to another."""
    after: str = ""
    topic: str = ""
    """What changed: the name of an argument, or of a fact of tensors; `ignore` in pyproject.toml names it."""

    @property
    def on_row(self) -> str:
        """Return the text for a row that shows the present state too: `trainable → frozen` with `frozen`."""
        return f"{self.before} → {self.after}" if self.topic == "trainable" else self.text


def changed(
    before: str, after: str, impact: Impact, *, name: str = "", topic: str = "", is_common: bool = False
) -> ChangedFact:
    """Return the change of a value to another one.

    Args:
        before: the former value.
        after: the present value.
        impact: what the change affects.
        name: the name of the value, if the value alone is not clear.
        topic: the name of what changed, if it is another one.
        is_common: whether the text has no size of a tensor.
    """
    text = f"{name}: {before} → {after}" if name else f"{before} → {after}"
    return ChangedFact(text, impact, is_common, before, after, topic or name)


def tensor_changes(old: Module, new: Module, key: Callable[[str], str]) -> Iterator[tuple[str, ChangedFact]]:
    """Yield each change, with the name of the tensor.

    Args:
        old: the module before.
        new: the same module now.
        key: a function that converts a state-dict key of the old model to the key in the new one.
    """
    was, is_now = _named(old), _named(new)
    for name in dict.fromkeys([*was, *is_now]):
        before, after = was.get(name), is_now.get(name)
        if before is None and after is not None:
            yield name, ChangedFact(f"added, {_tensor(after)}", _impact_of(after), False, topic="added")
        elif after is None and before is not None:
            yield name, ChangedFact(f"removed, {_tensor(before)}", _impact_of(before), False, topic="removed")
        elif before is not None and after is not None:
            yield from ((name, fact) for fact in facts_of(before, after, key))
    if was.keys() == is_now.keys() and list(was) != list(is_now):
        is_trained = [name for name in was if isinstance(was[name], Parameter)]
        impact: Impact = "cosmetic" if is_trained == [n for n in is_now if n in is_trained] else "training"
        yield "", changed(", ".join(was), ", ".join(is_now), impact, name="order")


def is_saved(tensor: Tensor) -> bool:
    """Return whether a tensor is part of the state dict."""
    return isinstance(tensor, Parameter) or tensor.persistent


def tensors_of(module: Module) -> tuple[Tensor, ...]:
    """Return a module's own parameters and buffers."""
    return (*module.parameters, *module.buffers)


def _named(module: Module) -> Mapping[str, Tensor]:
    return {tensor.name: tensor for tensor in tensors_of(module)}


def facts_of(old: Tensor, new: Tensor, key: Callable[[str], str]) -> Iterator[ChangedFact]:
    """Yield each change of one tensor. The arguments are those of `tensor_changes`."""
    if type(old) is not type(new):
        names = {Parameter: "parameter", Buffer: "buffer"}
        yield changed(names[type(old)], names[type(new)], "training", topic="persistent", is_common=True)
    if is_saved(old) != is_saved(new):
        text = "now in the state dict" if is_saved(new) else "no longer in the state dict"
        yield ChangedFact(text, "checkpoint", True, topic="persistent")
    if old.shape != new.shape:
        shaped: Impact = "checkpoint" if is_saved(old) and is_saved(new) else "numerics"
        yield changed(_shape(old), _shape(new), shaped, topic="shape")
    if (tied := key(old.tied_to) if old.tied_to else "") != new.tied_to:
        if tied:
            yield ChangedFact(f"no longer tied to {tied}", "training", False, topic="tied")
        if new.tied_to:
            yield ChangedFact(f"tied to {new.tied_to}", "numerics", False, topic="tied")
    if old.dtype != new.dtype:
        yield changed(old.dtype, new.dtype, "numerics", topic="dtype", is_common=True)
    if not (isinstance(old, Parameter) and isinstance(new, Parameter)):
        return
    if old.quantization != new.quantization:
        plain = "dense" if is_sparse(old.quantization + new.quantization) else "not quantized"
        schemes = (old.quantization or plain, new.quantization or plain)
        yield changed(*schemes, "checkpoint", topic="quantization", is_common=True)
    if old.trainable != new.trainable:
        states = ("frozen", "trainable") if new.trainable else ("trainable", "frozen")
        yield ChangedFact(states[1], "training", True, *states, topic="trainable")
    if old.delta != new.delta:
        yield ChangedFact(
            "adapter parameter" if new.delta else "no adapter parameter", "training", True, topic="adapter"
        )
    for was, is_now, absent, topic in (
        (old.adapter, new.adapter, "active", "adapter"),
        (old.parametrized, new.parametrized, "not parametrized", "parametrized"),
    ):
        if was != is_now:
            yield changed(was or absent, is_now or absent, "numerics", topic=topic, is_common=True)
    yield from _others(old, new)


def _others(old: Parameter, new: Parameter) -> Iterator[ChangedFact]:
    for field in _OTHERS:
        was, is_now = getattr(old, field), getattr(new, field)
        if was != is_now:
            impact: Impact = "training" if field == "groups" else "numerics"
            yield ChangedFact(
                f"{field} {_value(was)} → {_value(is_now)}", impact, True, _value(was), _value(is_now), field
            )


def _value(value: object) -> str:
    return (", ".join(map(str, value)) if isinstance(value, tuple) else str(value or "")) or "none"


def _impact_of(tensor: Tensor) -> Impact:
    return "checkpoint" if is_saved(tensor) else "numerics"


def _tensor(tensor: Tensor) -> str:
    notes = "" if not isinstance(tensor, Parameter) or tensor.trainable else " frozen"
    return f"{tensor.dtype}{_shape(tensor)}{notes}" + ("" if is_saved(tensor) else " not saved")


def _shape(tensor: Tensor) -> str:
    return "uninitialized" if tensor.shape is None else humanize.shape(tensor.shape)
