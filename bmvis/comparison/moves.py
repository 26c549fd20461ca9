"""Modules that have another path now: renamed, moved, wrapped, or no longer wrapped. Internal."""

from __future__ import annotations

from collections.abc import Container

from bmvis.comparison.alignment import AlignedPair
from bmvis.model.tree import Model, Module


def wrapping(wrapped: Module, wrapper: Module) -> str:
    """Return the text for a module that wraps another one: `wrapped in DataParallel`."""
    return f"wrapped in {wrapper.type if wrapper.type != wrapped.type else wrapper.documented_as}"


def unwrapping(wrapper: Module) -> str:
    """Return the text for a module whose wrapper is gone."""
    return f"no longer wrapped in {wrapper.type}"


def moving(was: str, path: str, *, has_same_parent: bool = False) -> str:
    """Return the word for a module with another path: it has another name, or another parent or number.

    Args:
        was: the former path.
        path: the present path.
        has_same_parent: whether the parents correspond although their paths differ, because they were renamed as well.
    """
    (was_above, _, old), (above, _, new) = was.rpartition("."), path.rpartition(".")
    is_same = was_above == above or has_same_parent
    return "renamed" if old and new and is_same and not new.isdecimal() else "moved"


def former_wrapper(pair: AlignedPair, before: Model, after: Model, kept: Container[int]) -> int | None:
    """Return the module that another one, which was inside of it, has replaced; None in a file, which has no wrappers.

    Args:
        pair: the other one, before and after.
        before: the earlier model.
        after: the present model.
        kept: the modules of the earlier model that the present one has.
    """
    if pair.before is None or pair.after is None or not pair.was:
        return None
    name = after.modules[pair.after].name
    if pair.after and not pair.was.startswith(f"{name}."):
        return None
    outer = outermost(before, pair.before, kept)
    return outer if outer != pair.before and before.modules[outer].type else None


def outermost(model: Model, index: int, kept: Container[int]) -> int:
    """Return the outermost module around `index` below which there is nothing but what one of the models has."""
    outer = index
    while outer and model.parents[outer] not in kept:
        outer = model.parents[outer]
    return outer
