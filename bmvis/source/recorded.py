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


def read_snapshot(file: Path, reference: str) -> Snapshot:
    """Read the snapshot of a model.

    Raises:
        SnapshotError: there is none, it cannot be read, or it is that of another reference.
    """
    try:
        found = load(read_regular(file, MAX_BYTES).decode())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SnapshotError(f"no snapshot in {file}: {reason}", hint="run `bmvis snapshot`, and commit it") from None
    except SnapshotError as error:
        raise SnapshotError(f"{file}: {error.message}", hint=error.hint) from error
    if found.reference != reference:
        raise SnapshotError(
            f"{file} is of {found.reference!r}, and pyproject.toml says {reference!r}", hint="run `bmvis snapshot`"
        )
    return found
