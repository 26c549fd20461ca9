"""Modules that have another place now: renamed, moved, wrapped, or no longer wrapped. Internal."""

from __future__ import annotations

from collections.abc import Container

from bmvis.comparison.alignment import Place
from bmvis.model.tree import Model, Module


def wrapping(wrapped: Module, wrapper: Module) -> str:
    """Return the text for a module that wraps another one: `wrapped in DataParallel`."""
    return f"wrapped in {wrapper.type if wrapper.type != wrapped.type else wrapper.documented_as}"


def unwrapping(wrapper: Module) -> str:
    """Return the text for a module whose wrapper is gone."""
    return f"no longer wrapped in {wrapper.type}"


def moving(was: str, path: str) -> str:
    """Return the word for a module with another path: it has another name, or another parent or number."""
    (was_above, _, old), (above, _, new) = was.rpartition("."), path.rpartition(".")
    return "renamed" if old and new and was_above == above and not new.isdecimal() else "moved"


def former_wrapper(place: Place, before: Model, after: Model, kept: Container[int]) -> int | None:
    """Return the module that was at a place, if another one was inside of it and is there now. A file has no wrappers.

    Args:
        place: the present place of the other one.
        before: the earlier model.
        after: the present model.
        kept: the modules of the earlier model that the present one has.
    """
    if place.before is None or place.after is None or not place.was:
        return None
    name = after.modules[place.after].name
    if place.after and not place.was.startswith(f"{name}."):
        return None
    outer = outermost(before, place.before, kept)
    return outer if outer != place.before and before.modules[outer].type else None


def outermost(model: Model, index: int, kept: Container[int]) -> int:
    """Return the outermost module around `index` below which there is nothing but what one of the models has."""
    outer = index
    while outer and model.parents[outer] not in kept:
        outer = model.parents[outer]
    return outer
