"""Report for GitLab Code Quality: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from bmvis.cli.exit_codes import is_problem
from bmvis.cli.results import Place, Result
from bmvis.untrusted.log_text import json_document, one_line

_SEVERITIES = {"checkpoint": "critical", "numerics": "major", "training": "minor", "cosmetic": "info"}


def to_gitlab(results: Sequence[Result]) -> str:
    """Return a list of violations, one for each change."""
    found = [violation for result in results for violation in _violations(result)]
    return json_document(json.dumps(found, indent=2))


def _violations(result: Result) -> Iterator[dict[str, Any]]:
    if result.is_same:
        return
    if result.message:
        yield _violation(
            result, result.status, result.message, "blocker" if is_problem(result) else "info", result.problem_place
        )
    elif not result.changes and result.impact is not None:
        yield _violation(result, result.impact, result.title, _SEVERITIES[result.impact], result.problem_place)
    for change in result.changes:
        yield _violation(
            result, change.impact, change.shown, _SEVERITIES[change.impact], Place(result.file, change.line)
        )


def _violation(result: Result, check: str, text: str, severity: str, place: Place) -> dict[str, Any]:
    # Without the line: an edit above a known violation must not turn it into a new one.
    identity = "\0".join((result.file, result.name, check, text))
    return {
        "description": one_line(f"{result.name}: {text}"),
        "check_name": f"bmvis-{check}",
        "fingerprint": hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest(),
        "severity": severity,
        "location": {"path": place.file, "lines": {"begin": place.line}},
    }
