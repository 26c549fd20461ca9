"""Report as a SARIF 2.1.0 log: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.

GitHub supports a subset: https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from bmvis import __version__
from bmvis.cli.exit_codes import is_problem
from bmvis.cli.results import Place, Result
from bmvis.untrusted.log_text import json_document, one_line

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_URL = "https://github.com/bmvis/bmvis"
_RULES = {
    "checkpoint": ("error", "Old state dicts no longer load."),
    "numerics": ("error", "Old state dicts load, but the outputs of the model differ."),
    "training": ("warning", "Training differs."),
    "cosmetic": ("note", "Only names differ."),
    "snapshot": ("error", "The snapshot is missing, has another reference, or cannot be read."),
    "model": ("error", "The model cannot be built."),
}


def to_sarif(results: Sequence[Result]) -> str:
    """Return a log with one run, and one result for each change."""
    rules = [
        {"id": name, "shortDescription": {"text": text}, "defaultConfiguration": {"level": level}}
        for name, (level, text) in _RULES.items()
    ]
    driver = {"name": "bmvis", "version": __version__, "informationUri": _URL, "rules": rules}
    found = [one for result in results for one in _results(result)]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": found}
    return json_document(json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2))


def _results(result: Result) -> Iterator[dict[str, Any]]:
    if result.is_same:
        return
    if result.message:
        found = _result(
            result, "model" if result.status == "broken" else "snapshot", result.message, result.problem_place
        )
        yield found if is_problem(result) else {**found, "level": "note"}
    elif not result.changes and result.impact is not None:
        yield _result(result, result.impact, result.title, result.problem_place)
    for change in result.changes:
        yield _result(result, change.impact, change.shown, Place(result.file, change.line))


def _result(result: Result, rule: str, text: str, place: Place) -> dict[str, Any]:
    identity = "\0".join((result.file, result.name, rule, text)).encode(errors="surrogateescape")
    location = {"artifactLocation": {"uri": quote(place.file)}, "region": {"startLine": place.line}}
    return {
        "ruleId": rule,
        "ruleIndex": list(_RULES).index(rule),
        "level": _RULES[rule][0],
        "message": {"text": one_line(f"{result.name}: {text}")},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"bmvis/v1": hashlib.sha256(identity).hexdigest()},
    }
