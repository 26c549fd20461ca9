"""Add the default arguments of the project to a reference."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec
from torch import nn

from bmvis.reference import Reference
from bmvis.source.default_arguments import Defaults, keywords_of


def with_defaults(target: Any, reference: Reference, defaults: Defaults) -> Reference:
    """Return the reference with the default arguments that its target accepts, and that it doesn't set itself.

    Args:
        target: the object that the reference names. A module object is not called, so it takes no arguments.
        reference: the reference.
        defaults: the entries of `[tool.bmvis.arguments]`.
    """
    found = keywords_of(defaults, reference.module, reference.attribute)
    if not found or isinstance(target, nn.Module) or not callable(target):
        return reference
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return reference  # for example, written in C
    accepted = {name: value for name, value in found.items() if _accepts(signature, reference, name, value)}
    if not accepted:
        return reference
    return msgspec.structs.replace(reference, keywords=accepted | reference.keywords, called=True)


def _accepts(signature: inspect.Signature, reference: Reference, name: str, value: Any) -> bool:
    """Return whether a call with the arguments of the reference accepts one more argument."""
    if name in reference.keywords:
        return False
    try:
        signature.bind_partial(*reference.arguments, **reference.keywords, **{name: value})
    except TypeError:
        return False
    return True
