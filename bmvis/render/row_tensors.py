"""The phrases of parameters and buffers in rows, worded once for every format.

A parameter has states, each with a `kind`, by which a renderer chooses its markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from bmvis import humanize
from bmvis.model.tree import Buffer, Change, Parameter
from bmvis.view.param_groups import groups_text
from bmvis.view.ranges import greatest

StateKind = Literal["delta", "frozen", "uninitialized", "stored_as", "parametrized", "groups", "change"]
COMMA_OF_NAMES = re.compile(r",(?=[^\W\d])")
"""The commas after which a row can break: those between names, not those of a shape: `weight,bias:[2, 3]`."""


class State(msgspec.Struct, frozen=True):
    """How a parameter differs from a plain trainable one."""

    kind: StateKind
    text: str


def sizes_text(least: Sequence[int] | None, most: Sequence[int]) -> str:
    """Return `[128, 64-224, 1, 1]`."""
    pairs = zip(least or (), most, strict=True)
    return f"[{', '.join(str(a) if a == b else f'{a}-{b}' for a, b in pairs)}]"


def tensor_text(tensor: Parameter | Buffer) -> str:
    """Return `weight:[768, 768]`."""
    most = greatest(tensor)
    return f"{tensor.name}:{sizes_text(tensor.shape, most) if most else tensor_shape(tensor.shape)}"


def buffer_state(buffer: Buffer) -> str:
    """Return `buffer`, or `buffer, not saved` for a buffer that is not in the state dict."""
    return "buffer" if buffer.persistent else "buffer, not saved"


def buffer_title(buffer: Buffer) -> str:
    """Return `buffer_state` for a tooltip, which has space for PyTorch's term."""
    return "buffer" if buffer.persistent else "buffer, not in the state dict"


def tied_keys(parameter: Parameter) -> tuple[str, ...]:
    """Return the keys that a parameter is tied to: the first occurrence, or all later ones if it is the first."""
    return (parameter.tied_to,) if parameter.tied_to else parameter.tied_by


def tied_text(keys: Sequence[str]) -> str:
    """Return `tied to embeddings.weight`."""
    return f"tied to {', '.join(keys)}"


def margin_text(parameter: Parameter, dtype: str) -> str:
    """Return the text that HTML shows after a parameter: its adapter state, and how it is stored and computed."""
    stored = parameter.stored_as if _is_stored_differently(parameter, dtype) else ""
    return ", ".join(filter(None, (parameter.adapter, stored, parameter.parametrized)))


def tensor_shape(shape: tuple[int, ...] | None) -> str:
    """Return `[768, 768]`, with `?` for a size that varies, or `[?]` for an uninitialized parameter."""
    return "[?]" if shape is None else humanize.shape(shape)


def change_text(change: Change) -> str:
    """Return the text for the change of a module or parameter: `added`, `renamed from query`, `trainable → frozen`."""
    return ", ".join(change.details) or change.kind


def parameter_states(parameter: Parameter, dtype: str = "") -> list[State]:
    """Return the states of a parameter. A trainable parameter of type `dtype` has none.

    A change that ends in a state, such as `trainable → frozen`, replaces that state.
    """
    found = list(_states(parameter, dtype))
    if parameter.change is None:
        return found
    details = parameter.change.details
    kept = [state for state in found if not any(detail.endswith(f"→ {state.text}") for detail in details)]
    return [*kept, State("change", change_text(parameter.change))]


def _states(parameter: Parameter, dtype: str) -> Iterator[State]:
    if parameter.delta:
        yield State("delta", f"delta, {parameter.adapter}" if parameter.adapter else "delta")
    if not parameter.trainable:
        yield State("frozen", "frozen")
    if parameter.shape is None:
        yield State("uninitialized", "uninitialized")
    if dtype and _is_stored_differently(parameter, dtype):
        yield State("stored_as", parameter.stored_as)
    if parameter.parametrized:
        yield State("parametrized", parameter.parametrized)
    if parameter.groups is not None and (groups := groups_text(parameter)):
        yield State("groups", groups)


def _is_stored_differently(parameter: Parameter, dtype: str) -> bool:
    return bool(parameter.quantization) or (parameter.dtype != dtype and parameter.shape is not None)


def states(parameter: Parameter, dtype: str = "") -> list[str]:
    """Return `parameter_states` as texts."""
    return [state.text for state in parameter_states(parameter, dtype)]
