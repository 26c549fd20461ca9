"""Changes that a project does not count: the key `ignore` of `[tool.bmvis]`. Internal.

An entry is a class of changes (`cosmetic`), or what changed (`dropout`, `dtype`, `num_*`), each alone or after the
path of modules (`head.*:p`). `*` and `?` are wildcards, as in `fnmatch`.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from bmvis.errors import ProjectError

if TYPE_CHECKING:  # the settings of a project need no comparison
    from bmvis.comparison.tensor_changes import Impact

_CLASSES = ("numerics", "training", "cosmetic")


class Ignored(msgspec.Struct, frozen=True):
    """What is not counted."""

    entries: tuple[tuple[str, str], ...] = ()
    """A pattern of module paths, and a class or a pattern of what changed."""

    def covers(self, path: str, topic: str, impact: Impact) -> bool:
        """Return whether a change is not counted.

        Args:
            path: of the module.
            topic: what changed: the name of an argument, or of a fact of tensors.
            impact: the class of the change.
        """
        return any(
            fnmatchcase(path, path_pattern) and (what == impact if what in _CLASSES else fnmatchcase(topic, what))
            for path_pattern, what in self.entries
        )


NOTHING = Ignored()


def parse_ignored(entries: Iterable[str]) -> Ignored:
    """Parse the entries of `ignore`.

    Raises:
        ProjectError: an entry is empty, or would hide that old checkpoints do not load.
    """
    found = []
    for entry in entries:
        path_pattern, colon, what = entry.rpartition(":")
        if not what.strip("* ") or what.strip() == "checkpoint":
            raise ProjectError(
                f"{entry!r} cannot be ignored",
                hint="write an argument such as dropout, PATH:ARGUMENT, numerics, training or cosmetic",
            )
        found.append((path_pattern.strip() if colon else "*", what.strip()))
    return Ignored(tuple(found))
