"""List the changes of one module itself: its class, and whether it is shared."""

from __future__ import annotations

from collections.abc import Iterator

from bmvis.comparison.tensor_changes import ChangedFact, Impact, changed
from bmvis.model.tree import Module

DROPOUTS = ("Dropout", "AlphaDropout", "FeatureAlphaDropout", "DropPath", "DropBlock", "StochasticDepth")
"""The beginnings of the names of classes that do something in training only."""


def module_changes(old: Module, new: Module) -> Iterator[ChangedFact]:
    """Yield the changes of the class of a module, and of whether it is shared."""
    if old.type and new.type and not is_same_class(old, new):  # the types of a checkpoint are unknown
        short = old.type != new.type
        names = (old.type, new.type) if short else (old.import_path, new.import_path)
        yield changed(*names, _class_impact(old, new), topic="class")
    if old.shared_with is None and new.shared_with is not None:
        yield ChangedFact(f"now the same module as {new.shared_with or 'the root'}", "numerics", False, topic="shared")
    elif old.shared_with is not None and new.shared_with is None:
        yield ChangedFact("no longer shared", "training", False, topic="shared")


def is_same_class(old: Module, new: Module) -> bool:
    """Return whether two modules are of one class. Older snapshots can have the name of one that PyTorch generated."""
    return old.import_path == new.import_path or any(
        (one.package == "torch.nn.utils.parametrize" and one.type == f"Parametrized{other.type}")
        or (one.package == "torch.fx.graph_module" and other.import_path == "torch.fx.GraphModule")
        for one, other in ((old, new), (new, old))
    )


def _class_impact(old: Module, new: Module) -> Impact:
    if old.type == new.type:
        return "cosmetic"
    if all(module.type == "Identity" or module.type.startswith(DROPOUTS) for module in (old, new)):
        return "training"
    is_torch = any(module.package.startswith("torch.nn.") for module in (old, new))
    return "numerics" if is_torch or not (old.parameters or new.parameters) else "cosmetic"
