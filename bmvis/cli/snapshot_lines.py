"""Find the line of a module in a snapshot file."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

_NUMBER = re.compile(r"[^\d,]*\d+(?=[-,])")
_SPAN = re.compile(r"(\d+)-(\d+)")
_OPTIMIZER = re.compile(r"optimizer(?: (\d+))?(?:, groups? (\d+))?")


class RowLines:
    """Finds rows by module path. In a text that is not a snapshot, all modules are in line 1.

    Args:
        text: the content of the file.
    """

    def __init__(self, text: str) -> None:
        self._lines: list[int] = []
        self._rows: list[dict[str, Any]] = []
        self._children: list[list[int]] = []
        trail: list[int] = []
        is_row = False
        for number, line in enumerate(text.splitlines(), 1):
            row = _row(line) if is_row else None
            is_row = is_row or line.startswith('"rows": [')
            if row is None or not 0 <= row["depth"] <= len(trail):
                continue
            del trail[row["depth"] :]
            if trail:
                self._children[trail[-1]].append(len(self._rows))
            trail.append(len(self._rows))
            self._rows.append(row)
            self._lines.append(number)
            self._children.append([])

    def line(self, path: str) -> int:
        """Return the line of the row for a path, or of its nearest ancestor.

        Args:
            path: the path of a module. For a range such as `layer.0-11`, the first module is used.
        """
        if not self._rows:
            return 1
        shown = found = 0
        for name in path.split(".") if path else ():
            child = self._child(found, name)
            if child is None:
                break
            shown, found = child, self._content(found, child)
        return self._lines[shown]

    def _child(self, above: int, name: str) -> int | None:
        first = _NUMBER.match(name)
        for wanted in (name, *([first[0]] if first else []), name.partition(",")[0]):
            for child in self._children[above]:
                if wanted == "*" or _has(self._rows[child], wanted):
                    return child
        return None

    def _content(self, above: int, child: int) -> int:
        """Return the row that has the children of a row: itself, or the sibling that `like` refers to."""
        like = self._rows[child].get("like")
        same = self._child(above, like) if isinstance(like, str) else None
        return child if same is None else same


def subject_line(text: str, subject: str) -> int | None:
    """Return the line of an optimizer, a parameter group or a configuration; None for any other subject.

    Args:
        text: the content of a snapshot file.
        subject: what a change describes: `optimizer, group 1` or `BertConfig`.
    """
    head = text.partition('"rows": [\n')[0].splitlines()
    found = _OPTIMIZER.match(subject)
    if found is None:
        return _first(head, f'{{"type": {json.dumps(subject, ensure_ascii=False)}, "values": ')
    first = _first(head, '"optimizers": [')
    if first is None:
        return None
    starts = [n for n, line in enumerate(head, 1) if n > first and line.startswith('{"type": ')]
    number = int(found[1] or 0)
    if number >= len(starts):
        return None
    line = starts[number] + (1 + int(found[2]) if found[2] else 0)
    return line if line <= len(head) and head[line - 1].startswith(("{", "  {")) else starts[number]


def _first(lines: Sequence[str], start: str) -> int | None:
    return next((number for number, line in enumerate(lines, 1) if line.startswith(start)), None)


def _row(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line.strip().rstrip(","))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and type(found.get("depth")) is int else None


def _has(row: dict[str, Any], name: str) -> bool:
    names = row.get("names", row.get("name"))
    if isinstance(names, list):
        return name in names
    span = _SPAN.fullmatch(names) if isinstance(names, str) and "names" in row else None
    if span and name.isdecimal() and len(name) < 19:
        return int(span[1]) <= int(name) <= int(span[2])
    return bool(names == name)
