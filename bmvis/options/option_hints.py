"""Hints for options and attributes that do not exist: a misspelling, or the name that another element has for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bmvis.errors import OptionError, did_you_mean, nearest

_REFERENCES = ("factory", "model", "models", "before", "after")
"""The attributes that refer to models. Each element has one or two of them."""
_OTHER_NAMES: Mapping[str, str] = {
    "reference": "factory",
    "factories": "models",
    "references": "models",
    "fact": "of",
    "path": "module",
    "id": "name",
}
"""Names that no element has, each with the one that is intended."""

_SITE_SETTINGS = ("allow", "cache", "cwd", "memory", "mode", "python", "snapshots", "timeout")
"""Settings of the site that no element has."""


def option_hint(name: str, known: Iterable[str]) -> str:
    """Return a hint for an unknown option or attribute.

    Args:
        name: the unknown name.
        known: the names of all options or attributes that the element has.

    Examples:
        >>> option_hint("dept", ["depth", "device"])
        "did you mean 'depth'?"
        >>> option_hint("factory", ["model", "of", "format"])
        "did you mean 'model'?"
        >>> option_hint("factories", ["models", "toctree"])
        "did you mean 'models'?"
        >>> option_hint("mode", ["models", "order"])
        'mode is a setting of the whole site'
    """
    names = list(known)
    if name in _SITE_SETTINGS and name not in names:
        return f"{name} is a setting of the whole site"
    intended = _OTHER_NAMES.get(name, name)
    if intended in names:
        return did_you_mean([intended])
    own = [one for one in _REFERENCES if one in names]
    return did_you_mean(own) if intended in _REFERENCES and own else nearest(name, names)


def refuse_references(written: Iterable[str], known: Iterable[str], hint: str) -> None:
    """Refuse options that are called like the attributes of Markdown elements that refer to models.

    Args:
        written: the names of the options of a directive.
        known: those that refer to its models, if it has any.
        hint: where the directive has its references, if not in options.

    Raises:
        OptionError: there is such an option.
    """
    own = list(known)
    for name in written:
        if name not in own and _OTHER_NAMES.get(name, name) in _REFERENCES:
            raise OptionError(f"unknown option {name!r}", hint=option_hint(name, own) or hint)
