"""The Nu HTML checker of the W3C, which `.ci/checkers` installs."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
JAR = Path(os.environ.get("VNU_JAR", ROOT / "build/checkers/node_modules/vnu-jar/build/dist/vnu.jar")).absolute()

needs_nu = pytest.mark.skipif(
    not (JAR.is_file() and shutil.which("java")),
    reason="the Nu checker needs Java, and vnu-jar by .ci/checkers or VNU_JAR",
)


IGNORED = ("Trailing slash on void elements", "This document appears to be written in ")
"""Starts of messages about `<wbr/>`, which pages of EPUB need because they are XML, and about the language of names."""


QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xss8m")
"""Settings of Java for a short run: its last compiler takes longer than it saves."""


@dataclass(frozen=True)
class Message:
    """One error or warning of the checker."""

    file: Path
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.text}"


def check(place: Path) -> list[Message]:
    """Return the errors and warnings of a page, or of all pages in a folder."""
    done = subprocess.run(
        [
            "java",
            *QUICK_START,
            "-jar",
            JAR,
            "--skip-non-html",
            "--format",
            "json",
            "--stdout",
            "--exit-zero-always",
            place,
        ],
        capture_output=True,
        text=True,
        timeout=900,
        check=True,
    )
    return [
        Message(
            Path(found["url"].removeprefix("file:")), found["lastLine"], found.get("lastColumn", 1), found["message"]
        )
        for found in json.loads(done.stdout)["messages"]
        if not found["message"].startswith(IGNORED)
    ]


def of_bmvis(found: list[Message]) -> list[Message]:
    """Return the messages about elements of bmvis; the theme is responsible for the rest of a page."""
    trees = {file: list(_trees(file)) for file in {message.file for message in found}}
    return [
        message
        for message in found
        if any(begin <= (message.line, message.column) <= end for begin, end in trees[message.file])
    ]


def _trees(file: Path) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield the begin and end of each element of bmvis, as line and column from 1."""
    html = file.read_text(encoding="utf-8")
    for opened in re.finditer(r'<div class="bmvis[ "]', html):
        open_divs = 0
        for edge in re.compile(r"<(/?)div\b[^>]*>").finditer(html, opened.start()):
            open_divs += -1 if edge[1] else 1
            if not open_divs:
                yield _place(html, opened.start()), _place(html, edge.end())
                break


def _place(html: str, offset: int) -> tuple[int, int]:
    before = html[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")
