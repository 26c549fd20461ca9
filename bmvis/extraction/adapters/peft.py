"""PEFT: deltas are in tuner layers, auxiliary wrappers and prompt encoders, or have the prefix of the tuner.

The rule applies to each method of `peft.PeftType`, which a test enumerates. `requires_grad` does not mark a delta.

https://github.com/huggingface/peft/blob/main/src/peft/tuners/tuners_utils.py
https://github.com/huggingface/peft/blob/main/src/peft/utils/other.py (auxiliary wrappers)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import nn

from bmvis.extraction import introspection
from bmvis.extraction.adapters.base import Deltas, NamedModules, comes_from, of_library, parameters_below


def peft(named_modules: NamedModules) -> Deltas:
    """Return the parameters that PEFT added, with the state of their adapter in the layer that has them."""
    by_prefix: Deltas = {}
    by_layer: Deltas = {}
    in_xlora: set[int] = set()
    for path, module in of_library(named_modules, "peft"):
        for prefix in _prefixes(module):
            by_prefix |= _starting_with(prefix, path, named_modules)
        by_layer |= {
            id(p): _state(module, adapter) for adapter, p in _parameters_in(module, _adapter_attributes(module))
        }
        if comes_from(module, "peft", "XLoraModel"):
            by_prefix |= {id(p): "" for _, p in _parameters_in(module, ["internal_xlora_classifier"])}
            in_xlora |= {id(p) for _, p in parameters_below(module)}
    return by_prefix | {key: "" if _is_mixed(key, state, in_xlora) else state for key, state in by_layer.items()}


def _is_mixed(key: int, state: str, in_xlora: set[int]) -> bool:
    """Return whether X-LoRA uses the adapter. Its layers use all of them, whichever name is the active one."""
    return state == "inactive" and key in in_xlora


def _prefixes(module: nn.Module) -> list[str]:
    """Return the prefixes of the names of a tuner's parameters."""
    if comes_from(module, "peft", "AdaptionPromptModel"):
        return ["adaption_"]
    if comes_from(module, "peft", "BaseTuner"):
        prefix = getattr(
            type(module), "prefix", None
        )  # of the class: X-LoRA's instances return the prefix of their LoRA model
        return [prefix] if isinstance(prefix, str) and prefix else []
    return []


def _adapter_attributes(module: nn.Module) -> list[str]:
    """Return the names of the attributes that contain deltas."""
    if comes_from(module, "peft", "BaseTunerLayer"):
        return [*_names(module, "adapter_layer_names"), *_names(module, "other_param_names")]
    if comes_from(module, "peft", "AuxiliaryTrainingWrapper", "ModulesToSaveWrapper"):
        return _names(module, "adapter_layer_names") or ["modules_to_save"]
    if comes_from(module, "peft", "PeftModel"):
        return ["prompt_encoder"]
    return []


def _names(module: nn.Module, attribute: str) -> list[str]:
    return [name for name in introspection.attribute(module, attribute) or () if isinstance(name, str)]


def _parameters_in(module: nn.Module, names: Iterable[str]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the parameters in the named attributes, each with the name of its adapter, or ''."""
    own, children = dict(introspection.parameters(module)), dict(introspection.children(module))
    for name in names:
        if name in own:
            yield "", own[name]
        if name in children:
            for path, parameter in parameters_below(children[name]):
                yield path.partition(".")[0], parameter


def _state(layer: nn.Module, adapter: str) -> str:
    """Return the state of an adapter in a layer: `merged`, `disabled`, `not applied` or `inactive`; '' if it is active.

    A layer with merged adapters calls its base layer only, so an adapter that is not merged is not applied. A wrapper
    whose list of active adapters is empty calls the original module.
    """
    merged = introspection.attribute(layer, "merged_adapters") or ()
    if adapter in merged:
        return "merged"
    if any(introspection.attribute(layer, name) is True for name in ("disable_adapters", "_adapters_disabled")):
        return "disabled"
    names = (introspection.attribute(layer, name) for name in ("active_adapters", "active_adapter"))
    active = next((found for found in names if found is not None), None)
    known = [active] if isinstance(active, str) else list(active or ())
    if adapter and active is not None and adapter not in known:
        return "inactive"
    return "not applied" if adapter and merged else ""


def _starting_with(prefix: str, root: str, named_modules: NamedModules) -> Deltas:
    """Return the parameters below `root` whose dotted name has a component that starts with `prefix`."""
    inside = f"{root}." if root else ""
    return {
        id(parameter): ""
        for path, module in named_modules
        if path.startswith(inside)
        for name, parameter in introspection.parameters(module)
        if any(part.startswith(prefix) for part in (*path[len(inside) :].split("."), name))
    }
