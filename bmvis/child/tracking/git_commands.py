"""Find the git repositories that a command reads, beyond the files of its words: their commits, or all of their state.

Runs in the child process. https://git-scm.com/docs/git#_git_commands
"""

# ruff: noqa: PTH112  # the words may not be valid paths, for which the functions of `os` raise nothing

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from bmvis.untrusted.regular_file import text_or_nothing

_OF_COMMITS = frozenset(
    (
        "cat-file",
        "describe",
        "log",
        "ls-tree",
        "merge-base",
        "name-rev",
        "rev-list",
        "rev-parse",
        "shortlog",
        "show",
        "",
    )
)
"""Subcommands, or none, that read commits and tags only, unless an option of `_OF_MORE` is given."""
_OF_MORE = re.compile(
    r"--(dirty|broken)(=.*)?|--(all|branches|remotes|glob)(=.*)?|:.*|.*%N.*|refs/.*|-g|--walk-reflogs"
)
"""Arguments that read the working tree, other branches, the index, notes, or other references."""
_WITH_VALUE = frozenset(("-C", "-c", "--git-dir", "--work-tree", "--namespace"))
_MAX_HEAD_BYTES = 1000


def is_git(word: str) -> bool:
    """Return whether a word is the name of the program."""
    return Path(word).stem == "git"


def commit_files(words: list[str], here: str) -> Iterator[str]:
    """Yield the files that name the commit and the tags, as `git describe` shows them, of each repository."""
    for top in _repositories(words, here):
        git = top / ".git"
        if os.path.isdir(git):
            branch = text_or_nothing(git / "HEAD", _MAX_HEAD_BYTES).removeprefix("ref:").strip()
            for name in ("HEAD", "packed-refs", "refs/tags", *([branch] if branch.startswith("refs/") else [])):
                yield os.path.normpath(git / name)


def whole_repositories(words: list[str], here: str) -> Iterator[str]:
    """Yield the folders of repositories of which a command reads more than commits and tags.

    In a submodule and a linked working tree, `.git` is a file, and the commit is in the folder of another repository.
    """
    for top in _repositories(words, here):
        if not os.path.isdir(top / ".git") or not _reads_commits_only(words):
            yield str(top)


def _reads_commits_only(words: list[str]) -> bool:
    if any(_OF_MORE.fullmatch(word) for word in words):
        return False
    return all(_subcommand(words[index + 1 :]) in _OF_COMMITS for index, word in enumerate(words) if is_git(word))


def _subcommand(words: list[str]) -> str:
    values = {index + 1 for index, word in enumerate(words) if word in _WITH_VALUE}
    found = (word for index, word in enumerate(words) if index not in values and not word.startswith("-"))
    return next(found, "")


def _repositories(words: list[str], here: str) -> Iterator[Path]:
    """Yield the repository of each folder in which a git command may run: the words of `cd` and `-C`, and `here`."""
    if not any(map(is_git, words)):
        return
    named = [after for before, after in pairwise(words) if before in ("-C", "cd", "pushd") and "\0" not in after]
    folders = [here, *(os.path.normpath(os.path.join(here, word)) for word in named)]
    yield from dict.fromkeys(top for folder in folders if (top := _top(folder)) is not None)


def _top(folder: str) -> Path | None:
    # Not `bmvis.source.pyproject.project_folder`: git also finds a repository that is the home directory.
    return next((path for path in (Path(folder), *Path(folder).parents) if (path / ".git").exists()), None)


def quoted_git(texts: Iterable[str]) -> list[str]:
    """Return the words of texts in code that call git: `["git", "status"]` or `"git status"` in a Python script."""
    words = [word for text in texts for word in text.split()]
    return words if any(map(is_git, words)) else []
