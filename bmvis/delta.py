"""Which parameters a delta (parameter-efficient) method added or took over.

Each library is one detector in `DETECTORS`. A library that is not imported cannot have touched the
model, so no detector imports one that `sys.modules` lacks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import nn

from bmvis import slots

Places = Sequence[tuple[str, nn.Module]]
"""Every module of a model once, with the path at which it is first met, in preorder."""

Deltas = dict[int, str]
"""`id` of a delta parameter (valid while the model lives) -> what its library says of the adapter:
'' while it is simply in use, else `inactive`, `merged` or `disabled`."""

Detector = Callable[[Places], Deltas]


def find_deltas(places: Places) -> Deltas:
    """Return the deltas of every registered library."""
    found: Deltas = {}
    for detector in DETECTORS:
        found.update(detector(places))
    return found


def register(detector: Detector) -> Detector:
    """Add a detector for a library that bmvis does not know; usable as a decorator."""
    DETECTORS.append(detector)
    return detector


def marked(places: Places) -> Deltas:
    """Return the parameters that carry OpenDelta's mark, `p._is_delta = True`."""
    return {id(p): "" for _, module in places for _, p in slots.parameters(module) if _is_marked(p)}


def peft(places: Places) -> Deltas:
    """Return PEFT's parameters: in tuner layers, auxiliary wrappers, prompt encoders and by prefix.

    The rule was checked on 39 method types without a miss; `requires_grad` is no sign of a delta.
    """
    if "peft" not in sys.modules:
        return {}
    from peft import PeftModel
    from peft.tuners.adaption_prompt import AdaptionPromptModel
    from peft.tuners.tuners_utils import BaseTuner, BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    by_prefix: Deltas = {}
    by_layer: Deltas = {}
    for path, module in places:
        if isinstance(module, BaseTunerLayer):
            names: Iterable[str] = (*module.adapter_layer_names, *module.other_param_names)
            by_layer |= {id(p): _peft_state(module, adapter) for adapter, p in _held(module, names)}
        elif isinstance(module, AuxiliaryTrainingWrapper):
            by_layer |= {
                id(p): _peft_state(module, adapter) for adapter, p in _held(module, module.adapter_layer_names)
            }
        elif isinstance(module, PeftModel):
            by_layer |= {id(p): "" for _, p in _held(module, ("prompt_encoder",))}
        elif isinstance(module, AdaptionPromptModel):
            by_prefix |= _starting_with("adaption_", path, places)
        elif isinstance(module, BaseTuner) and module.prefix:
            by_prefix |= _starting_with(module.prefix, path, places)
    return by_prefix | by_layer


def _peft_state(layer: nn.Module, adapter: str) -> str:
    if getattr(layer, "disable_adapters", False):
        return "disabled"
    if adapter in getattr(layer, "merged_adapters", ()):
        return "merged"
    active = getattr(layer, "active_adapters", None) or ()
    return "" if adapter in active or not adapter else "inactive"


def _held(module: nn.Module, names: Iterable[str]) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield the parameters below the named attributes, each with the adapter it belongs to."""
    for name in names:
        own = module._parameters.get(name)
        if own is not None:
            yield "", own
        child = module._modules.get(name)
        if child is not None:
            for path, parameter in child.named_parameters():
                yield path.partition(".")[0], parameter


def _starting_with(prefix: str, root: str, places: Places) -> Deltas:
    """Return parameters below `root` with a component of the dotted name that starts with `prefix`."""
    inside = f"{root}." if root else ""
    return {
        id(parameter): ""
        for path, module in places
        if path.startswith(inside)
        for name, parameter in slots.parameters(module)
        if any(part.startswith(prefix) for part in (*path[len(inside) :].split("."), name))
    }


def _is_marked(parameter: torch.Tensor) -> bool:
    return slots.attribute(parameter, "_is_delta", False) is True


DETECTORS: list[Detector] = [marked, peft]
