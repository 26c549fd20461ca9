"""Check the wording of all tracked files: American spelling, and the words that the style guide avoids.

codespell does the checking. Its settings are in pyproject.toml, the words to avoid in prose-words.txt. Paths in
prose-unclean.txt, files or folders, still have findings: they do not fail the check, but a path without findings
does, so that the list can only shrink.

Usage:
    prose.py            check everything
    prose.py PATH...    list the findings in these files and folders, whether prose-unclean.txt has them or not
    prose.py --prune    remove the paths without findings from prose-unclean.txt
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

WORDS = ".ci/prose-words.txt"
UNCLEAN = Path(".ci/prose-unclean.txt")
HEADER = "# Paths whose wording does not pass .ci/prose.py yet. The list only shrinks: `.ci/prose.py --prune`."


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 0 if nothing is to be done."""
    if arguments and arguments[0] != "--prune":
        findings = find(arguments)
        for finding in findings:
            print(finding)
        return int(bool(findings))
    findings = find(["."])
    unclean = read_unclean()
    clean = [path for path in unclean if not any(is_below(file_of(finding), path) for finding in findings)]
    if arguments:
        UNCLEAN.write_text("\n".join([HEADER, *(path for path in unclean if path not in clean)]) + "\n")
        return 0
    new = [finding for finding in findings if not any(is_below(file_of(finding), path) for path in unclean)]
    for finding in new:
        print(finding)
    for path in clean:
        print(f"{UNCLEAN}: {path} has no findings any more: run `.ci/prose.py --prune`")
    return int(bool(new or clean))


def find(paths: Iterable[str]) -> list[str]:
    """Return codespell's findings in the tracked files below the paths, as `file:line: word ==> suggestions`."""
    listed = subprocess.run(["git", "ls-files", "-z", "--", *paths], capture_output=True, text=True, check=True)
    files = [name for name in listed.stdout.split("\0") if name and Path(name).is_file()]
    if not files:
        return []
    dictionaries = ["--dictionary=-", f"--dictionary={WORDS}"]  # codespell's own, and ours
    command = [sys.executable, "-m", "codespell_lib", *dictionaries, *files]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 65):  # 65: there are findings
        raise SystemExit(done.returncode)
    return done.stdout.splitlines()


def file_of(finding: str) -> str:
    """Return the path that a finding starts with."""
    return finding.split(":", 1)[0].removeprefix("./")


def is_below(file: str, path: str) -> bool:
    """Return whether a file is the path, or in it."""
    return file == path or file.startswith(f"{path.rstrip('/')}/")


def read_unclean() -> list[str]:
    """Return the paths that are not clean yet."""
    return [line for line in UNCLEAN.read_text().splitlines() if line and not line.startswith("#")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
