"""`loralib`'s layers hold their deltas themselves, as `lora_A` and `lora_B` beside the weight."""

from __future__ import annotations

from bmvis.extraction import introspection
from bmvis.extraction.adapters.base import Deltas, Places, comes_from, of_library


def loralib(places: Places) -> Deltas:
    """Return the parameters `lora_*` of loralib's layers; `eval()` merges them, `train()` takes them out again."""
    return {
        id(parameter): "merged" if introspection.attribute(module, "merged") is True else ""
        for _, module in of_library(places, "loralib")
        if comes_from(module, "loralib", "LoRALayer")
        for name, parameter in introspection.parameters(module)
        if name.startswith("lora_")
    }
