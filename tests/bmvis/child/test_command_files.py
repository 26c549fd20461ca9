"""Which files of a project the command of another process names."""

import os

import pytest

from bmvis.child.command_files import named_files, named_variables


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
        ("cat < a.txt; cat b.txt", ["a.txt", "b.txt"]),
        ("cat [ab].txt", ["", "a.txt", "b.txt"]),
        ("cd deep && cat c.txt", ["deep/c.txt"]),
        ("cat c.txt && cd deep", []),
        ("sh run.sh", ["run.sh", "a.txt", "deep/c.txt"]),
        ("sh loop.sh", ["loop.sh"] * 4),
        (["python3", "-c", "print(open('a.txt').read(), \"b.txt\")"], ["a.txt", "b.txt"]),
        (["/usr/bin/python", "-c", "import glob; glob.glob('[ab].txt')"], ["", "a.txt", "b.txt"]),
        (["python", "-m", "tool"], ["helper.py", "tool.py"]),
        (["python", "-m", "deep"], ["deep/__main__.py"]),
        (["python", "-m", "missing"], []),
        (["cat", "missing.txt", ".", "", "nul\0"], []),
        (5, []),
        ([5, None, "a.txt"], ["a.txt"]),
    ],
    ids=str,
)
def test_existing_files_among_the_words_of_a_command_are_found(command, names, tmp_path):
    for name in ("a.txt", "b.txt", "with space.txt", "tool.py", "helper.py"):
        (tmp_path / name).touch()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "c.txt").touch()
    (tmp_path / "deep" / "__main__.py").touch()
    (tmp_path / "run.sh").write_text("#!/bin/sh\nset -e\ncat a.txt\ncd deep\ncat c.txt | wc\n")
    (tmp_path / "loop.sh").write_text("sh loop.sh\n")
    assert sorted(named_files(command, tmp_path)) == sorted(str(tmp_path / name) for name in names)


@pytest.mark.parametrize("command", [["git", "describe"], "git rev-parse HEAD"], ids=str)
@pytest.mark.parametrize(("head", "branch"), [("ref: refs/heads/main\n", ["refs/heads/main"]), ("0a1b2c\n", [])])
def test_commands_of_git_depend_on_the_commit_and_the_tags(command, head, branch, tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").write_text(head)
    (tmp_path / "src").mkdir()
    found = [str(tmp_path / ".git" / name) for name in ("HEAD", "packed-refs", "refs/tags", *branch)]
    assert list(named_files(command, tmp_path / "src")) == found


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("echo $WIDTH ${DEPTH:-3} $1 $", ["DEPTH", "WIDTH"]),
        (["sh", "-c", "echo $WIDTH"], ["WIDTH"]),
        (["echo", "WIDTH"], []),
        (5, []),
    ],
    ids=str,
)
def test_variables_in_a_command_are_found(command, names):
    assert sorted(named_variables(command)) == names


def test_word_that_no_file_can_have_as_its_name_is_skipped(tmp_path):
    assert not list(named_files(["cat", "x" * 5000, "\ud800"], tmp_path))


def test_names_are_relative_to_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "a.txt").touch()
    monkeypatch.chdir(tmp_path)
    assert list(named_files(["cat", "a.txt"], None)) == [os.path.abspath("a.txt")]
