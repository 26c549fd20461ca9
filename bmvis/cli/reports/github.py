"""Annotations for GitHub Actions.

Escaping follows https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts.
GitHub shows at most ten annotations of a step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bmvis.cli.exit_codes import FailOn, Level, fails, level
from bmvis.cli.results import Result
from bmvis.comparison.drift import IMPACTS
from bmvis.untrusted.log_text import lines, one_line

MAX_ANNOTATIONS = 10


class _Annotation(NamedTuple):
    rank: int
    """0 for the most serious annotation. The limit omits those with the highest rank."""
    level: Level
    file: str
    line: int
    title: str
    text: str


def to_github(results: Sequence[Result], fail_on: FailOn) -> str:
    """Return workflow commands: up to ten annotations, and a summary if there are more.

    Changes are errors only if they make the command fail.
    """
    found = sorted((a for result in results for a in _annotations(result, fail_on)), key=lambda a: a.rank)
    commands = [_command(annotation) for annotation in found[:MAX_ANNOTATIONS]]
    if len(found) > MAX_ANNOTATIONS:
        bad = sum(not result.is_same for result in results)
        text = f"{bad} of {len(results)} models differ; {len(found) - MAX_ANNOTATIONS} more changes are in the log"
        commands.append(f"::notice title=bmvis::{_escaped(text)}")
        commands += [f"{one_line(a.title)}: {line}" for a in found[MAX_ANNOTATIONS:] for line in a.text.splitlines()]
    return "\n".join(commands)


def _annotations(result: Result, fail_on: FailOn) -> Iterator[_Annotation]:
    if result.is_same:
        return
    whole: Level = "error" if fails(result, fail_on) else level(result.impact, "nothing")
    title = f"{result.name}: {result.headline or result.status}"
    if not result.changes:
        yield _Annotation(0, whole, *_place(result), title, result.report or result.title)
        return
    if result.message:
        yield _Annotation(
            0, whole, *_place(result), f"{result.name}: {result.status}", f"{result.message}\n{result.hint}"
        )
    by_line: dict[int, list[int]] = {}
    for index, change in enumerate(result.changes):
        by_line.setdefault(change.line, []).append(index)
    for line, indices in by_line.items():
        changes = [result.changes[index] for index in indices]
        rank = min(IMPACTS.index(change.impact) for change in changes)
        versions = [result.versions] if result.versions and 0 in indices else []
        text = lines("\n".join([*(change.shown for change in changes), *versions]))
        yield _Annotation(1 + rank, level(IMPACTS[rank], fail_on), result.file, line, title, text)


def _place(result: Result) -> tuple[str, int]:
    return result.problem_place.file, result.problem_place.line


def _command(annotation: _Annotation) -> str:
    title = _property(one_line(annotation.title))
    properties = f"file={_property(annotation.file)},line={annotation.line},title={title}"
    return f"::{annotation.level} {properties}::{_escaped(annotation.text)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
