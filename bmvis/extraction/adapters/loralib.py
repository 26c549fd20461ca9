"""loralib: the layers have their deltas `lora_A` and `lora_B` as parameters of their own, next to `weight`.

https://github.com/microsoft/LoRA/blob/main/loralib/layers.py
"""

from __future__ import annotations

from bmvis.extraction import introspection
from bmvis.extraction.adapters.base import Deltas, NamedModules, comes_from, of_library


def loralib(named_modules: NamedModules) -> Deltas:
    """Return the parameters `lora_*` of loralib's layers.

    `eval()` merges them into the weight, and `train()` unmerges them:
    https://github.com/microsoft/LoRA/blob/main/loralib/layers.py
    """
    return {
        id(parameter): "merged" if introspection.attribute(module, "merged") is True else ""
        for _, module in of_library(named_modules, "loralib")
        if comes_from(module, "loralib", "LoRALayer")
        for name, parameter in introspection.parameters(module)
        if name.startswith("lora_")
    }
