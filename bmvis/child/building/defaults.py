"""Add the default arguments of the project to a reference."""

from __future__ import annotations

import inspect
import sys
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any

import msgspec
from torch import nn

from bmvis.child.building.accepted_names import may_be_accepted
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
    """Check that the default arguments of an entry for this factory alone, `"zoo:net" = "width=2"`, are accepted.

    The arguments of a pattern, `zoo:*` or `zoo.*:build`, are for the factories that accept them. One of them has to.

    Raises:
        FactoryError: the target or, for a pattern, no callable of its modules accepts one of them.
    """
    signature = _signature(target) if defaults else None
    if signature is None:
        return
    for entry in defaults:
        module, _, attribute = entry[0].partition(":")
        if not (fnmatchcase(reference.module, module) and fnmatchcase(reference.attribute, attribute)):
            continue
        is_exact = (module, attribute) == (reference.module, reference.attribute)
        for name in keywords_of((entry,), reference.module, reference.attribute):
            if _takes(signature, name) or not (is_exact or _is_accepted_nowhere(name, module, attribute)):
                continue
            where = f"[tool.bmvis.arguments] in pyproject.toml, {entry[0]!r}"
            hint = nearest(name, signature.parameters) or (
                "it takes no arguments" if is_exact else "check its spelling"
            )
            factory = "the factory does not accept" if is_exact else f"no factory in {module!r} accepts"
            raise FactoryError(f"{where}: {factory} the argument {name!r}", hint=hint)


def _takes(signature: inspect.Signature, name: str) -> bool:
    try:
        signature.bind_partial(**{name: None})
    except TypeError:
        return False
    return True


def _is_accepted_nowhere(name: str, modules: str, attribute: str) -> bool:
    """Return whether no callable that a pattern matches accepts an argument. False if that is uncertain."""
    if modules in sys.modules:
        return _is_unknown(name, modules, attribute)
    if not modules.partition(".")[0].isidentifier():
        return False  # the modules of all packages
    loaded = sorted(one for one in sys.modules if fnmatchcase(one, modules))
    is_unknown = all(_is_unknown(name, module, attribute) for module in loaded)
    return is_unknown and not may_be_accepted(name, modules, attribute)


def _is_unknown(name: str, module: str, pattern: str) -> bool:
    """Return whether no callable of a module that matches a pattern accepts an argument.

    False if that is uncertain: some callables have no signature, and a module can create attributes when they are read.
    """
    found_module = sys.modules.get(module)
    holder = vars(found_module) if type(found_module) is ModuleType else {"__getattr__": None}
    if "__getattr__" in holder or "[" in pattern:
        return False
    found = dict(holder)
    for owner, value in holder.items():
        if isinstance(value, type) and value.__module__ == module:
            found |= {f"{owner}.{own}": getattr(value, own, None) for own in vars(value)}
    signatures = (_signature(one) for key, one in found.items() if callable(one) and fnmatchcase(key, pattern))
    return all(signature is not None and not _takes(signature, name) for signature in signatures)


def _signature(target: Any) -> inspect.Signature | None:
    """Return the signature of a callable; None if it is unknown, as for one that is written in C."""
    # Read again for each question: it takes microseconds, and a target need not have a hash.
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
