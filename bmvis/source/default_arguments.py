"""Default arguments for factories: `[tool.bmvis.arguments]` in pyproject.toml, such as `"zoo:*" = "pretrained=False"`.

Each factory whose reference matches the pattern gets the arguments that it accepts and that its reference doesn't set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from bmvis.errors import InvalidReferenceError, ProjectError
from bmvis.reference import Reference, parse_reference

Defaults = tuple[tuple[str, str], ...]
"""Patterns of references, each with the text of its arguments. A later pattern has priority."""


def read_defaults(written: Mapping[str, str], file: str) -> Defaults:
    """Return the entries of the table.

    Raises:
        ProjectError: a key is not a pattern, or a value is not a list of named arguments.
    """
    for pattern, text in written.items():
        where = f"[tool.bmvis.arguments] in {file}, {pattern!r}"
        if ":" not in pattern or "(" in pattern:
            raise ProjectError(f"{where} is not a pattern", hint='write "package.module:*" = "pretrained=False"')
        try:
            found = _parsed(text)
        except InvalidReferenceError as error:
            raise ProjectError(f"{where}: {error.message}", hint=error.hint) from None
        if found.arguments or not found.keywords:
            hint = 'write "pretrained=False, num_classes=10"'
            raise ProjectError(f"{where}: {text!r} is not a list of named arguments", hint=hint)
    return tuple(written.items())


def matching(defaults: Defaults, reference: Reference) -> Defaults:
    """Return the entries that can apply to a reference, or to one of the models that a pattern finds."""
    if reference.file or not reference.module:
        return ()
    return tuple(entry for entry in defaults if fnmatchcase(reference.module, entry[0].partition(":")[0]))


def keywords_of(defaults: Defaults, module: str, attribute: str) -> dict[str, Any]:
    """Return the default arguments of a callable."""
    target = f"{module}:{attribute}"
    texts: Iterable[str] = (text for pattern, text in defaults if fnmatchcase(target, pattern))
    return {name: value for text in texts for name, value in _parsed(text).keywords.items()}


def _parsed(text: str) -> Reference:
    return parse_reference(f"arguments:of({text})")
