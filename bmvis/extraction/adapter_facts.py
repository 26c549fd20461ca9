"""Facts of PEFT's adapter layers that their `extra_repr()` does not have: `r=8, lora_alpha=16, use_rslora=True`.

A layer has a dictionary for each fact, by the names of its adapters:
https://huggingface.co/docs/peft/package_reference/lora.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from bmvis.extraction import introspection
from bmvis.untrusted import user_text

_FACTS = ("r", "lora_alpha", "alpha", "use_rslora", "use_dora")
"""Attributes of layers, in the order of a row. Those that are False are left out, as in `LoraConfig`."""
MAX_ADAPTERS = 4
"""Maximum number of adapters whose facts are written."""


def is_adapter_class(cls: type) -> bool:
    """Return whether a class is a layer of PEFT's tuners."""
    return any(
        introspection.class_module(base).startswith("peft.tuners.") and base.__name__.endswith("Layer")
        for base in cls.__mro__
    )


def adapter_facts(module: nn.Module, text: str) -> str:
    """Return the facts of an adapter layer, to append to its `extra_repr()`; '' if it has none.

    Args:
        module: a module of an adapter class.
        text: what its `extra_repr()` returned.
    """
    slots = object.__getattribute__(module, "__dict__")
    known: dict[str, dict[str, Any]] = {}
    for fact in _FACTS:
        values = slots.get(fact)
        if type(values) is not dict:
            continue
        for adapter, value in values.items():
            if type(adapter) is str and type(value) in (int, float, bool) and value is not False:
                known.setdefault(adapter, {})[fact] = value
    written = {
        adapter: ", ".join(
            f"{fact}={value:g}" if type(value) is float else f"{fact}={value}" for fact, value in facts.items()
        )
        for adapter, facts in list(known.items())[:MAX_ADAPTERS]
    }
    if len(set(written.values())) == 1:
        found = next(iter(written.values()))
    else:
        found = ", ".join(f"{user_text.safe_text(adapter)}: ({facts})" for adapter, facts in written.items())
    return f", {found}" if text and found else found
