"""Which documented classes get a tree, and with which arguments: patterns of names, for the API pages of both hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec

from bmvis.errors import InvalidReferenceError, OptionError, first_of
from bmvis.reference import parse_reference
from bmvis.untrusted.log_text import one_line

EVERY = "*"
_MAX_NAMES = 10


class ClassRules(msgspec.Struct, frozen=True):
    """Arguments by pattern. The last pattern that matches a class decides."""

    rules: tuple[tuple[str, str | None], ...] = ()
    """Patterns of dotted names with the arguments of the classes, `layers=2`; None for no tree."""

    def arguments(self, name: str) -> str | None:
        """Return the arguments for a class: '' if a rule sets none, None if it gets no tree.

        Args:
            name: the dotted name of the class, as it is documented.
        """
        found = [arguments for pattern, arguments in self.rules if fnmatchcase(name, pattern)]
        return found[-1] if found else None

    def is_named(self, name: str) -> bool:
        """Return whether a rule has the name of a class, without a wildcard."""
        return any(pattern == name for pattern, _ in self.rules)


def parse_rules(written: object, setting: str) -> ClassRules:
    """Parse the setting for API pages: true, false, or a mapping from patterns to arguments.

    Args:
        written: the value. In a mapping, a value is text (`layers=2`), true for no arguments, or false for no tree.
        setting: the name of the setting, for errors.

    Raises:
        OptionError: the value has another type, or arguments do not parse.
    """
    if isinstance(written, bool) or written is None:
        return ClassRules(((EVERY, ""),) if written else ())
    if not isinstance(written, Mapping):
        raise OptionError(f"{setting} is not a mapping", hint='write {"my_package.*": True}')
    return ClassRules(tuple((str(pattern), _arguments(pattern, value, setting)) for pattern, value in written.items()))


def class_reference(module: str, qualname: str, arguments: str) -> str:
    """Return the reference that creates an instance of a class."""
    return f"{module}:{qualname}({arguments})" if arguments else f"{module}:{qualname}"


def without_tree(names: Sequence[str], setting: str) -> str:
    """Return the message about classes that get no tree, because nobody has set their arguments.

    Args:
        names: the dotted names of the classes.
        setting: where to set arguments.
    """
    shown = one_line(first_of(names, _MAX_NAMES))
    return f"no tree for {len(names)} classes that need arguments: {shown} (set {setting})"


def _arguments(pattern: object, value: object, setting: str) -> str | None:
    if isinstance(value, bool) or value is None:
        return "" if value else None
    if not isinstance(value, str):
        hint = 'write text such as "layers=2", or True or False'
        raise OptionError(f"{setting}: {value!r} for {pattern!r} is not text", hint=hint)
    try:
        parse_reference(f"module:Class({value})")
    except InvalidReferenceError as error:
        raise OptionError(
            f"{setting}: the arguments for {pattern!r} are invalid: {error.message}", hint=error.hint
        ) from None
    return value.strip()
