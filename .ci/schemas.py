"""Check the files that GitHub, Read the Docs and citation tools read against their schemas, without a network.

All checks run in one process: the imports of check-jsonschema take longer than a check.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from check_jsonschema import main as check

ROOT = Path(__file__).parents[1]
FILES: Mapping[str, Sequence[str]] = {
    "github-workflows": (".github/workflows/*.yml", "demo_docs/workflows/*.yml"),
    "github-issue-forms": (".github/ISSUE_TEMPLATE/[!c]*.yml",),
    "github-issue-config": (".github/ISSUE_TEMPLATE/config.yml",),
    "dependabot": (".github/dependabot.yml",),
    "readthedocs": (".readthedocs.yaml", "demo_docs/recipes/readthedocs-*.yaml"),
    "gitlab-ci": ("demo_docs/recipes/gitlab-*.yml",),
    "citation-file-format": ("CITATION.cff",),
}
"""Patterns of the files of each schema that check-jsonschema contains."""


def main() -> int:
    """Return the exit code: 0 if each pattern has files and all of them match their schema."""
    return max(_check(schema, pattern) for schema, patterns in FILES.items() for pattern in patterns)


def _check(schema: str, pattern: str) -> int:
    files = [str(file) for file in sorted(ROOT.glob(pattern))]
    if not files:
        print(f".ci/schemas.py: no file matches {pattern}", file=sys.stderr)
        return 1
    arguments = ["--builtin-schema", f"vendor.{schema}", *files]
    if not check(["--quiet", *arguments], standalone_mode=False):
        return 0
    return check(arguments, standalone_mode=False)  # again, with its findings


if __name__ == "__main__":
    sys.exit(main())
