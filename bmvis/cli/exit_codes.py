"""The exit codes of the commands, and which changes make `bmvis check`, `diff` and `merge` fail."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from bmvis.cli.results import Result, Status
from bmvis.comparison.drift import IMPACTS
from bmvis.comparison.tensor_changes import Impact

FailOn = Literal["checkpoint", "numerics", "training", "any", "nothing"]
"""The least serious class of changes that makes the command fail, `any`, or `nothing`."""
Level = Literal["error", "warning", "notice"]

EXIT_CODES: dict[Status, int] = {
    "same": 0,
    "obsolete": 0,
    "drifted": 1,
    "new": 1,
    "removed": 1,
    "missing": 3,
    "mismatched": 4,
    "conflicted": 5,
    "unreadable": 6,
    "broken": 2,
}
"""Exit code of each status of a model. The manual has the same table."""
BROKEN = 2
"""Exit code of all commands if a model cannot be built. Also click's code for usage errors."""
STALE = 1
"""Exit code of `bmvis update --check` if a file is not up to date."""


def exit_code(results: Iterable[Result], fail_on: FailOn) -> int:
    """Return the exit code of a command. The code of models that cannot be built has priority over the others.

    Args:
        results: of all models.
        fail_on: the changes that make the command fail.
    """
    codes = {EXIT_CODES[result.status] for result in results if fails(result, fail_on)}
    return BROKEN if BROKEN in codes else max(codes, default=0)


def fails(result: Result, fail_on: FailOn) -> bool:
    """Return whether a model makes the command fail."""
    if result.status == "drifted":
        return level(result.impact, fail_on) == "error"
    code = EXIT_CODES[result.status]
    return code > 1 or (code == 1 and fail_on != "nothing")


def is_problem(result: Result) -> bool:
    """Return whether the command cannot compare the model, so that changes are not all there is to report."""
    return EXIT_CODES[result.status] > 1


def level(impact: Impact | None, fail_on: FailOn) -> Level:
    """Return the level of a change in CI annotations. It is `error` only if the change makes the command fail."""
    if fail_on == "any" or (impact is not None and impact in _serious(fail_on)):
        return "error"
    return "warning" if impact in ("checkpoint", "numerics") else "notice"


def _serious(fail_on: FailOn) -> tuple[Impact, ...]:
    names = list[str](IMPACTS)
    return IMPACTS[: names.index(fail_on) + 1] if fail_on in names else ()
