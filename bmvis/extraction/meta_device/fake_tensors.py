"""Let a model on the meta device compute with fake tensors on the CPU: they have no values either.

Code that fails on meta can work with them, because libraries such as transformers do not read the values of a
fake tensor. https://docs.pytorch.org/docs/stable/user_guide/torch_compiler/torch.compiler_fake_tensor.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from bmvis.extraction.introspection import Tensors
from bmvis.extraction.modules import LiveModel


@contextmanager
def with_fake_tensors(live: LiveModel) -> Iterator[LiveModel]:
    """Replace the parameters and buffers of a model with fake tensors until the exit.

    Raises:
        TypeError: a parameter is not a plain tensor.
    """
    saved: list[tuple[dict[str, Any], str, torch.Tensor]] = []
    known: dict[int, torch.Tensor] = {}
    with FakeTensorMode(allow_non_fake_inputs=True):
        try:
            occurrences = []
            for found in live.occurrences:
                parameters = _replaced(found.module._parameters, found.parameters, known, saved)
                buffers = _replaced(found.module._buffers, found.buffers, known, saved)
                occurrences.append(found._replace(parameters=parameters, buffers=buffers))
            originals = {id(known[id(tensor)]): tensor for _, _, tensor in saved}
            yield live._replace(occurrences=occurrences, originals=originals)
        finally:
            for registry, name, tensor in reversed(saved):
                registry[name] = tensor


def _replaced(
    registry: dict[str, Any],
    tensors: Tensors,
    known: dict[int, torch.Tensor],
    saved: list[tuple[dict[str, Any], str, torch.Tensor]],
) -> Tensors:
    made = []
    for name, tensor in tensors:
        if id(tensor) not in known:
            if type(tensor) not in (torch.Tensor, torch.nn.Parameter):
                raise TypeError(f"a {type(tensor).__name__} cannot be a fake tensor")
            known[id(tensor)] = torch.empty_strided(
                tensor.shape, tensor.stride(), dtype=tensor.dtype, device="cpu", requires_grad=False
            )
        saved.append((registry, name, registry[name]))
        registry[name] = known[id(tensor)]
        made.append((name, known[id(tensor)]))
    return made
