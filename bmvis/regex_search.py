"""Match module paths against a regular expression in a separate process, because `re` has no timeout.

This file is run as a script and never imported. It reads `[expression, [path, ...]]` as JSON from standard input and
writes the indices of the matching paths as JSON.
"""

from __future__ import annotations

import json
import re
import sys


def is_addressed(expression: re.Pattern[str], path: str) -> bool:
    """Return whether the first match of the expression is a suffix of the path that starts at a name.

    This is the rule of OpenDelta's `endswith_in_regex`:
    https://github.com/thunlp/OpenDelta/blob/main/opendelta/utils/name_based_addressing.py
    """
    found = expression.search(path)
    if not found or not found[0] or found.end() != len(path):
        return False
    return found.start() == 0 or path[found.start() - 1] == "."


if __name__ == "__main__":
    written, paths = json.load(sys.stdin)
    compiled = re.compile(written)
    json.dump([index for index, path in enumerate(paths) if is_addressed(compiled, path)], sys.stdout)
