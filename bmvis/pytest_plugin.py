"""The pytest plugin: the fixture `assert_structure` compares a model with a snapshot in a folder next to the test.

pytest loads this module in every project where bmvis is installed, so it imports nothing but pytest until a test uses
the fixture.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bmvis.unique_names import unique_name

if TYPE_CHECKING:
    from torch import nn

    from bmvis.model.tree import Model

FOLDER = "model_snapshots"
"""The folder of snapshots, next to the test files. Each test file has a folder in it."""
MAX_NAME = 100
"""Characters of a file name, without suffix."""
_USED = "bmvis_snapshot"
"""The name of the user property with the path of a snapshot: pytest-xdist hands properties to its main process."""
_UNSAFE = re.compile(r"[^\w.-]+")
_RECORDER = pytest.StashKey["_SnapshotRecorder"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of the plugin."""
    group = parser.getgroup("bmvis", "structure of PyTorch models")
    group.addoption("--bmvis-update", action="store_true", help="Write model snapshots, and remove obsolete ones.")


def pytest_configure(config: pytest.Config) -> None:
    """Record which snapshots tests use."""
    recorder = _SnapshotRecorder(config)
    config.stash[_RECORDER] = recorder
    config.pluginmanager.register(recorder, "bmvis-recorder")


@pytest.fixture
def assert_structure(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return a function that fails the test if a model differs from its snapshot.

    The function takes a module or a captured model, and optionally a `name` for the snapshot, which follows that of the
    test. By default, it is a number from the second call on.
    """
    names: set[str] = set()
    # Two classes of a file can have tests of one name.
    test = str(request.node.nodeid).partition("::")[2].replace("::", ".")

    def check(model: nn.Module | Model, name: str = "") -> None:
        written = file_name(f"{test}.{name}" if name else test)
        if name and written in names:
            raise ValueError(f"the test has two snapshots with the name {name!r}; use different names")
        unique = unique_name(written, names.__contains__)
        names.add(unique)
        file = _folder(request.path) / f"{unique}.json"
        request.node.user_properties.append((_USED, str(file)))
        problem = _compare(model, file, f"{request.path.name}::{unique}", bool(request.config.option.bmvis_update))
        if problem:
            pytest.fail(problem, pytrace=False)

    return check


def file_name(name: str) -> str:
    """Return the name of a file for a test. A name that is changed ends with a digest, because two can be alike."""
    safe = _UNSAFE.sub("_", name)[:MAX_NAME].strip(".") or "_"
    return safe if safe == name else f"{safe}-{hashlib.blake2b(name.encode(), digest_size=4).hexdigest()}"


def _folder(test: Path) -> Path:
    return test.parent / FOLDER / test.stem


def _compare(model: nn.Module | Model, file: Path, reference: str, is_update: bool) -> str:
    """Return how a model differs from its snapshot; '' if it does not, or if the snapshot was updated."""
    from bmvis import as_model
    from bmvis.comparison.drift import find_drift
    from bmvis.errors import SnapshotError
    from bmvis.model.snapshot import Snapshot, dump
    from bmvis.source.pyproject import read_project
    from bmvis.source.recorded import read_snapshot

    captured = as_model(model)
    try:
        drift = find_drift(read_snapshot(file, reference).model, captured, read_project(file.parent).ignored)
        problem = f"{drift.headline}\n{drift}" if drift else ""
    except SnapshotError as error:
        drift, problem = None, error.message
    if problem and is_update:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dump(Snapshot(reference, captured)), encoding="utf-8", newline="\n")
        return ""
    if not problem:
        return ""
    if drift is None:
        return f"{problem}\nto write it, run pytest with --bmvis-update"
    return f"the model differs from {file}: {problem}\nif this is intended, run pytest with --bmvis-update"


class _SnapshotRecorder:
    """Knows the snapshots that tests used, and finds obsolete ones."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._used: set[Path] = set()
        self._complete: set[Path] = set()
        self._partial: set[Path] = set()

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Note test files of which only some tests run."""
        self._partial.update(item.path for item in items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the snapshots of a test."""
        self._used.update(Path(str(value)) for name, value in report.user_properties if name == _USED)
        file = self._config.rootpath / report.nodeid.partition("::")[0]
        (self._complete if report.passed else self._partial).add(file)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Report obsolete snapshots, or remove them with `--bmvis-update`."""
        obsolete = sorted(self._obsolete())
        if not obsolete:
            return
        is_update = bool(self._config.option.bmvis_update)
        terminalreporter.section("model snapshots")
        for file in obsolete:
            terminalreporter.line(f"{'removed' if is_update else 'obsolete'}: {file}")
            if is_update:
                file.unlink()
        if not is_update:
            terminalreporter.line("no test uses these snapshots; --bmvis-update removes them")

    def _obsolete(self) -> Iterator[Path]:
        """Yield the snapshots that no test used, of test files whose tests all ran and passed, or that are gone."""
        options = self._config.option
        is_selected = any("::" in argument for argument in self._config.args)
        if is_selected or options.keyword or options.markexpr or getattr(options, "lf", False):
            return
        for file in self._complete - self._partial:
            yield from set(_folder(file).glob("*.json")) - self._used
        for parent in {file.parent for file in self._complete}:
            for folder in (parent / FOLDER).glob("*/"):
                if not (parent / f"{folder.name}.py").exists():
                    yield from folder.glob("*.json")
