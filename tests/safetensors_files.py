"""Files of safetensors with given headers, valid and damaged ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

Header = Mapping[str, Any]


def header_of(tensors: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return a header of contiguous float32 tensors."""
    found, end = {}, 0
    for name, shape in tensors.items():
        size = 4 * torch.Size(shape).numel()
        found[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    return found


def written(file: Path, header: Header | str | bytes, rest: int | None = None) -> Path:
    """Write a file with this header and `rest` bytes after it; by default as many as the header specifies."""
    if not isinstance(header, str | bytes):
        rest = max((t["data_offsets"][1] for n, t in header.items() if n != "__metadata__"), default=0)
        header = json.dumps(header)
    content = header.encode() if isinstance(header, str) else header
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(len(content).to_bytes(8, "little") + content + bytes(rest or 0))
    return file


SOUND = header_of({"a.w": (2, 2), "b": (3,)})
