"""Shared parts of the weight file readers: tensor records, and reading of untrusted files with limits."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bmvis.errors import CheckpointError

MAX_HEADER = 100_000_000
"""Maximum header size in bytes, by the safetensors format. https://github.com/huggingface/safetensors#format"""
MAX_TENSORS = 500_000
"""Maximum number of tensors; the largest published checkpoints have about 100,000."""
MAX_DIMENSIONS = 64
"""Maximum number of dimensions, by PyTorch."""
MAX_SIZE = 2**63 - 1
"""Maximum size of one dimension: a signed 64-bit integer, as in PyTorch and MessagePack."""
DOWNLOAD = "download the file again"
_RELATIVE = "a path is relative to the folder of conf.py, mkdocs.yml or pyproject.toml, or to the working directory"


class StoredTensor(msgspec.Struct, frozen=True):
    """One tensor of a weight file; the fields are those of `bmvis.model.tree.Parameter`."""

    shape: tuple[int, ...]
    dtype: str
    stored_bytes: int
    quantization: str = ""
    tied_to: str = ""
    is_bookkeeping: bool = False
    """Whether it is part of the storage of another tensor, such as the scales of a quantized weight."""

    @property
    def count(self) -> int:
        """Return the number of elements."""
        return math.prod(self.shape)


class TensorFile(msgspec.Struct, frozen=True):
    """The tensors and metadata in the headers of one file, or of all parts of a checkpoint."""

    tensors: Mapping[str, StoredTensor]
    files: Sequence[Path]
    type: str = ""
    """The class or architecture of the model, if the file names it."""
    metadata: Mapping[str, str] = {}
    notes: tuple[str, ...] = ()


def read_bytes(file: Path, limit: int | None, length: int = -1) -> bytes:
    """Return the first `length` bytes of a file; -1 is the whole file, of at most `limit` bytes.

    Raises:
        CheckpointError: the file does not exist, is not a regular file, is too large, or cannot be read.
    """
    try:
        if not os.path.isfile(file):
            raise CheckpointError(f"no file {file}", hint=_RELATIVE)
        if limit is not None and file.stat().st_size > limit:
            raise CheckpointError(f"{file} has more than {limit:,} bytes")
        with file.open("rb") as opened:
            return opened.read(length)
    except OSError as error:
        raise CheckpointError(f"{file} cannot be read: {error.strerror}") from None


def quoted(name: str) -> str:
    """Return a name from a file for a message: at most 80 characters, with escapes for unprintable ones."""
    return repr(name if len(name) <= 80 else f"{name[:79]}…")
