"""Compile regular expressions when they are first used.

A build without changes uses few of those in the modules that it imports, and to compile all takes a third of the time
of these imports.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, Generic, cast

_ALL: list[_LazyRegex[Any]] = []
"""The expressions of all modules that were imported."""


def lazy_regex(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what `re.compile` returns, but compile it when a method of it is first used.

    Only its own methods and attributes can be used: `re.sub` does not accept it, and neither does Python-Markdown.
    """
    return cast("re.Pattern[AnyStr]", _LazyRegex(pattern, flags))


def compile_all() -> None:
    """Compile the expressions of all imported modules. Each fork of a process would compile them again otherwise."""
    for regex in _ALL:
        regex.compiled()


class _LazyRegex(Generic[AnyStr]):
    def __init__(self, pattern: AnyStr, flags: int) -> None:
        self.pattern: AnyStr = pattern
        self._flags = flags
        self._compiled: re.Pattern[AnyStr] | None = None
        _ALL.append(self)

    def compiled(self) -> re.Pattern[AnyStr]:
        if self._compiled is None:
            self._compiled = re.compile(self.pattern, self._flags)
        return self._compiled

    def __getattr__(self, name: str) -> Any:
        """Return a method of the expression, which is an attribute of this object afterwards."""
        found = getattr(self.compiled(), name)
        setattr(self, name, found)
        return found
