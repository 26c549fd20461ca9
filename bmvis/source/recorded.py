"""Models from their snapshots, and how a built model differs from its own. Internal."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bmvis.comparison.drift import find_drift
from bmvis.errors import DriftError, SnapshotError
from bmvis.model.snapshot import Snapshot, load
from bmvis.regular_file import read_regular
from bmvis.source.facts import file_facts
from bmvis.source.pyproject import Project
from bmvis.worker.protocol import Built

MAX_BYTES = 200_000_000
_MARKERS = {b"<" * 7: "ours", b"|" * 7: "base", b"=" * 7: "theirs", b">" * 7: "both"}
"""What follows each conflict marker."""


def read_recorded(project: Project, name: str, text: str) -> Built:
    """Return the model of a name as its snapshot has it.

    Args:
        project: what pyproject.toml says.
        name: the name; '' where the project has none for the reference.
        text: what the page names.

    Raises:
        SnapshotError: there is no name, or no snapshot that can be read.
    """
    if not name:
        raise SnapshotError(
            f"{text!r} has no name, and so no snapshot",
            hint=f"write in pyproject.toml, below [tool.bmvis.models]: name = {text!r}",
        )
    file = project.snapshot(name)
    model = read_snapshot(file, project.find(name).reference).model
    return Built(model, (str(file),), file_facts([str(file)]))


def with_drift(project: Project, name: str, built: Built) -> Built:
    """Return a model that was built, with how it differs from the snapshot of its name."""
    file = project.snapshot(name)
    try:
        recorded = read_snapshot(file, project.find(name).reference)
        drift = str(find_drift(recorded.model, built.model))
    except SnapshotError as error:
        drift = str(error)
    sources = (*built.sources, str(file)) if file.is_file() else built.sources
    facts = (*built.facts, *file_facts([str(file)]))
    return msgspec.structs.replace(built, drift=drift, sources=sources, facts=facts)


def drift_error(reference: str, built: Built) -> DriftError | None:
    """Return what a host reports next to the tree: that the model differs from its snapshot."""
    if not built.drift:
        return None
    return DriftError(
        f"{reference!r} differs from its snapshot",
        hint="if this is intended, run `bmvis snapshot` and commit the result",
        detail=built.drift,
    )


class MissingSnapshotError(SnapshotError):
    """There is no snapshot file."""


class ReferenceChangedError(SnapshotError):
    """The snapshot was recorded from another reference."""


class ConflictError(SnapshotError):
    """The snapshot has git conflict markers."""


def read_snapshot(file: Path, reference: str) -> Snapshot:
    """Read the snapshot of a model.

    Raises:
        SnapshotError: there is none, it cannot be read, or it was recorded from another reference.
    """
    try:
        content = read_regular(file, MAX_BYTES)
    except FileNotFoundError:
        raise MissingSnapshotError(f"no snapshot in {file}", hint="run `bmvis snapshot`, and commit it") from None
    except OSError as error:
        raise SnapshotError(f"no snapshot in {file}: {error.strerror}", hint="run `bmvis snapshot`") from None
    found = parse_snapshot(content, str(file))
    if found.reference != reference:
        raise ReferenceChangedError(
            f"{file} is of {found.reference!r}, and pyproject.toml says {reference!r}", hint="run `bmvis snapshot`"
        )
    return found


def parse_snapshot(content: bytes, file: str) -> Snapshot:
    """Return the snapshot that a file contains.

    Args:
        content: of the file.
        file: how to name it in an error.

    Raises:
        SnapshotError: it cannot be read.
    """
    if conflict_sides(content):
        raise ConflictError(f"{file} has git conflict markers", hint="run `bmvis snapshot`, and commit the result")
    try:
        return load(content.decode())
    except UnicodeDecodeError:
        raise SnapshotError(f"{file}: it is no text", hint="run `bmvis snapshot`, and commit it") from None
    except SnapshotError as error:
        raise SnapshotError(f"{file}: {error.message}", hint=error.hint) from error


def conflict_sides(content: bytes) -> tuple[bytes, bytes] | None:
    """Return the two sides of a file that git could not merge; None for a file without conflict markers.

    The format is that of https://git-scm.com/docs/git-merge#_how_conflicts_are_presented, with or without the base.
    """
    sides: tuple[list[bytes], list[bytes]] = ([], [])
    state, is_conflict = "both", False
    for line in content.splitlines(keepends=True):
        marker = _MARKERS.get(line[:7]) if line[7:8] in (b"", b" ", b"\n", b"\r") else None
        if marker == "ours" or (marker and state != "both"):
            state, is_conflict = marker, True
        elif state != "base":
            for side, name in zip(sides, ("ours", "theirs"), strict=True):
                if state in ("both", name):
                    side.append(line)
    return (b"".join(sides[0]), b"".join(sides[1])) if is_conflict else None
