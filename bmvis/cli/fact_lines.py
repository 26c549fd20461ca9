"""All facts of a snapshot file as text, one fact a line, so that a line comparison shows each change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bmvis.errors import SnapshotError
from bmvis.model.snapshot import dump
from bmvis.source.recorded import MAX_BYTES, parse_snapshot
from bmvis.untrusted.log_text import one_line
from bmvis.untrusted.regular_file import read_regular

_POSITION = ("depth", "name", "names", "type", "package")


def fact_lines(file: Path) -> Iterator[str]:
    """Yield the facts of a snapshot: those of the whole model, then each module with its own.

    A file of an older format has the same lines. The lines of a file that is not a snapshot stay as they are: git ends
    a whole `git log -p` if the converter of one file fails.

    Raises:
        SnapshotError: the file cannot be read.
    """
    try:
        content = read_regular(file, MAX_BYTES)
    except OSError as error:
        raise SnapshotError(f"cannot read {file}: {error.strerror}", hint="pass the path of a snapshot file") from None
    try:
        recorded = json.loads(dump(parse_snapshot(content, str(file))))
    except SnapshotError:
        yield from map(one_line, content.decode(errors="backslashreplace").splitlines())
        return
    for name, value in recorded.items():
        if name == "rows":
            yield from (line for row in value for line in _of_module(row))
        elif value not in ([], {}):
            yield from _of_model(name, value)


def _of_model(name: str, value: Any, level: int = 0) -> Iterator[str]:
    """Yield a value in one line, or a line for each entry of an object or a list."""
    if not isinstance(value, dict | list):
        yield one_line(f"{'  ' * level}{name}: {_text(value)}")
        return
    yield one_line(f"{'  ' * level}{name}")
    for number, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _of_model(str(number), inner, level + 1)


def _of_module(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield the name and class of a module, then a line for each of its facts."""
    indent = "  " * row["depth"]
    names = row.get("names", row.get("name", "root"))
    label = names if isinstance(names, str) else ",".join(names)
    kind = f" ({row['type']}, {row['package']})" if "type" in row else ""
    yield one_line(f"{indent}{label}{kind}")
    for name, value in row.items():
        if name in _POSITION:
            continue
        if isinstance(value, dict):
            yield from (one_line(f"{indent}    {name} {key}: {_text(inner)}") for key, inner in value.items())
        else:
            yield one_line(f"{indent}    {name}: {_text(value)}")


def _text(value: Any) -> str:
    """Return a value without the quotation marks of JSON."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(inner)}" for name, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_text, value))}]"
    return value if isinstance(value, str) else json.dumps(value)
