"""PEFT's deltas: in tuner layers, auxiliary wrappers and prompt encoders, and by the tuner's prefix.

The rule holds for every method of `peft.PeftType`, which a test enumerates; `requires_grad` is no sign of a delta.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import nn

from bmvis.extraction import introspection
from bmvis.extraction.adapters.base import Deltas, Places, below, comes_from, of_library


def peft(places: Places) -> Deltas:
    """Return PEFT's parameters, with what the layer that holds them says of their adapter."""
    by_prefix: Deltas = {}
    by_layer: Deltas = {}
    in_xlora: set[int] = set()
    for path, module in of_library(places, "peft"):
        for prefix in _prefixes(module):
            by_prefix |= _starting_with(prefix, path, places)
        by_layer |= {id(p): _state(module, adapter) for adapter, p in _held(module, _holders(module))}
        if comes_from(module, "peft", "XLoraModel"):
            by_prefix |= {id(p): "" for _, p in _held(module, ["internal_xlora_classifier"])}
            in_xlora |= {id(p) for _, p in below(module)}
    return by_prefix | {key: "" if _is_mixed(key, state, in_xlora) else state for key, state in by_layer.items()}


def _is_mixed(key: int, state: str, in_xlora: set[int]) -> bool:
    """Return whether X-LoRA mixes the adapter in: its layers call them by number, and their state by name."""
    return state == "inactive" and key in in_xlora


def _prefixes(module: nn.Module) -> list[str]:
    """Return what the names of a tuner's parameters start with."""
    if comes_from(module, "peft", "AdaptionPromptModel"):
        return ["adaption_"]
    if comes_from(module, "peft", "BaseTuner"):
        prefix = getattr(type(module), "prefix", None)  # not the module's own: X-LoRA passes on that of its LoRA
        return [prefix] if isinstance(prefix, str) and prefix else []
    return []


def _holders(module: nn.Module) -> list[str]:
    """Return the names of the attributes that hold deltas."""
    if comes_from(module, "peft", "BaseTunerLayer"):
        return [*_names(module, "adapter_layer_names"), *_names(module, "other_param_names")]
    if comes_from(module, "peft", "AuxiliaryTrainingWrapper", "ModulesToSaveWrapper"):
        return _names(module, "adapter_layer_names") or ["modules_to_save"]
    if comes_from(module, "peft", "PeftModel"):
        return ["prompt_encoder"]
    return []


def _names(module: nn.Module, attribute: str) -> list[str]:
    return [name for name in introspection.attribute(module, attribute) or () if isinstance(name, str)]


def _held(module: nn.Module, names: Iterable[str]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the parameters below the named attributes, each with the adapter it belongs to, if it has one."""
    own, children = dict(introspection.parameters(module)), dict(introspection.children(module))
    for name in names:
        if name in own:
            yield "", own[name]
        if name in children:
            for path, parameter in below(children[name]):
                yield path.partition(".")[0], parameter


def _state(holder: nn.Module, adapter: str) -> str:
    """Return whether the adapter is `merged`, `disabled`, `not applied` or `inactive`; '' while it is in use.

    A layer with merged adapters calls its base layer alone, so that one which is not merged has no effect there. A
    wrapper whose list of active adapters is empty calls the original module.
    """
    merged = introspection.attribute(holder, "merged_adapters") or ()
    if adapter in merged:
        return "merged"
    if any(introspection.attribute(holder, name) is True for name in ("disable_adapters", "_adapters_disabled")):
        return "disabled"
    names = (introspection.attribute(holder, name) for name in ("active_adapters", "active_adapter"))
    active = next((found for found in names if found is not None), None)
    known = [active] if isinstance(active, str) else list(active or ())
    if adapter and active is not None and adapter not in known:
        return "inactive"
    return "not applied" if adapter and merged else ""


def _starting_with(prefix: str, root: str, places: Places) -> Deltas:
    """Return parameters below `root` with a component of the dotted name that starts with `prefix`."""
    inside = f"{root}." if root else ""
    return {
        id(parameter): ""
        for path, module in places
        if path.startswith(inside)
        for name, parameter in introspection.parameters(module)
        if any(part.startswith(prefix) for part in (*path[len(inside) :].split("."), name))
    }
