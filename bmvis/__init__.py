"""Show the structure of PyTorch models in documentation.

`__all__` is the public Python API; the package docstrings mark everything else as internal. `import bmvis` does not
import torch. Functions that take a live model do, and `register_delta` and `Visualization`.

Examples:
    >>> import bmvis
    >>> from torch import nn
    >>> bmvis.capture(nn.Sequential(nn.Linear(2, 3), nn.ReLU())).draw(non_params=True)
    root
    ├── 0 (Linear) weight:[3, 2] bias:[3]
    └── 1 (ReLU)
    <BLANKLINE>
    Sequential: 9 parameters, all trainable; float32, 36 bytes
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from bmvis import address
    from bmvis.bigmodelvis import Visualization
    from bmvis.comparison.checkpoint import Verdict
    from bmvis.comparison.drift import Drift
    from bmvis.comparison.key_map import RenamedKey
    from bmvis.comparison.lines import DriftLine, Part
    from bmvis.errors import BmvisError
    from bmvis.extraction.adapters import Detector
    from bmvis.model.tree import Buffer, Model, Module, Parameter
    from bmvis.notebook import Captured

__version__ = "0.1.0"
__all__ = [
    "BmvisError",
    "Buffer",
    "Captured",
    "Drift",
    "DriftLine",
    "Model",
    "Module",
    "Parameter",
    "Part",
    "RenamedKey",
    "Verdict",
    "Visualization",
    "address",
    "capture",
    "compare",
    "register_delta",
]

_MODULES = {
    "BmvisError": "bmvis.errors",
    "Buffer": "bmvis.model.tree",
    "Captured": "bmvis.notebook",
    "Drift": "bmvis.comparison.drift",
    "DriftLine": "bmvis.comparison.lines",
    "Model": "bmvis.model.tree",
    "Module": "bmvis.model.tree",
    "Parameter": "bmvis.model.tree",
    "Part": "bmvis.comparison.lines",
    "RenamedKey": "bmvis.comparison.key_map",
    "Verdict": "bmvis.comparison.checkpoint",
    "Visualization": "bmvis.bigmodelvis",
}
"""Where the classes are defined. `__getattr__` imports each one on first access."""


def capture(model: nn.Module) -> Captured:
    """Read the structure of a live module into plain data. A notebook draws the result as a tree.

    The call does not change the model: weights, training mode, hooks, gradients and random state stay the same. The
    only code of the model that runs is `extra_repr()`. The model can be on any device, including meta.

    Args:
        model: any PyTorch module.

    Returns:
        The modules in preorder, each with its parameters and buffers: logical shapes, numbers of elements, stored
        bytes, tied parameters, and whether each parameter is trainable or was added by an adapter library ("delta").

    Raises:
        TypeError: `model` is not a `torch.nn.Module`.
        BmvisError: a detector registered with `register_delta` raised, or returned a value of a wrong type.

    Examples:
        >>> model = capture(nn.Linear(2, 3))
        >>> model.root.parameters[0].shape, model.root.parameters[0].stored_bytes
        ((3, 2), 24)
    """
    from bmvis.extraction.modules import capture as read
    from bmvis.notebook import captured

    return captured(read(model))


def compare(before: nn.Module | Model, after: nn.Module | Model) -> Drift:
    """List the changes from one model to another, as `bmvis check` reports them.

    Args:
        before: a live module, or a model that `capture` returned.
        after: the same.

    Returns:
        The changes, each with its class, and whether state dicts of `before` load into `after`. It is falsy if there
        are no changes.

    Raises:
        TypeError: an argument is neither a module nor a captured model.
        BmvisError: as from `capture`.

    Examples:
        >>> found = bmvis.compare(nn.Sequential(nn.Linear(2, 3)), nn.Sequential(nn.Linear(2, 4)))
        >>> found.headline
        'old checkpoints no longer load (2 size mismatches)'
        >>> print(found)
        ~ 0  weight: [3, 2] → [4, 2], bias: [3] → [4]
          parameters 9 → 12 (+3)
          trainable 9 → 12 (+3)
    """
    from bmvis.comparison.drift import find_drift

    return find_drift(as_model(before), as_model(after))


def as_model(model: nn.Module | Model) -> Model:
    """Return the captured form of a live module; or a captured model unchanged. Internal."""
    from bmvis.model.tree import Model as Captured

    return model if isinstance(model, Captured) else capture(model)


def register_delta(detector: Detector) -> Detector:
    """Register a function that finds the parameters that an adapter library added. Also usable as a decorator.

    bmvis detects PEFT, OpenDelta, loralib and AdapterHub itself. Register a detector for a library of your own. A
    package can also name its detector in the entry point group `bmvis.deltas`, so that users need not import it:
    https://packaging.python.org/en/latest/specifications/entry-points/

    Args:
        detector: a function that takes `(path, module)` pairs, one for each module of a model, in preorder.
            It returns a dictionary from the `id` of each adapter parameter to a short state to show on its row, such
            as `merged`, or '' if the adapter is active. It must not change the modules.

    Returns:
        The detector, unchanged.

    Examples:
        >>> class Scaled(nn.Linear):
        ...     def __init__(self, size):
        ...         super().__init__(size, size)
        ...         self.scale = nn.Parameter(self.bias.detach())
        >>> @register_delta
        ... def scales(modules):
        ...     return {id(module.scale): "" for _, module in modules if isinstance(module, Scaled)}
        >>> [(parameter.name, parameter.delta) for parameter in capture(Scaled(2)).root.parameters]
        [('weight', False), ('bias', False), ('scale', True)]
    """
    from bmvis.extraction.adapters import register

    return register(detector)


def __getattr__(name: str) -> Any:
    if name == "address":
        return import_module("bmvis.address")
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
