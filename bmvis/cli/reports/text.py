"""Report as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bmvis.cli.results import Result
from bmvis.untrusted.log_text import one_line


def to_text(results: Sequence[Result]) -> str:
    """Return the changes of each model that differs."""
    return "\n".join(line for result in results if not result.is_same for line in _lines(result))


def _lines(result: Result) -> Iterator[str]:
    if result.message:
        head, *rest = result.report.splitlines()
        yield f"{one_line(result.name)}: {head}"
    else:
        yield f"{one_line(result.name)}: {one_line(result.title)}"
        rest = result.differences.splitlines()
    yield from (f"    {line}" for line in rest)
