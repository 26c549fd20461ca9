"""Add the default arguments of the project to a reference."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec
from torch import nn

from bmvis.errors import FactoryError, nearest
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
    signature = _signature(target) if found else None
    if signature is None:
        return reference
    accepted = {name: value for name, value in found.items() if _accepts(signature, reference, name, value)}
    if not accepted:
        return reference
    return msgspec.structs.replace(reference, keywords=accepted | reference.keywords, called=True)


def require_accepted(target: Any, reference: Reference, defaults: Defaults) -> None:
    """Check that a target accepts the default arguments of an entry for this factory alone: `"zoo:net" = "width=2"`.

    The arguments of a pattern such as `zoo:*` are for the factories that accept them.

    Raises:
        FactoryError: it doesn't accept one of them.
    """
    own = tuple(entry for entry in defaults if entry[0] == f"{reference.module}:{reference.attribute}")
    signature = _signature(target) if own else None
    if signature is None:
        return
    for name in keywords_of(own, reference.module, reference.attribute):
        try:
            signature.bind_partial(**{name: None})
        except TypeError:
            where = f"[tool.bmvis.arguments] in pyproject.toml, {own[0][0]!r}"
            hint = nearest(name, signature.parameters) or "it takes no arguments"
            raise FactoryError(f"{where}: the factory does not accept the argument {name!r}", hint=hint) from None


def _signature(target: Any) -> inspect.Signature | None:
    """Return the signature of a callable; None if it is unknown, as for one that is written in C."""
    if isinstance(target, nn.Module):
        return inspect.Signature()
    try:
        return inspect.signature(target)
    except (TypeError, ValueError):
        return None


def _accepts(signature: inspect.Signature, reference: Reference, name: str, value: Any) -> bool:
    """Return whether a call with the arguments of the reference accepts one more argument."""
    if name in reference.keywords:
        return False
    try:
        signature.bind_partial(*reference.arguments, **reference.keywords, **{name: value})
    except TypeError:
        return False
    return True
