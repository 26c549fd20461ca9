"""Hold paths against a regular expression in a process of its own, for it can be ended; `re` cannot.

Run as a file, never imported. It reads `[expression, [path, ...]]` as JSON and writes the indices of the
paths that are addressed.
"""

from __future__ import annotations

import json
import re
import sys


def is_addressed(expression: re.Pattern[str], path: str) -> bool:
    """Return whether the first place where the expression is found is the end of the path, from the start of a name.

    This is OpenDelta's rule (`endswith_in_regex`).
    """
    found = expression.search(path)
    if not found or not found[0] or found.end() != len(path):
        return False
    return found.start() == 0 or path[found.start() - 1] == "."


if __name__ == "__main__":
    written, paths = json.load(sys.stdin)
    compiled = re.compile(written)
    json.dump([index for index, path in enumerate(paths) if is_addressed(compiled, path)], sys.stdout)
