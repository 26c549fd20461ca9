"""Compare models with their snapshots, and snapshots with each other. Internal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from bmvis.cli.parallel_builds import BuildOutcome
from bmvis.cli.results import Place, Result, Status, compared, failed, place_of, status_of
from bmvis.comparison.drift import Drift, find_drift
from bmvis.comparison.ignored import Ignored
from bmvis.errors import BmvisError, SnapshotError
from bmvis.model.snapshot import Snapshot, dump
from bmvis.model.totals import subtree_totals
from bmvis.model.tree import Model
from bmvis.source.recorded import MAX_BYTES, ConflictError, conflict_sides, parse_snapshot, read_snapshot
from bmvis.untrusted.regular_file import read_regular

_SIDES = re.compile(rb"^(?:<{7}|>{7}) (\S+)", re.MULTILINE)
"""Conflict markers with the name of a branch or commit."""


class Checked(NamedTuple):
    """A model, and how it differs from its snapshot."""

    outcome: BuildOutcome
    result: Result


def check_file(outcome: BuildOutcome, ignored: Ignored) -> Checked:
    """Compare a model with its snapshot file."""
    return Checked(outcome, _with_file(outcome, ignored))


def check_revision(outcome: BuildOutcome, recorded: Mapping[str, bytes], ignored: Ignored) -> Checked:
    """Compare a model with the snapshots of a git revision, by name."""
    name, file, built = outcome.name, outcome.file, outcome.snapshot
    if built is None:
        return Checked(outcome, _broken(outcome))
    try:
        was = parse_snapshot(recorded[name], str(file)).model if name in recorded else None
    except SnapshotError as error:
        return Checked(outcome, failed(name, file, status_of(error), error))
    return Checked(outcome, compare_recorded(name, file, (was, built.model), dump(built), ignored))


def compare_contents(name: str, file: Path, old: bytes | None, new: bytes | None, ignored: Ignored) -> Result:
    """Compare the contents of two snapshot files. None represents a missing file."""
    try:
        was = None if old is None else parse_snapshot(old, str(file)).model
        is_now = None if new is None else parse_snapshot(new, str(file)).model
    except SnapshotError as error:
        return failed(name, file, status_of(error), error)
    return compare_recorded(name, file, (was, is_now), (new or b"").decode(), ignored)


def compare_recorded(
    name: str, file: Path, models: tuple[Model | None, Model | None], text: str, ignored: Ignored
) -> Result:
    """Compare a recorded model with a later one.

    Args:
        name: of the model.
        file: its snapshot.
        models: the model before, None if it is new, and after, None if it was removed.
        text: the content of the later snapshot.
        ignored: changes that are not counted.
    """
    was, is_now = models
    if was and is_now:
        return compared(name, file, find_drift(was, is_now, ignored), text, is_after=True)
    status: Status = "new" if was is None else "removed"
    only = was or is_now
    assert only is not None, "a name is on one of the sides"
    count = subtree_totals(only)[0].count
    return failed(name, file, status, BmvisError(f"{status}: {only.root.type}, {count:,} parameters"))


def obsolete_snapshots(folder: Path, names: Iterable[str]) -> Iterator[Result]:
    """Yield a result for each snapshot in a folder that no model has. Other JSON files are ignored."""
    known = set(names)
    for file in sorted(folder.glob("*.json")):
        if file.stem not in known and _is_snapshot(file):
            error = BmvisError(
                "pyproject.toml has no model for this snapshot", hint="run `bmvis snapshot --prune` to remove it"
            )
            yield failed(file.stem, file, "obsolete", error)


def _is_snapshot(file: Path) -> bool:
    try:
        parse_snapshot(read_regular(file, MAX_BYTES), str(file))
    except ConflictError:
        return True
    except (SnapshotError, OSError):
        return False
    return True


def _with_file(outcome: BuildOutcome, ignored: Ignored) -> Result:
    name, file, built = outcome.name, outcome.file, outcome.snapshot
    if built is None:
        return _broken(outcome)
    if _is_recorded(file, built):
        totals = subtree_totals(built.model)[0]
        return compared(name, file, Drift((), totals, totals), "")
    try:
        recorded = read_snapshot(file, built.reference)
    except SnapshotError as error:
        return _unreadable(name, file, error)
    text = read_regular(file, MAX_BYTES).decode()
    return compared(name, file, find_drift(recorded.model, built.model, ignored), text)


def _broken(outcome: BuildOutcome) -> Result:
    error = outcome.error or BmvisError("the model was not built")
    result = failed(outcome.name, outcome.file, "broken", error)
    if outcome.place is None:
        return result
    file, line = outcome.place
    return msgspec.structs.replace(result, place=Place(place_of(file)[1], line))


def _unreadable(name: str, file: Path, error: SnapshotError) -> Result:
    """Return the result for a missing or invalid snapshot. For a merge conflict, compare its two sides."""
    result = failed(name, file, status_of(error), error)
    if not isinstance(error, ConflictError):
        return result
    content = read_regular(file, MAX_BYTES)
    try:
        ours, theirs = (parse_snapshot(side, str(file)).model for side in conflict_sides(content) or ())
    except SnapshotError:
        return result  # a side is not a complete snapshot, because git merged other parts of the file
    found = compared(name, file, find_drift(ours, theirs), content.decode())
    labels = [label[1].decode(errors="replace") for label in _SIDES.finditer(content)][:2]
    sides = f", with these changes from {labels[0]} to {labels[1]}" if len(labels) == 2 else ""
    problem = {"status": "conflicted", "message": result.message + sides, "hint": result.hint}
    return msgspec.structs.replace(found, **problem)


def _is_recorded(file: Path, snapshot: Snapshot) -> bool:
    """Return whether the file is equal to the snapshot, so that there is nothing to compare."""
    try:
        return read_regular(file, MAX_BYTES) == dump(snapshot).encode()
    except OSError:
        return False
