"""List the changes of one module: its class, and the arguments in its `extra_repr()`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bmvis.comparison.tensor_changes import ChangedFact, Impact, changed
from bmvis.model.tree import Module

_SIZES = {"in_features", "out_features", "kernel_size", "num_embeddings", "normalized_shape", "bias", "num_features"}
"""Arguments that the shapes of the tensors already show."""
_TRAINING = {"p", "momentum", "dropout", "drop_prob", "track_running_stats"}
_COSMETIC = {"inplace"}
_ARGUMENT = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)


def module_changes(old: Module, new: Module, *, is_resized: bool) -> Iterator[ChangedFact]:
    """Yield each difference.

    Args:
        old: the module before.
        new: the same module now.
        is_resized: whether one of its tensors was added, removed or has another shape.
    """
    if old.type and new.type and not is_same_class(old, new):  # the types of a checkpoint are unknown
        short = old.type != new.type
        names = (old.type, new.type) if short else (old.import_path, new.import_path)
        yield changed(*names, _class_impact(old, new), topic="class")
    if old.shared_with is None and new.shared_with is not None:
        yield ChangedFact(f"now the same module as {new.shared_with or 'the root'}", "numerics", False, topic="shared")
    elif old.shared_with is not None and new.shared_with is None:
        yield ChangedFact("no longer shared", "training", False, topic="shared")
    if old.extra_repr != new.extra_repr:
        yield from _arguments(old, new, is_resized=is_resized)


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
    is_torch = any(module.package.startswith("torch.nn.") for module in (old, new))
    return "numerics" if is_torch or not (old.parameters or new.parameters) else "cosmetic"


def _arguments(old: Module, new: Module, *, is_resized: bool) -> Iterator[ChangedFact]:
    was, is_now = _parsed(old.extra_repr), _parsed(new.extra_repr)
    if old.type != new.type and old.type and new.type:
        return  # the arguments of different classes are not comparable
    for name in dict.fromkeys([*was, *is_now]):
        before, after = was.get(name), is_now.get(name)
        if _normal(before) == _normal(after) or (is_resized and (name in _SIZES or name.isdecimal())):
            continue
        impact: Impact = "training" if name in _TRAINING else "cosmetic" if name in _COSMETIC else "numerics"
        if {before, after} & {"same", "valid"} and name == "padding":
            impact = "cosmetic"
        yield changed(before or "none", after or "none", impact, name="" if name.isdecimal() else name, topic=name)


def _parsed(text: str) -> dict[str, str]:
    """Return the arguments by name, positional ones by number."""
    found: dict[str, str] = {}
    for number, part in enumerate(_split(text)):
        match = _ARGUMENT.fullmatch(part)
        found[match["name"] if match else str(number)] = match["value"] if match else part
    return found


def _split(text: str) -> Iterator[str]:
    """Split at commas outside of brackets."""
    start = depth = 0
    for index, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth <= 0:
            yield text[start:index].strip()
            start = index + 1
    if rest := text[start:].strip():
        yield rest


def _normal(value: str | None) -> str | None:
    """Return `2` for `(2, 2)`: torch takes both."""
    if value is None or not (value.startswith("(") and value.endswith(")")):
        return value
    items = {item.strip() for item in value[1:-1].split(",") if item.strip()}
    return items.pop() if len(items) == 1 else value
