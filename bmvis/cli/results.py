"""The result of a command for one model, as plain data that all report formats share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from bmvis.cli.snapshot_lines import RowLines, subject_line
from bmvis.comparison.checkpoint import Verdict
from bmvis.comparison.drift import Drift, DriftLine, total_lines
from bmvis.comparison.key_map import RenamedKey
from bmvis.comparison.optimizer_state import OptimizerState
from bmvis.comparison.tensor_changes import Impact
from bmvis.errors import BmvisError, SnapshotError
from bmvis.model.totals import Totals
from bmvis.source.portable import portable_error
from bmvis.source.pyproject import project_folder
from bmvis.source.recorded import ConflictError, MissingSnapshotError, ReferenceChangedError
from bmvis.untrusted.log_text import lines

Status = Literal[
    "same", "drifted", "new", "removed", "broken", "missing", "mismatched", "conflicted", "unreadable", "obsolete"
]
_STATUSES: dict[type[SnapshotError], Status] = {
    MissingSnapshotError: "missing",
    ReferenceChangedError: "mismatched",
    ConflictError: "conflicted",
}


class ReportedChange(DriftLine, frozen=True, omit_defaults=True, rename={"impact": "class"}):
    """One change, and the line of its row in the snapshot file."""

    line: int = 1
    shown: str = ""
    """The change in one line, as in the text report."""


class Place(msgspec.Struct, frozen=True):
    """A line of a file."""

    file: str
    """Path relative to the root of the repository."""
    line: int


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"impact": "class"}):
    """The result of a command for one model."""

    name: str
    status: Status
    snapshot: str
    """Path of the snapshot file, relative to the current folder."""
    file: str
    """Path of the snapshot file, relative to the root of the repository."""
    impact: Impact | None = None
    headline: str = ""
    changes: tuple[ReportedChange, ...] = ()
    before: Totals | None = None
    after: Totals | None = None
    verdict: Verdict | None = None
    optimizer_state: OptimizerState | None = None
    """None if nothing changed, or if it is unknown."""
    renamed: tuple[RenamedKey, ...] = ()
    """State-dict keys that have another name now."""
    versions: str = ""
    """The packages that have another version now."""
    message: str = ""
    """The problem, if there is more to report than changes."""
    hint: str = ""
    detail: str = ""
    place: Place | None = None
    """The line to fix, if the model could not be built."""
    shard: Annotated[str, msgspec.Meta(pattern=r"^(\d{1,4}/\d{1,4})?$")] = ""
    """The part of the models that was checked with it, such as `2/8`; '' for all."""

    @property
    def problem_place(self) -> Place:
        """Return the line to annotate with the problem: the line to fix, or the first one of the snapshot file."""
        return self.place or Place(self.file, 1)

    @property
    def is_same(self) -> bool:
        """Return whether there is nothing to report."""
        return self.status == "same"

    @property
    def title(self) -> str:
        """Return the result in one line."""
        if self.message:
            return self.message
        return f"differs from {self.snapshot}: {self.headline}" if self.status == "drifted" else self.status

    @property
    def report(self) -> str:
        """Return the full report of the model, in one or more lines."""
        return "\n".join(filter(None, [self.problem, self.differences]))

    @property
    def problem(self) -> str:
        """Return the message with its hint and details, in one or more lines; '' if there are only changes."""
        return BmvisError(self.message, hint=self.hint, detail=self.detail).report if self.message else ""

    @property
    def differences(self) -> str:
        """Return one line for each change, then one for each total that changed."""
        return lines("\n".join([*(change.shown for change in self.changes), *self.totals]))

    @property
    def totals(self) -> tuple[str, ...]:
        """Return one line for each total that changed, and one for other versions of packages."""
        found = total_lines(self.before, self.after) if self.before and self.after else ()
        return (*found, *([f"  {self.versions}"] if self.versions else []))


def place_of(file: Path) -> tuple[str, str]:
    """Return the path of a file relative to the current folder, and relative to the root of its repository."""
    file = file.absolute()
    here, root = Path.cwd(), project_folder(file.parent)
    shown = file.relative_to(here).as_posix() if file.is_relative_to(here) else str(file)
    return shown, file.relative_to(root).as_posix() if file.is_relative_to(root) else shown


def compared(name: str, file: Path, drift: Drift, text: str, *, is_after: bool = False) -> Result:
    """Return the result of a comparison.

    Args:
        name: of the model.
        file: its snapshot.
        drift: the changes.
        text: the content of the snapshot file, to find the lines of the changed rows.
        is_after: whether that file has the second of the two models.
    """
    snapshot, seen = place_of(file)
    return Result(
        name=name,
        status="drifted" if drift else "same",
        snapshot=snapshot,
        file=seen,
        impact=drift.impact,
        headline=drift.headline,
        changes=_changes(drift, text, is_after) if drift else (),
        before=drift.before,
        after=drift.after,
        verdict=drift.verdict,
        optimizer_state=drift.optimizer_state,
        renamed=drift.renamed,
        versions=drift.versions,
    )


def failed(name: str, file: Path, status: Status, error: BmvisError) -> Result:
    """Return the result of a model that could not be compared."""
    snapshot, seen = place_of(file)
    error = portable_error(_from_here(error, file, snapshot), file.absolute().parent)
    return Result(
        name=name,
        status=status,
        snapshot=snapshot,
        file=seen,
        message=error.message,
        hint=error.hint,
        detail=error.detail,
    )


def _from_here(error: BmvisError, file: Path, snapshot: str) -> BmvisError:
    """Return an error in which the snapshot file has the path that the other results show."""
    message = error.message.replace(str(file), snapshot)
    return error if message == error.message else type(error)(message, hint=error.hint, detail=error.detail)


def status_of(error: SnapshotError) -> Status:
    """Return the status for a snapshot that raised an error."""
    return _STATUSES.get(type(error), "unreadable")


def summary(results: Sequence[Result]) -> str:
    """Return how many models match their snapshots."""
    models = [result for result in results if result.status not in ("obsolete", "removed")]
    return f"{sum(result.is_same for result in models)} of {len(models)} models match their snapshots"


def _changes(drift: Drift, text: str, is_after: bool) -> tuple[ReportedChange, ...]:
    rows = RowLines(text)
    found = []
    for line in drift.changes:
        where = line.path if is_after or line.was is None else line.was
        fields = msgspec.structs.asdict(line)
        line_number = (subject_line(text, line.subject) if line.subject else None) or rows.line(where)
        found.append(ReportedChange(**fields, line=line_number, shown=str(line)))
    return tuple(found)
