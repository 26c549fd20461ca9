"""What a gallery pattern matches without an import of its module, and what it passes over. Internal."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from bmvis.reference import parse_pattern, parse_reference
from bmvis.untrusted.log_text import one_line

MAX_NAMES = 10
"""Maximum number of names in the message about names that a pattern passes over."""


def matches(reference: str, pattern: str) -> bool:
    """Return whether a pattern that names a module matches a reference, as far as its text shows."""
    wanted = parse_pattern(pattern)
    found = parse_reference(reference)
    if wanted.each is None:
        return found.module == wanted.module and fnmatchcase(found.attribute, wanted.attribute)
    is_kind = found.key is not None if wanted.each == "" else len(found.arguments) == 1 + len(wanted.arguments)
    return is_kind and (found.module, found.attribute) == (wanted.module, wanted.attribute)


def passed_over_text(pattern: str, names: Sequence[str]) -> str:
    """Return the message about names that match a pattern and give no model; '' if there are none."""
    if not names:
        return ""
    more = f", … ({len(names) - MAX_NAMES} more)" if len(names) > MAX_NAMES else ""
    count = "1 name" if len(names) == 1 else f"{len(names)} names"
    return f"{pattern!r} passes over {count}: {one_line(', '.join(names[:MAX_NAMES]))}{more}"
