"""Report as JSON. Its schema is `bmvis/schemas/check.schema.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from bmvis.cli.results import Result
from bmvis.untrusted.log_text import json_document

_COMPARED = ("class", "headline", "changes", "before", "after", "verdict", "optimizer_state", "renamed", "versions")
_FAILED = ("message", "hint", "detail")
_EMPTY: dict[str, Any] = {
    "class": None,
    "headline": "",
    "changes": [],
    "renamed": [],
    "message": "",
    "hint": "",
    "detail": "",
    "versions": "",
}


def to_json(results: Sequence[Result]) -> str:
    """Return an object with the result of each model."""
    return json_document(json.dumps({result.name: _facts(result) for result in results}, indent=2))


def _facts(result: Result) -> dict[str, Any]:
    given: dict[str, Any] = msgspec.to_builtins(result)
    fields: tuple[str, ...] = ("status", "snapshot", "file")
    fields += _FAILED if result.message else ()
    fields += _COMPARED if result.before else ()
    fields += ("place",) if result.place else ()
    fields += ("shard",) if result.shard else ()
    return {field: given.get(field, _EMPTY.get(field)) for field in fields}
