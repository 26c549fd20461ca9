"""The report formats of `bmvis check` and `bmvis diff`, one module each. Internal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bmvis.cli.exit_codes import FailOn
from bmvis.cli.reports.github import to_github
from bmvis.cli.reports.gitlab import to_gitlab
from bmvis.cli.reports.json_data import to_json
from bmvis.cli.reports.junit import to_junit
from bmvis.cli.reports.markdown import to_markdown
from bmvis.cli.reports.sarif import to_sarif
from bmvis.cli.reports.text import to_text
from bmvis.cli.results import Result

FORMATS: Mapping[str, Callable[[Sequence[Result], FailOn], str]] = {
    "text": lambda results, _: to_text(results),
    "markdown": lambda results, _: to_markdown(results),
    "github": to_github,
    "gitlab": lambda results, _: to_gitlab(results),
    "junit": to_junit,
    "sarif": lambda results, _: to_sarif(results),
    "json": lambda results, _: to_json(results),
}
"""For each format, a function that returns the report, without a final line break."""
