"""Which files of a project the command of another process names."""

import os

import pytest

from bmvis.child.command_files import named_files


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (["cat", "a.txt"], ["a.txt"]),
        ([b"cat", b"a.txt"], ["a.txt"]),
        (["tool", "--config=a.txt", "x=b.txt"], ["a.txt", "b.txt"]),
        ("cat a.txt 'with space.txt' # b.txt", ["a.txt", "with space.txt"]),
        ("cat < a.txt", ["a.txt"]),
        ("cat a.txt 'no end", ["a.txt"]),
        (["sh", "-c", "cat a.txt"], ["a.txt"]),
        (["sh", "-ec", "cat a.txt"], ["a.txt"]),
        (["echo", "-c", "cat a.txt"], []),
        (["python", "tool.py"], ["tool.py", "helper.py", "tool.py"]),
        (["cat", "missing.txt", ".", "", "nul\0"], []),
        (5, []),
        ([5, None, "a.txt"], ["a.txt"]),
    ],
    ids=str,
)
def test_existing_files_among_the_words_of_a_command_are_found(command, names, tmp_path):
    for name in ("a.txt", "b.txt", "with space.txt", "tool.py", "helper.py"):
        (tmp_path / name).touch()
    assert sorted(named_files(command, tmp_path)) == sorted(str(tmp_path / name) for name in names)


def test_names_are_relative_to_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "a.txt").touch()
    monkeypatch.chdir(tmp_path)
    assert list(named_files(["cat", "a.txt"], None)) == [os.path.abspath("a.txt")]
