"""Report as Markdown, for a comment on a pull request or for `$GITHUB_STEP_SUMMARY`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from bmvis.cli.reports.change_tree import change_tree
from bmvis.cli.results import Result
from bmvis.comparison.drift import IMPACTS
from bmvis.untrusted.log_text import lines, one_line

MAX_CHARACTERS = 60_000
"""Maximum length of the report. A comment on GitHub can have 65,536 characters."""
_ACTIVE = re.compile(r"[\\`*_{}\[\]()#+!|<>&@~$:]")
_FENCE = re.compile(r"`{3,}")


def to_markdown(results: Sequence[Result]) -> str:
    """Return a table of the models that differ, then the changes of each model as a tree in a collapsed section."""
    bad = [result for result in results if not result.is_same]
    if not bad:
        return f"### Models: all {len(results)} unchanged"
    text = "\n".join([f"### Models: {len(bad)} of {len(results)} differ", "", *_table(bad)])
    for number, result in enumerate(bad):
        section = "\n".join(_section(result))
        left = len(bad) - number
        if len(text) + len(section) > MAX_CHARACTERS:
            return f"{text}\n\nThe changes of {left} more model{'' if left == 1 else 's'} are in the log."
        text += f"\n\n{section}"
    return text


def _table(results: Sequence[Result]) -> Iterator[str]:
    yield f"| Model | Result | {' | '.join(IMPACTS)} | Parameters |"
    yield f"|---|---|{'---:|' * len(IMPACTS)}---:|"
    for result in results[: MAX_CHARACTERS // 400]:
        counts = Counter(impact for change in result.changes for impact in change.impacts)
        cells = [str(counts[impact] or "") for impact in IMPACTS]
        outcome = result.message or result.headline or result.status
        yield f"| {_escaped(result.name)} | {_escaped(outcome)} | {' | '.join(cells)} | {_parameters(result)} |"


def _parameters(result: Result) -> str:
    if result.before is None or result.after is None:
        return ""
    before, after = result.before.count, result.after.count
    return f"{after:,}" if before == after else f"{before:,} → {after:,} ({after - before:+,})"


def _section(result: Result) -> Iterator[str]:
    yield f"<details><summary>{_escaped(result.name)}: {_escaped(result.headline or result.status)}</summary>"
    yield ""
    changed = lines("\n".join([*change_tree(result.changes), *result.totals]))
    report = "\n".join(filter(None, [result.problem, changed]))
    fence = "`" * (1 + max([2, *(len(ticks) for ticks in _FENCE.findall(report))]))
    yield f"{fence}diff"
    yield report
    yield fence
    yield ""
    yield "</details>"


def _escaped(text: str) -> str:
    """Escape text so that it has no markup, mentions or emoji in Markdown or HTML."""
    return _ACTIVE.sub(lambda match: f"&#{ord(match[0])};", one_line(text))
