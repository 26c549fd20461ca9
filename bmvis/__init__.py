"""The structure of PyTorch models in documentation, always true.

`import bmvis` imports no torch; what is called with a live model does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from bmvis import address
    from bmvis.delta import Detector
    from bmvis.notebook import Captured
    from bmvis.visualization import Visualization

__version__ = "0.1.0"
__all__ = ["Visualization", "address", "capture", "register_delta"]


def capture(model: nn.Module) -> Captured:
    """Read a live module into a tree, which a notebook draws as a cell's result.

    See `bmvis.capturing.capture` for what is read, and `bmvis.notebook.Captured.draw` for options.
    """
    from bmvis.capturing import capture as read
    from bmvis.notebook import captured

    return captured(read(model))


def register_delta(detector: Detector) -> Detector:
    """Tell which parameters another library added to a model; see `bmvis.delta.register`."""
    from bmvis.delta import register

    return register(detector)


def __getattr__(name: str) -> Any:
    if name == "Visualization":
        from bmvis.visualization import Visualization

        return Visualization
    if name == "address":
        return import_module("bmvis.address")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
