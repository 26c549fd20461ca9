"""Tracebacks in reports: which frames they have."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from bmvis.child.tracebacks import user_frames

SOURCE = """
def direct(count):
    if count == 0:
        raise ValueError("too deep")
    direct(count - 1)


def one(count):
    other(count)


def other(count):
    if count == 0:
        raise ValueError("too deep")
    one(count - 1)


def caused():
    try:
        direct(0)
    except ValueError as error:
        raise ImportError("needs more") from error


def hidden():
    try:
        direct(0)
    except ValueError:
        raise ImportError("needs more")


def several():
    group = ValueError("several")
    group.exceptions = (KeyError("a"), TypeError("b"))
    raise group


def looped():
    error = ValueError("loop")
    error.__cause__ = error
    raise error
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write modules, and return their folder, which is on the path."""
    (tmp_path / "recursions.py").write_text(SOURCE)
    (tmp_path / "unfinished.py").write_text("def model(:\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def frames_of(function: str, *arguments: object) -> str:
    module, _, name = function.partition(":")
    with pytest.raises((ValueError, SyntaxError, ImportError)) as caught:
        getattr(importlib.import_module(module), name)(*arguments)
    return user_frames(caught.value)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("count", "lines"), [(2, 0), (3, 0), (4, 1), (300, 1)])
def test_frame_that_calls_itself_is_shown_three_times(count: int, lines: int) -> None:
    shown = frames_of("recursions:direct", count)
    assert shown.count("direct(count - 1)") == min(count, 3)
    assert shown.count(f"  … the same frame {count - 3} more time{'s' if count > 4 else ''}") == lines
    assert shown.count("more") == lines
    assert shown.index("direct(count - 1)") < shown.index("raise ValueError")


@pytest.mark.usefixtures("project")
def test_middle_of_a_mutual_recursion_is_counted() -> None:
    shown = frames_of("recursions:one", 100)
    assert "  … 179 frames more" in shown
    assert shown.endswith("ValueError: too deep")


@pytest.mark.usefixtures("project")
def test_syntax_error_has_no_frame_of_the_import_system() -> None:
    shown = frames_of("unfinished:model")
    assert "in import_module" not in shown
    assert shown.count("  File ") == 2  # the call in this file, and the line of the error
    assert "def model(:" in shown


@pytest.mark.usefixtures("project")
def test_causes_have_their_own_frames() -> None:
    first, _, cause = frames_of("recursions:caused").partition("\nCaused by:\n")
    assert "in caused" in first
    assert first.endswith("ImportError: needs more")
    assert "in direct" in cause
    assert cause.endswith("ValueError: too deep")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("function", "last"), [("hidden", "ImportError: needs more"), ("looped", "ValueError: loop")])
def test_other_exceptions_are_no_causes(function: str, last: str) -> None:
    found = frames_of(f"recursions:{function}")
    assert found.endswith(last)
    assert "Caused by" not in found


@pytest.mark.usefixtures("project")
def test_members_of_a_group_are_shown() -> None:
    found = frames_of("recursions:several")
    assert found.endswith("Exception 1 of 2:\nKeyError: 'a'\nException 2 of 2:\nTypeError: b")
