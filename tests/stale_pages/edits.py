"""Edits between two builds."""

import gzip
import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One model of width 3, and an edit: in a table `STALE` it makes the width 4, in `FRESH` it changes nothing."""

    build: str
    """Body of the factory, after which `width` is set."""
    edit: Callable[[Path], object]
    files: dict[str, str] = field(default_factory=dict)
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


def set_time(name: str, seconds: float | None = None) -> Callable[[Path], object]:
    """Return an edit of the time of a file, in seconds; None is now."""
    return lambda root: os.utime(root / name, None if seconds is None else (seconds, seconds))


def set_mode(name: str, mode: int) -> Callable[[Path], object]:
    """Return an edit of the permissions of a file."""
    return lambda root: (root / name).chmod(mode)


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


def pack(name: str, member: str, text: str) -> Callable[[Path], object]:
    """Write a zip file with one member."""

    def edit(root: Path) -> None:
        with zipfile.ZipFile(root / name, "w") as archive:
            archive.writestr(member, text)

    return edit


def pack_tar(name: str, text: str) -> Callable[[Path], object]:
    def edit(root: Path) -> None:
        with tarfile.open(root / name, "w") as archive:
            member = tarfile.TarInfo("w.txt")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))

    return edit


def pack_gzip(name: str, text: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_bytes(gzip.compress(text.encode()))


def link(name: str, target: str) -> Callable[[Path], object]:
    def edit(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to(target)

    return edit


def remove(name: str) -> Callable[[Path], object]:
    return lambda root: (root / name).unlink()


def replace_by_folder(name: str) -> Callable[[Path], object]:
    def edit(root: Path) -> None:
        (root / name).unlink()
        (root / name).mkdir()

    return edit


def move(name: str, target: str) -> Callable[[Path], object]:
    return lambda root: (root / name).rename(root / target)


def edit_pyproject(root: Path) -> None:
    file = root / "pyproject.toml"
    file.write_text(f"{file.read_text()}[tool.other]\nwidth = 4\n")


def link_from_outside(root: Path) -> None:
    """Link the project from a folder outside it, as a home folder can be a link."""
    (root.parent / "home").symlink_to(root)


def set_variable(name: str, value: str) -> Callable[[Path], object]:
    """Set an environment variable of the next builds."""

    def edit(root: Path) -> None:
        with (root / ".variables").open("a") as file:
            file.write(f"{name}={value}\n")

    return edit


def environment(root: Path) -> dict[str, str]:
    """Return the environment variables of the next build."""
    file = root / ".variables"
    return dict(line.split("=", 1) for line in file.read_text().splitlines()) if file.exists() else {}


def files_of_times(folder: str) -> Callable[[Path], object]:
    """Create the files `3` and `4`, of which `3` is newer."""

    def create(root: Path) -> None:
        for name, time in (("3", 2e9), ("4", 1e9)):
            write(f"{folder}/{name}", "")(root)
            os.utime(root / folder / name, (time, time))

    return create


def commit(folder: Path) -> None:
    """Make a folder a git repository with one commit of its files."""
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=folder, check=True)


def all_of(*edits: Callable[[Path], object]) -> Callable[[Path], object]:
    def edit(root: Path) -> None:
        for part in edits:
            part(root)

    return edit


def another_project(name: str) -> dict[str, str]:
    """Return the files of a project next to that of the site, whose module `NAME.reader` reads its data."""
    return {
        f"../{name}/pyproject.toml": "",
        f"../{name}/config.json": "3",
        f"../{name}/src/{name}/__init__.py": "",
        f"../{name}/src/{name}/reader.py": "from pathlib import Path\nHERE = Path(__file__).parent\n",
        f"../{name}/src/{name}/data.json": "3",
    }


def distribution(folder: str, name: str, version: str = "1", entry_points: str = "") -> dict[str, str]:
    """Return the metadata of an installed distribution."""
    metadata = f"{folder}/{name}-{version}.dist-info"
    return {
        f"{metadata}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{metadata}/RECORD": f"{name}-{version}.dist-info/METADATA,,\n",
        f"{metadata}/entry_points.txt": entry_points,
    }


def write_all(files: dict[str, str]) -> Callable[[Path], object]:
    return all_of(*(write(name, text) for name, text in files.items()))


def rename(root: Path, old: str, new: str) -> None:
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace(old, new))
