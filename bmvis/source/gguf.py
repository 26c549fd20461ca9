"""Read the headers of GGUF files: names, shapes, types and metadata. No weights are read.

The format is that of llama.cpp: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

from bmvis.errors import CheckpointError
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

_MAGIC = b"GGUF"
_VERSIONS = (1, 2, 3)
MAX_ENTRIES = 100_000
"""Maximum number of metadata entries; common files have fewer than 100."""
MAX_NAME = 65_535
"""Maximum length of a metadata key in bytes, by the format; also applied to names of tensors."""
_DEFAULT_ALIGNMENT = 32

_PLAIN: Mapping[int, str] = {
    0: "float32",
    1: "float16",
    24: "int8",
    25: "int16",
    26: "int32",
    27: "int64",
    28: "float64",
    30: "bfloat16",
}
"""Types without blocks, with PyTorch's names."""
_BLOCKS: Mapping[int, tuple[str, int, int]] = {
    0: ("f32", 1, 4),
    1: ("f16", 1, 2),
    2: ("q4_0", 32, 18),
    3: ("q4_1", 32, 20),
    6: ("q5_0", 32, 22),
    7: ("q5_1", 32, 24),
    8: ("q8_0", 32, 34),
    9: ("q8_1", 32, 40),
    10: ("q2_k", 256, 84),
    11: ("q3_k", 256, 110),
    12: ("q4_k", 256, 144),
    13: ("q5_k", 256, 176),
    14: ("q6_k", 256, 210),
    15: ("q8_k", 256, 292),
    16: ("iq2_xxs", 256, 66),
    17: ("iq2_xs", 256, 74),
    18: ("iq3_xxs", 256, 98),
    19: ("iq1_s", 256, 50),
    20: ("iq4_nl", 32, 18),
    21: ("iq3_s", 256, 110),
    22: ("iq2_s", 256, 82),
    23: ("iq4_xs", 256, 136),
    24: ("i8", 1, 1),
    25: ("i16", 1, 2),
    26: ("i32", 1, 4),
    27: ("i64", 1, 8),
    28: ("f64", 1, 8),
    29: ("iq1_m", 256, 56),
    30: ("bf16", 1, 2),
    34: ("tq1_0", 256, 54),
    35: ("tq2_0", 256, 66),
    39: ("mxfp4", 32, 17),
    40: ("nvfp4", 64, 36),
    41: ("q1_0", 128, 18),
}
"""Name, elements and bytes of a block, by the number of the type: `GGML_QUANT_SIZES` of the package `gguf`.

https://github.com/ggml-org/llama.cpp/blob/master/gguf-py/gguf/constants.py
"""
_NUMBERS: Mapping[int, str] = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
"""The `struct` formats of the scalar types of metadata values."""
_STRING, _ARRAY = 8, 9


def is_gguf(start: bytes) -> bool:
    """Return whether a file starts with the magic bytes of GGUF."""
    return start.startswith(_MAGIC)


def read_file(file: Path) -> TensorFile:
    """Return the tensors and the metadata of a GGUF file.

    Shapes are in PyTorch's order, which is the reverse of the order in the file.

    Raises:
        CheckpointError: the file is damaged or truncated, or has an unknown version or tensor type.
    """
    whole = file.stat().st_size
    header = read_bytes(file, None, min(whole, MAX_HEADER))
    try:
        return _read_gguf(_GgufReader(header), file, whole)
    except _DamagedError as error:
        raise CheckpointError(f"{file} is a damaged GGUF file: {error}", hint=DOWNLOAD) from None


class _DamagedError(Exception):
    """A damaged header; the text describes the damage."""


class _GgufReader:
    """Reads values from the header in sequence, and checks its bounds."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = len(_MAGIC)
        self.order = "<"
        self.length = "Q"
        """The `struct` format of counts and lengths: 64 bits, in version 1 32 bits."""

    def number(self, form: str) -> int | float | bool:
        size = struct.calcsize(form)
        if self.at + size > len(self.content):
            raise _DamagedError("its header is truncated")
        (value,) = struct.unpack_from(self.order + form, self.content, self.at)
        self.at += size
        return value  # type: ignore[no-any-return]  # one of the three, by its format

    def whole(self, form: str = "") -> int:
        return int(self.number(form or self.length))

    def text(self, limit: int) -> str:
        length = self.whole()
        if length > limit:
            raise _DamagedError(f"the header has a string of {length:,} bytes")
        if self.at + length > len(self.content):
            raise _DamagedError("its header is truncated")
        self.at += length
        return self.content[self.at - length : self.at].decode("utf-8", "replace")

    def skip(self, count: int) -> None:
        if self.at + count > len(self.content):
            raise _DamagedError("its header is truncated")
        self.at += count


def _read_gguf(reader: _GgufReader, file: Path, whole: int) -> TensorFile:
    _read_version(reader)
    tensor_count, entry_count = reader.whole(), reader.whole()
    if tensor_count > MAX_TENSORS:
        raise _DamagedError(f"the header lists {tensor_count:,} tensors")
    if entry_count > MAX_ENTRIES:
        raise _DamagedError(f"the header lists {entry_count:,} metadata entries")
    metadata = dict(_read_entry(reader) for _ in range(entry_count))
    tensors: dict[str, StoredTensor] = {}
    ends: list[int] = []
    for _ in range(tensor_count):
        name, tensor, offset = _read_tensor(reader)
        if name in tensors:
            raise _DamagedError(f"it contains {quoted(name)} twice")
        tensors[name] = tensor
        ends.append(offset + tensor.stored_bytes)
    alignment = _alignment(metadata)
    start = -(-reader.at // alignment) * alignment
    if tensors and start + max(ends) > whole:
        raise _DamagedError(f"it is truncated: {whole:,} bytes of {start + max(ends):,}")
    architecture = metadata.get("general.architecture", "")
    return TensorFile(tensors, [file], architecture, metadata)


def _read_version(reader: _GgufReader) -> None:
    """Read the version, and detect the byte order: version 3 can be big-endian."""
    version = reader.whole("I")
    if version not in _VERSIONS and version & 0xFFFF == 0:
        reader.order, reader.at = ">", len(_MAGIC)
        version = reader.whole("I")
    if version not in _VERSIONS:
        raise _DamagedError(f"version {version} is unknown")
    if version == 1:
        reader.length = "I"


def _read_entry(reader: _GgufReader) -> tuple[str, str]:
    """Return a metadata key and its value as text; '' for an array, which can be a whole vocabulary."""
    key = reader.text(MAX_NAME)
    kind = reader.whole("I")
    if kind == _ARRAY:
        _skip_array(reader)
        return key, ""
    return key, _read_value(reader, kind)


def _read_value(reader: _GgufReader, kind: int) -> str:
    if kind == _STRING:
        return reader.text(len(reader.content))
    if kind not in _NUMBERS:
        raise _DamagedError(f"its metadata has the unknown type {kind}")
    return str(reader.number(_NUMBERS[kind]))


def _skip_array(reader: _GgufReader) -> None:
    """Skip an array. An array of arrays is an error: no known writer creates one, and its depth has no limit."""
    kind, count = reader.whole("I"), reader.whole()
    if kind in _NUMBERS:
        reader.skip(count * struct.calcsize(_NUMBERS[kind]))
        return
    if kind != _STRING or count > len(reader.content):
        raise _DamagedError(f"its metadata has an array of {count:,} values of type {kind}")
    for _ in range(count):
        reader.skip(reader.whole())


def _read_tensor(reader: _GgufReader) -> tuple[str, StoredTensor, int]:
    """Return the name of a tensor, its record, and its offset in bytes after the header."""
    name = reader.text(MAX_NAME)
    dimensions = reader.whole("I")
    if not name or not all(name.split(".")):
        raise _DamagedError(f"a tensor has the name {quoted(name)}")
    if not 0 < dimensions <= MAX_DIMENSIONS:
        raise _DamagedError(f"{quoted(name)} has {dimensions} dimensions")
    shape = tuple(reader.whole() for _ in range(dimensions))[::-1]
    kind, offset = reader.whole("I"), reader.whole("Q")
    if kind not in _BLOCKS:
        raise _DamagedError(f"{quoted(name)} has the unknown type {kind}")
    if max(shape) > MAX_SIZE:
        raise _DamagedError(f"{quoted(name)} has the shape {shape}")
    scheme, elements, size = _BLOCKS[kind]
    blocks = StoredTensor(shape, "", 0).count
    if shape[-1] % elements:
        raise _DamagedError(f"rows of {quoted(name)} have {shape[-1]:,} elements, not a multiple of {elements}")
    stored = blocks // elements * size
    if kind in _PLAIN:
        return name, StoredTensor(shape, _PLAIN[kind], stored), offset
    return name, StoredTensor(shape, "uint8", stored, scheme), offset


def _alignment(metadata: Mapping[str, str]) -> int:
    written = metadata.get("general.alignment", "")
    return int(written) if written.isdecimal() and 0 < int(written) <= 2**32 else _DEFAULT_ALIGNMENT
