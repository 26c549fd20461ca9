"""The structure of PyTorch models in documentation, always true.

`import bmvis` imports no torch; what is called with a live model does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from bmvis import address
    from bmvis.bigmodelvis import Visualization
    from bmvis.errors import BmvisError
    from bmvis.extraction.adapters import Detector
    from bmvis.model.tree import Buffer, Model, Module, Parameter
    from bmvis.notebook import Captured

__version__ = "0.1.0"
__all__ = [
    "BmvisError",
    "Buffer",
    "Captured",
    "Model",
    "Module",
    "Parameter",
    "Visualization",
    "address",
    "capture",
    "register_delta",
]

_HOMES = {
    "BmvisError": "bmvis.errors",
    "Buffer": "bmvis.model.tree",
    "Captured": "bmvis.notebook",
    "Model": "bmvis.model.tree",
    "Module": "bmvis.model.tree",
    "Parameter": "bmvis.model.tree",
    "Visualization": "bmvis.bigmodelvis",
}
"""Where the classes are defined: each is imported when it is first asked for."""


def capture(model: nn.Module) -> Captured:
    """Read a live module into a tree of plain data, which a notebook draws as a cell's result.

    The model is only looked at: no weight, mode, hook, gradient or random state changes, and of its own code
    nothing runs but `extra_repr()`. It may be on any device, also on meta, and in use.

    Args:
        model: any PyTorch module.

    Returns:
        Its structure, the modules in preorder, each with its parameters and buffers, their logical shapes, numbers of
        elements, stored bytes, ties, and which are trainable and which are deltas.

    Raises:
        TypeError: `model` is no `torch.nn.Module`.
        BmvisError: a detector that `register_delta` was given raised, or returned something else.
    """
    from bmvis.extraction.modules import capture as read
    from bmvis.notebook import captured

    return captured(read(model))


def register_delta(detector: Detector) -> Detector:
    """Tell which parameters a library of your own added to a model; usable as a decorator.

    Args:
        detector: a function that takes every module of a model once, as pairs of its path and the module, in preorder.
            It returns a dictionary with the `id` of each delta parameter, and a word or two that stand on its
            row: `merged`, say, or '' while it is simply in use. It must not change the modules.

    Returns:
        The detector itself.
    """
    from bmvis.extraction.adapters import register

    return register(detector)


def __getattr__(name: str) -> Any:
    if name == "address":
        return import_module("bmvis.address")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
