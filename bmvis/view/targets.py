"""Find the target of a link to a module: by its path, or by the end of its path."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from bmvis.errors import SIMILAR, did_you_mean, nearest

_WRAPPERS = frozenset(("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"))
"""Names that wrappers of PyTorch add at any level: `torch.compile`, FSDP, activation checkpointing."""
_OUTER = ("base_model.model.", "module.")
"""What wrappers around the whole model add: PEFT, DataParallel."""


def by_end(anchors: Mapping[str, str]) -> dict[str, str]:
    """Return the anchors by path and by each end of a path that belongs to one row, without names of wrappers.

    Args:
        anchors: the anchor of the row that shows each module, by path.

    Examples:
        >>> by_end({"a": "m.a", "a.0.dense": "m.a.0.dense", "b.dense": "m.b.dense"})["0.dense"]
        'm.a.0.dense'
    """
    found: dict[str, str] = {}
    shared: set[str] = set()
    whole = {_unwrapped(path): anchor for path, anchor in reversed(list(anchors.items()))}
    for path, anchor in whole.items():
        end = path
        while end:
            if found.setdefault(end, anchor) != anchor:
                shared.add(end)
            end = end.partition(".")[2]
    return {end: anchor for end, anchor in found.items() if end not in shared} | whole


def find_anchor(anchors: Mapping[str, str], path: str) -> str | None:
    """Return the anchor for the path in a link, or for the end of a path; None if no row or several rows match."""
    return anchors.get(path) or by_end(anchors).get(_unwrapped(path))


def missing_module(tree: str, anchors: Mapping[str, str], path: str) -> str:
    """Return the warning about a link for which `find_anchor` finds no row. It suggests three modules."""
    end = f".{_unwrapped(path)}"
    ambiguous = [known for known in anchors if f".{_unwrapped(known)}".endswith(end)]
    if ambiguous:
        return f"the tree {tree!r} has {len(ambiguous)} modules {path!r} ({did_you_mean(ambiguous[:3])})"
    return f"the tree {tree!r} has no module {path!r} ({similar_paths(path, anchors)})"


def similar_paths(path: str, known: Iterable[str]) -> str:
    """Return a hint with three similar paths, or with three whose ends of as many names are similar.

    Examples:
        >>> similar_paths("layer.9", ["encoder.stages.deep.layer.0", "head"])
        "did you mean 'encoder.stages.deep.layer.0'?"
    """
    paths = [one for one in known if one]
    hint = nearest(path, paths, most=3)
    if hint.startswith("did"):
        return hint
    level = path.count(".") + 1
    by_name: dict[str, str] = {}
    for one in paths:
        by_name.setdefault(".".join(one.split(".")[-level:]), one)
    close = difflib.get_close_matches(path, by_name, n=3, cutoff=SIMILAR)
    return did_you_mean([by_name[end] for end in close]) if close else hint


def _unwrapped(path: str) -> str:
    for prefix in _OUTER:
        path = path.removeprefix(prefix)
    return ".".join(name for name in path.split(".") if name not in _WRAPPERS)
