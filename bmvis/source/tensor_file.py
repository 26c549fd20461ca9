"""What the formats of weight files have in common: a record of each tensor, and reading hostile files with limits."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bmvis.errors import CheckpointError

MAX_HEADER = 100_000_000
"""Bytes; the limit of the safetensors format. https://github.com/huggingface/safetensors#format"""
MAX_TENSORS = 500_000
"""The largest published checkpoints have a fifth of it."""
MAX_DIMENSIONS = 64
"""PyTorch's own limit."""
MAX_SIZE = 2**63 - 1
"""Of one dimension: sizes are 64-bit integers in every format, and in what stores them later."""
DOWNLOAD = "download the file again"
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
SAVE = "save it with safetensors.torch.save_model, or save_pretrained"
_HTML = (b"<!doctype html", b"<html")


class StoredTensor(msgspec.Struct, frozen=True):
    """One tensor of a weight file; the fields are those of `bmvis.model.tree.Parameter`."""

    shape: tuple[int, ...]
    dtype: str
    stored_bytes: int
    quantization: str = ""
    tied_to: str = ""
    is_bookkeeping: bool = False
    """Whether it belongs to the storage of another tensor, such as the scales of a quantized weight."""

    @property
    def count(self) -> int:
        """Return the number of elements."""
        return math.prod(self.shape)


class TensorFile(msgspec.Struct, frozen=True):
    """What the headers of one file, or of the parts of one checkpoint, hold."""

    tensors: Mapping[str, StoredTensor]
    files: Sequence[Path]
    type: str = ""
    """What the file calls its model: the class, or the architecture."""
    metadata: Mapping[str, str] = {}
    notes: tuple[str, ...] = ()


def read_bytes(file: Path, limit: int | None, length: int = -1) -> bytes:
    """Return the first `length` bytes of a file, or all of one that has no more than `limit`.

    Raises:
        CheckpointError: there is no such regular file, it is too large, or it cannot be read.
    """
    try:
        if not os.path.isfile(file):
            raise CheckpointError(f"no file {file}", hint="a path starts at the project's folder")
        if limit is not None and file.stat().st_size > limit:
            raise CheckpointError(f"{file} has more than {limit:,} bytes")
        with file.open("rb") as opened:
            return opened.read(length)
    except OSError as error:
        raise CheckpointError(f"{file} cannot be read: {error.strerror}") from None


def refuse_other_formats(file: Path, start: bytes) -> None:
    """Raise an error that names the format of a file that is neither safetensors nor GGUF.

    Args:
        file: what was named.
        start: its first bytes, at least 16 where it has them.

    Raises:
        CheckpointError: the format is a known one, or the file's name says so.
    """
    if start.startswith(b"version https:") or start[:8] == b"version ":
        raise CheckpointError(f"{file} is a pointer of Git LFS, not the file itself", hint="run `git lfs pull`")
    if start.lstrip()[:14].lower().startswith(_HTML):
        raise CheckpointError(
            f"{file} is an HTML page, not weights",
            hint="log in, or accept the license, and download it again",
        )
    if file.name.endswith(".onnx"):
        raise CheckpointError(
            f"{file} is an ONNX file: bmvis reads safetensors and GGUF",
            hint="name the PyTorch model or its checkpoint",
        )
    if start.startswith(PICKLES) or file.name.endswith(PICKLED):
        refuse_pickle(file)


def refuse_pickle(file: Path) -> None:
    """Raise the error of a pickled file.

    Raises:
        CheckpointError: always.
    """
    raise CheckpointError(f"{file} is pickled: reading it can run any code", hint=SAVE)


def quoted(name: str) -> str:
    """Return a name of a file for a message: cut, and with what is not printable as escapes."""
    return repr(name if len(name) <= 80 else f"{name[:79]}…")
