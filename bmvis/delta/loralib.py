"""`loralib`'s layers hold their deltas themselves, as `lora_A` and `lora_B` beside the weight."""

from __future__ import annotations

from bmvis import slots
from bmvis.delta.places import Deltas, Places, comes_from, of_library


def loralib(places: Places) -> Deltas:
    """Return the parameters `lora_*` of loralib's layers; `eval()` merges them, `train()` takes them out again."""
    return {
        id(parameter): "merged" if slots.attribute(module, "merged") is True else ""
        for _, module in of_library(places, "loralib")
        if comes_from(module, "loralib", "LoRALayer")
        for name, parameter in slots.parameters(module)
        if name.startswith("lora_")
    }
