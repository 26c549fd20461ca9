"""Parameters that bmvis captures from a live model, by state-dict key."""

from torch import nn

from bmvis.extraction.modules import capture
from bmvis.model.preorder import child_path
from bmvis.model.tree import Parameter


def captured_parameters(model: nn.Module) -> dict[str, Parameter]:
    """Return all parameters by state-dict key. Tied ones are included once for each of their keys."""
    tree = capture(model)
    return {
        child_path(path, p.name): p
        for path, module in zip(tree.paths, tree.modules, strict=True)
        for p in module.parameters
    }


def deltas(model: nn.Module) -> dict[str, str]:
    """Return the first state-dict key of each delta, with the state of its adapter."""
    return {key: p.adapter for key, p in captured_parameters(model).items() if p.delta and not p.tied_to}
