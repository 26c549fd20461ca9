"""Edits between two builds, and models that they change or don't change."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One model of width 3. The edit makes it 4, or, where a row must not be stale, changes nothing."""

    build: str
    """Body of the factory, after which `width` is set."""
    edit: Callable[[Path], object]
    files: dict[str, str] = field(default_factory=dict)
    is_stale: bool = True
    before: Callable[[Path], object] = lambda root: None
    """Prepares what `files` cannot."""


def write(name: str, text: str) -> Callable[[Path], object]:
    def edit(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)

    return edit


def write_at_the_same_time(name: str, text: str) -> Callable[[Path], object]:
    def edit(root: Path) -> None:
        before = (root / name).stat()
        (root / name).write_text(text)
        os.utime(root / name, ns=(before.st_atime_ns, before.st_mtime_ns))

    return edit


def write_older(name: str, text: str) -> Callable[[Path], object]:
    def edit(root: Path) -> None:
        (root / name).write_text(text)
        os.utime(root / name, (1e9, 1e9))

    return edit


def point_elsewhere(root: Path) -> None:
    (root / "data/link.json").unlink()
    (root / "data/link.json").symlink_to("four.json")


def bump_version(root: Path) -> None:
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace('version = "1"', 'version = "2"'))


def write_weights(name: str, width: int) -> Callable[[Path], object]:
    """Write a safetensors file: the length of the header, the header, and the data."""
    header = json.dumps({"w": {"dtype": "I8", "shape": [width], "data_offsets": [0, width]}}).encode()

    def edit(root: Path) -> None:
        (root / name).write_bytes(len(header).to_bytes(8, "little") + header + bytes(width))

    return edit


def write_database(name: str, width: int) -> Callable[[Path], object]:
    def edit(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(root / name)) as opened:
            opened.executescript(f"DROP TABLE IF EXISTS t; CREATE TABLE t (w); INSERT INTO t VALUES ({width});")

    return edit


def log_changes(name: str, width: int) -> Callable[[Path], object]:
    """Change a database in a process that ends before the changes are in the database itself."""
    code = (
        "import os, sqlite3, sys; opened = sqlite3.connect(sys.argv[1]); opened.execute('PRAGMA journal_mode=WAL')\n"
        "opened.execute('UPDATE t SET w = ?', [int(sys.argv[2])]); opened.commit(); os._exit(0)"
    )

    def edit(root: Path) -> None:
        subprocess.run([sys.executable, "-c", code, str(root / name), str(width)], check=True)
        assert (root / f"{name}-wal").stat().st_size

    return edit
