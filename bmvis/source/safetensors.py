"""Read the headers of safetensors files, without torch, without code, and without the weights.

A file consists of eight bytes with the length of the header, little-endian; the header in JSON; and the bytes of the
tensors: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec

from bmvis.errors import CheckpointError
from bmvis.source.other_formats import SAVE, refuse_other_formats
from bmvis.source.tensor_file import (
    DOWNLOAD,
    MAX_DIMENSIONS,
    MAX_HEADER,
    MAX_SIZE,
    MAX_TENSORS,
    StoredTensor,
    TensorFile,
    quoted,
    read_bytes,
)

_DTYPES: Mapping[str, tuple[str, int]] = {
    "BOOL": ("bool", 8),
    "U8": ("uint8", 8),
    "I8": ("int8", 8),
    "U16": ("uint16", 16),
    "I16": ("int16", 16),
    "U32": ("uint32", 32),
    "I32": ("int32", 32),
    "U64": ("uint64", 64),
    "I64": ("int64", 64),
    "F16": ("float16", 16),
    "BF16": ("bfloat16", 16),
    "F32": ("float32", 32),
    "F64": ("float64", 64),
    "C64": ("complex64", 64),
    "F4": ("float4_e2m1fn", 4),
    "F6_E2M3": ("float6_e2m3fn", 6),
    "F6_E3M2": ("float6_e3m2fn", 6),
    "F8_E4M3": ("float8_e4m3fn", 8),
    "F8_E5M2": ("float8_e5m2", 8),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", 8),
    "F8_E5M2FNUZ": ("float8_e5m2fnuz", 8),
    "F8_E8M0": ("float8_e8m0fnu", 8),
}
"""PyTorch's name of each data type of the format, and the bits per element."""
_PART = re.compile(r"(?P<stem>.*)-(?P<number>[0-9]{5})-of-(?P<total>[0-9]{5})\.(?P<format>safetensors|gguf)")

_Size = Annotated[int, msgspec.Meta(ge=0, le=MAX_SIZE)]
_HEADER = msgspec.json.Decoder(dict[str, dict[str, str | list[_Size]]])
"""Tensors, and `__metadata__`. The types reject a malicious header before it takes memory."""


class _HeaderEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dtype: str
    shape: Annotated[tuple[_Size, ...], msgspec.Meta(max_length=MAX_DIMENSIONS)]
    data_offsets: tuple[_Size, _Size]


class _Index(msgspec.Struct, frozen=True):
    weight_map: msgspec.Raw
    """The file name of the part with each tensor; the parts are in the folder of the index."""


def is_safetensors(start: bytes, size: int) -> bool:
    """Return whether a file starts with a valid header length and a JSON object.

    Check this before other formats: a header length of 640 starts with the same two bytes as a pickle.

    Args:
        start: the first bytes of the file, nine or more.
        size: the size of the whole file in bytes.
    """
    length = int.from_bytes(start[:8], "little")
    return len(start) > 8 and 8 + length <= size and length <= MAX_HEADER and start[8:9] == b"{"


def read_file(file: Path) -> TensorFile:
    """Return the tensors and the metadata in the header of one file.

    Raises:
        CheckpointError: the file is damaged, or of another format.
    """
    content, rest = _header(file)
    if content.count(b"{") > MAX_TENSORS + 2:
        raise CheckpointError(f"{file} has more than {MAX_TENSORS:,} tensors")
    try:
        written = _HEADER.decode(content)
        metadata = msgspec.convert(written.pop("__metadata__", {}), dict[str, str])
        entries = msgspec.convert(written, dict[str, _HeaderEntry])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CheckpointError(f"the header of {file} is damaged: {error}", hint=DOWNLOAD) from None
    if not _has_once(content, (b"data_offsets", b"dtype", b"shape"), len(entries)):
        _refuse_duplicates(content, file)
    _require_layout(entries, file, rest)
    tensors = {name: _stored(entry) for name, entry in entries.items()}
    return TensorFile(_with_ties(tensors, metadata), [file], metadata=metadata)


def read_index(index: Path) -> TensorFile:
    """Return the tensors of the parts of a checkpoint that an index lists.

    Raises:
        CheckpointError: the index or a part is damaged or missing.
    """
    content = read_bytes(index, MAX_HEADER)
    try:
        written = msgspec.json.decode(content, type=_Index).weight_map
        weights = msgspec.json.decode(written, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CheckpointError(f"{index} is not the index of a checkpoint: {error}", hint=_json_hint(index)) from None
    _refuse_duplicates(bytes(written), index)
    parts: dict[str, TensorFile] = {}
    for name in sorted(set(weights.values())):
        if name in (".", "..") or re.search(r"[/\\:\0]", name) or not name.endswith(".safetensors"):
            raise CheckpointError(
                f"{index} lists the part {quoted(name)}",
                hint="a part must be a .safetensors file in the folder of the index",
            )
        if not os.path.exists(index.parent / name):  # noqa: PTH110  # the text may not be a valid path
            raise CheckpointError(f"{name} is missing, which {index} lists", hint=DOWNLOAD)
        parts[name] = read_file(index.parent / name)
    for tensor, name in weights.items():
        if tensor not in parts[name].tensors:
            raise CheckpointError(
                f"{index.parent / name} does not contain {quoted(tensor)}, which {index} lists", hint=DOWNLOAD
            )
    tensors = {tensor: parts[name].tensors[tensor] for tensor, name in weights.items()}
    notes = tuple(note for name, part in parts.items() if (note := _left_out(name, part.tensors, tensors)))
    return TensorFile(tensors, [index, *(index.parent / name for name in parts)], notes=notes)


def _json_hint(file: Path) -> str:
    if file.name == "config.json":
        return "write config: instead of checkpoint:"
    return "name the folder, a weight file, or an index such as model.safetensors.index.json"


def parts_of(names: Sequence[str]) -> list[str]:
    """Return the files of a checkpoint in parts, sorted; [] if the names are not those of parts of one checkpoint.

    Args:
        names: the names of the weight files of a folder, of one format.

    Raises:
        CheckpointError: a part is missing.
    """
    found = [_PART.fullmatch(name) for name in names]
    parts = [part for part in found if part]
    if not parts or len(parts) < len(found) or len({(part["stem"], part["total"]) for part in parts}) > 1:
        return []
    total, stem = int(parts[0]["total"]), parts[0]["stem"]
    numbers = {int(part["number"]) for part in parts}
    missing = next((number for number in range(1, total + 1) if number not in numbers), None)
    if missing is not None:
        name = f"{stem}-{missing:05}-of-{total:05}.{parts[0]['format']}"
        raise CheckpointError(f"part {missing} of {total} of the checkpoint is missing: {name}", hint=DOWNLOAD)
    return sorted(part[0] for part in parts)


def part_note(file: Path) -> str:
    """Return a note for a file that is one of the parts of a checkpoint; '' for a whole one."""
    found = _PART.fullmatch(file.name)
    if found is None or int(found["total"]) < 2:
        return ""
    part = f"part {int(found['number'])} of {int(found['total'])}"
    return f"{file.name} is {part} of a checkpoint: the other parts are not shown"


def read_parts(files: Sequence[Path], read: Callable[[Path], TensorFile]) -> TensorFile:
    """Return the tensors of the parts of a checkpoint without an index.

    Args:
        files: the parts.
        read: the reader of their format.

    Raises:
        CheckpointError: a part is damaged, or two parts contain the same tensor.
    """
    tensors: dict[str, StoredTensor] = {}
    kind = ""
    for file in files:
        part = read(file)
        twice = next(iter(tensors.keys() & part.tensors.keys()), None)
        if twice is not None:
            raise CheckpointError(f"{file} and an earlier part both contain {quoted(twice)}", hint="name one file")
        tensors |= part.tensors
        kind = kind or part.type
    return TensorFile(tensors, files, kind)


def _header(file: Path) -> tuple[bytes, int]:
    """Return the header of a file, and the number of bytes after it."""
    start = read_bytes(file, None, 64)
    whole, length = file.stat().st_size, int.from_bytes(start[:8], "little")
    if not is_safetensors(start, whole):
        refuse_other_formats(file, start)
    if len(start) < 8:
        raise CheckpointError(f"{file} is truncated: it has {whole} bytes", hint=DOWNLOAD)
    if length > MAX_HEADER:
        raise CheckpointError(
            f"{file} is not a safetensors file, or is damaged: the header length is {length:,} bytes", hint=SAVE
        )
    if 8 + length > whole:
        raise CheckpointError(
            f"{file} is truncated: its header has {length:,} bytes, the file {whole:,}", hint=DOWNLOAD
        )
    return read_bytes(file, None, 8 + length)[8:], whole - 8 - length


def _has_once(content: bytes, keys: Sequence[bytes], count: int) -> bool:
    """Return whether JSON contains each key exactly `count` times, so that no object of it can be a duplicate.

    This check is fast. False means unknown: a string value can contain a key, and an escape can hide one.
    """
    return b"\\" not in content and all(content.count(b'"%b"' % key) == count for key in keys)


def _refuse_duplicates(content: bytes, file: Path) -> None:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
            raise CheckpointError(
                f"{file} contains {quoted(twice)} twice", hint="save the file again: readers would use only one"
            )
        return found

    json.loads(content, object_pairs_hook=once)


def _require_layout(entries: Mapping[str, _HeaderEntry], file: Path, rest: int) -> None:
    """Check that the tensors follow each other without gaps up to the end of the file, as the format requires."""
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1].data_offsets):
        start, stop = entry.data_offsets
        if start != end or stop - start != _bytes_of(name, entry, file):
            raise CheckpointError(f"the offsets of {quoted(name)} in the header of {file} are wrong", hint=DOWNLOAD)
        end = stop
    if end != rest:
        what = "is truncated" if rest < end else "is longer than its header specifies"
        raise CheckpointError(f"{file} {what}: {rest:,} bytes of {end:,} follow the header", hint=DOWNLOAD)


def _bytes_of(name: str, entry: _HeaderEntry, file: Path) -> int:
    if entry.dtype not in _DTYPES:
        raise CheckpointError(f"{quoted(name)} in {file} has an unknown data type, {entry.dtype!r}")
    count = 1
    for size in entry.shape:
        count *= size
    return -(-count * _DTYPES[entry.dtype][1] // 8)


def _stored(entry: _HeaderEntry) -> StoredTensor:
    start, stop = entry.data_offsets
    return StoredTensor(entry.shape, _DTYPES[entry.dtype][0], stop - start)


def _with_ties(tensors: dict[str, StoredTensor], metadata: Mapping[str, str]) -> dict[str, StoredTensor]:
    """Add the names of shared tensors that `safetensors.torch.save_model` drops; it keeps one name per tensor.

    The metadata maps each dropped name to the kept one:
    https://huggingface.co/docs/safetensors/torch_shared_tensors
    """
    found = dict(tensors)
    for name, kept in metadata.items():
        if kept in tensors and name not in tensors and all(name.split(".")):
            found[name] = msgspec.structs.replace(tensors[kept], tied_to=kept)
    return found


def _left_out(name: str, part: Mapping[str, StoredTensor], listed: Mapping[str, StoredTensor]) -> str:
    """Return a note for tensors of a part that the index does not list; '' if it lists all."""
    others = sorted(part.keys() - listed.keys())
    if not others:
        return ""
    plural = "tensor that the index does" if len(others) == 1 else "tensors that the index does"
    return f"{name} contains {len(others):,} {plural} not list, such as {quoted(others[0])}: not shown"
