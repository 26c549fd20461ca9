"""Match references of pages against the entries of the setting `allow`. Internal.

An entry is `package.module:callable`:

- Without wildcards it allows exactly the object that it names, and the values in it if that is a dictionary or list.
  With keys in quotes, as in `zoo:ZOO["small"]`, it allows only the values below these keys.
- A wildcard (`*`, `?`, `[...]`, as in `fnmatch`) matches characters of one public name: never a dot, and never a
  name that starts with an underscore.
- `checkpoint:` and `config:` entries are patterns of files. Symlinks are resolved on both sides.
- `*` alone allows everything.

This module checks the text of a reference. The object that the text refers to is known only after the import of the
module: `bmvis.child.building.allowed_objects` checks it between the import and the call.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from bmvis.errors import InvalidReferenceError
from bmvis.lazy_regex import lazy_regex
from bmvis.reference import KEY, Reference, constant_keys

EVERYTHING = "*"
_WILDCARD = lazy_regex(r"[*?\[]")
_WITH_KEYS = lazy_regex(rf"(?P<attribute>[^\[]+)(?=\[\s*[\"'])(?P<keys>(?:{KEY.pattern})+)")


class AllowEntry(msgspec.Struct, frozen=True):
    """One entry of the allow list that names Python objects."""

    text: str
    module: str
    attribute: str
    keys: tuple[str | int, ...] = ()

    @property
    def has_wildcard(self) -> bool:
        """Return whether a part is a pattern: the module must then offer the object.

        `zoo.*:run` would otherwise allow what a module of the package imports from `subprocess`.
        """
        return _WILDCARD.search(f"{self.module}:{self.attribute}") is not None

    def allows(self, reference: Reference) -> bool:
        """Return whether the entry matches the text of a reference, whose keys can continue those of the entry."""
        keys = reference.keys[: len(self.keys)]
        return self._names(reference.module, reference.attribute) and _typed(keys) == _typed(self.keys)

    def matches(self, module: str, attribute: str) -> bool:
        """Return whether the entry matches a name of a module."""
        return not self.keys and self._names(module, attribute)

    def _names(self, module: str, attribute: str) -> bool:
        return self.matches_module(module) and _match(self.attribute, attribute)

    def matches_module(self, module: str) -> bool:
        """Return whether the entry allows anything in a module."""
        return _match(self.module, module)


def parse_entry(text: str) -> AllowEntry:
    """Return an entry for Python objects; one without a colon allows nothing."""
    module, _, rest = text.strip().partition(":")
    found = _WITH_KEYS.fullmatch(rest.strip())
    if found is None:
        return AllowEntry(text, module.strip(), rest.strip())
    return AllowEntry(text, module.strip(), found["attribute"].strip(), constant_keys(found["keys"]))


class AllowList:
    """The entries of the setting `allow` of a site.

    Args:
        entries: the entries in the site's configuration.
        cwd: the folder of the project, to which paths of files are relative.
    """

    def __init__(self, entries: Sequence[str], cwd: Path) -> None:
        self.entries = tuple(entries)
        self._cwd = cwd

    def entries_for(self, reference: Reference) -> tuple[str, ...]:
        """Return the entries that match the text of a reference; `("*",)` if everything is allowed.

        Raises:
            InvalidReferenceError: no entry allows it.
        """
        if EVERYTHING in self.entries:
            return (EVERYTHING,)
        if reference.file:
            found = tuple(entry for entry in self.entries if self._allows_file(entry, reference))
        else:
            found = tuple(
                entry for entry in self.entries if not _names_files(entry) and parse_entry(entry).allows(reference)
            )
        if not found:
            raise self._refusal(reference.target)
        return found

    def allows(self, reference: Reference) -> bool:
        """Return whether any entry matches the text of a reference that a pattern found."""
        return EVERYTHING in self.entries or any(parse_entry(entry).allows(reference) for entry in self.entries)

    def require_module(self, pattern: Reference) -> None:
        """Require, before the import, that an entry matches the module of a gallery pattern.

        Raises:
            InvalidReferenceError: no entry matches it, or its list of arguments is not a name of the module itself:
                `zoo:build(*os.environ)` would show what another module contains.
        """
        if EVERYTHING in self.entries:
            return
        is_deep = "." in (pattern.each or "") or (pattern.each == "" and "." in pattern.attribute)
        if is_deep or not any(parse_entry(entry).matches_module(pattern.module) for entry in self.entries):
            raise self._refusal(pattern.target)

    def _allows_file(self, entry: str, reference: Reference) -> bool:
        kind, _, pattern = entry.strip().partition(":")
        if not _names_files(entry) or kind != reference.target.partition(":")[0]:
            return False
        fixed, rest = _fixed_folder(pattern.strip())
        allowed = _real(self._cwd / fixed)
        file = _real(self._cwd / reference.file)
        if not rest:
            return file == allowed
        below = os.path.relpath(file, allowed).replace(os.sep, "/")
        return not below.startswith("..") and fnmatchcase(below, rest)

    def _refusal(self, target: str) -> InvalidReferenceError:
        return InvalidReferenceError(
            f"{target!r} is not allowed by `allow`", hint=f"allowed: {', '.join(self.entries) or 'none'}"
        )


def _names_files(entry: str) -> bool:
    return entry.strip().partition(":")[0] in ("checkpoint", "config")


def _typed(keys: tuple[str | int, ...]) -> list[tuple[type, str | int]]:
    return [(type(key), key) for key in keys]


def _match(pattern: str, name: str) -> bool:
    """Match dotted names, one part at a time."""
    patterns, names = pattern.split("."), name.split(".")
    return len(patterns) == len(names) and all(map(_match_part, patterns, names))


def _match_part(pattern: str, name: str) -> bool:
    if not _WILDCARD.search(pattern):
        return pattern == name
    return not name.startswith("_") and fnmatchcase(name, pattern)


def _fixed_folder(pattern: str) -> tuple[str, str]:
    """Split a pattern of files before the part with the first wildcard: `a/b*/c` into `a/` and `b*/c`."""
    found = _WILDCARD.search(pattern)
    if not found:
        return pattern, ""
    folder, slash, _ = pattern[: found.start()].rpartition("/")
    return folder + slash, pattern[len(folder) + len(slash) :]


def _real(path: Path) -> str:
    return os.path.realpath(path)
