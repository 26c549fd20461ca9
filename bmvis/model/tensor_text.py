"""The compact text of a tensor in a row of a snapshot: `float32[768, 768] frozen`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from bmvis.model.tree import Buffer, Parameter

MAX_DIMENSIONS = 64
"""The limit of PyTorch."""
_Record = TypeVar("_Record", Parameter, Buffer)
_COMPACT = re.compile(
    r"(?P<dtype>\w+)\[(?P<shape>\?|(?:-?\d+(?:, -?\d+)*)?)\]"
    r"(?P<frozen> frozen)?(?P<delta> delta)?(?P<temporary> not saved)?"
)
_BITS = re.compile(r"\d+")
_KEYS: Mapping[type[Parameter] | type[Buffer], tuple[str, ...]] = {
    kind: ("is", *(field.name for field in msgspec.structs.fields(kind))) for kind in (Parameter, Buffer)
}
"""The keys of the object that can replace the text."""


def write_tensor(record: Parameter | Buffer, path: str, device: str) -> str | dict[str, Any]:
    """Return the compact text of a tensor, with the fields that the text does not have."""
    text = f"{record.dtype}[{'?' if record.shape is None else ', '.join(map(str, record.shape))}]"
    if isinstance(record, Parameter):
        text += ("" if record.trainable else " frozen") + (" delta" if record.delta else "")
    elif not record.persistent:
        text += " not saved"
    kind: type[Any] = type(record)
    known = msgspec.structs.asdict(_parse(kind, record.name, text, device))
    more = {name: value for name, value in msgspec.structs.asdict(record).items() if known[name] != value}
    if "tied_to" in more:
        more["tied_to"] = relative(path, more["tied_to"])
    if "tied_by" in more:
        more["tied_by"] = [relative(path, key) for key in more["tied_by"]]
    return {"is": text} | more if more else text


def read_tensor(kind: type[_Record], name: str, written: str | Mapping[str, Any], path: str, device: str) -> _Record:
    """Return the tensor that `write_tensor` wrote.

    Args:
        kind: parameter or buffer.
        name: its name in the module.
        written: the text, or an object with the text and more fields.
        path: of the module.
        device: of the model.

    Raises:
        ValueError: the text is invalid.
    """
    if isinstance(written, str):
        return _parse(kind, name, written, device)
    refuse_unknown_keys(written, _KEYS[kind])
    fields = msgspec.to_builtins(_parse(kind, name, written["is"], device)) | dict(written)
    del fields["is"]
    if "tied_to" in written:
        fields["tied_to"] = absolute(path, written["tied_to"])
    if "tied_by" in written:
        fields["tied_by"] = [absolute(path, key) for key in written["tied_by"]]
    return msgspec.convert(fields, kind)


def _parse(kind: type[_Record], name: str, text: str, device: str) -> _Record:
    match = _COMPACT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not the text of a tensor")
    dtype, written = match["dtype"], match["shape"]
    shape = None if written == "?" else [int(size) for size in written.split(", ") if size]
    if shape and len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"a tensor has {len(shape)} dimensions")
    count = 0 if shape is None else math.prod(shape)
    fields = {"name": name, "dtype": dtype, "shape": shape, "stored_bytes": count * _bytes(dtype), "device": device}
    if kind is Parameter:
        fields |= {"count": count, "trainable": not match["frozen"], "delta": bool(match["delta"])}
    else:
        fields |= {"persistent": not match["temporary"]}
    return msgspec.convert(fields, kind)


def _bytes(dtype: str) -> int:
    """Return the size of an element in bytes, from the name of the dtype: `float32` has 4, `bool` 1."""
    bits = _BITS.search(dtype)
    return max(1, int(bits[0]) // 8) if bits else 1


def relative(origin: str, target: str) -> str:
    """Return the path of `target` relative to the module `origin`: a dot for each level up, then the path down."""
    here, there = _parts(origin), _parts(target)
    common = 0
    while common < min(len(here), len(there)) and here[common] == there[common]:
        common += 1
    return "." * (len(here) - common) + ".".join(there[common:])


def absolute(origin: str, target: str) -> str:
    """Return the path that `relative` wrote for the module `origin`.

    Raises:
        ValueError: the path leads out of the model.
    """
    down = target.lstrip(".")
    here = _parts(origin)
    up = len(target) - len(down)
    if up > len(here):
        raise ValueError(f"{target!r} leads out of the model")
    return ".".join([*here[: len(here) - up], *_parts(down)])


def _parts(path: str) -> list[str]:
    return path.split(".") if path else []


def refuse_unknown_keys(found: Mapping[str, Any], known: Sequence[str]) -> None:
    """Check that an object has known keys only.

    Raises:
        ValueError: it has another key.
    """
    for name in found:
        if name not in known:
            raise ValueError(f"{name!r} is unknown")
