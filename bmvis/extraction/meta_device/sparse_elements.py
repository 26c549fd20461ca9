"""Find sparse tensors whose number of elements is unknown on the meta device.

A sparse tensor that is created from indices and values has as many elements as on the CPU. Most other operations, such
as `half()`, `t()` and a move to the meta device, return one without elements there.
"""

from __future__ import annotations

import torch

from bmvis.extraction.modules import LiveModel
from bmvis.model.preorder import child_path


def unknown_sparse(live: LiveModel) -> str:
    """Return the state-dict key of the first sparse tensor on the meta device without elements; '' if there is none."""
    for found in live.occurrences:
        for name, tensor in (*found.parameters, *found.buffers):
            if _is_unknown(tensor):
                return child_path(found.path, name)
    return ""


def _is_unknown(tensor: torch.Tensor) -> bool:
    is_sparse = tensor.layout not in (torch.strided, torch.jagged, torch._mkldnn)  # type: ignore[attr-defined]
    return is_sparse and tensor.is_meta and tensor.numel() > 0 and tensor._nnz() == 0
