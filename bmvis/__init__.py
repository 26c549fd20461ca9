"""The structure of PyTorch models in documentation, always true.

`import bmvis` imports no torch; `bmvis.capture(model)` does, for whoever holds a live model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from bmvis.delta import Detector
    from bmvis.tree import Model

__version__ = "0.1.0"
__all__ = ["capture", "register_delta"]


def capture(model: nn.Module) -> Model:
    """Read a live module into a tree; see `bmvis.capturing.capture`."""
    from bmvis.capturing import capture as read

    return read(model)


def register_delta(detector: Detector) -> Detector:
    """Tell which parameters another library added to a model; see `bmvis.delta.register`."""
    from bmvis.delta import register

    return register(detector)
