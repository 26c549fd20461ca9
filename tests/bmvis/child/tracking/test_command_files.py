"""Which files of a project the command of another process names."""

import os
import subprocess
from pathlib import Path

import pytest

from bmvis.child.tracking.command_files import named_files, named_repositories, named_variables
from bmvis.source.fingerprint import of_repository


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
        (["python", "tool.py"], ["tool.py", "helper.py"]),
        ("cat < a.txt; cat b.txt", ["a.txt", "b.txt"]),
        ("cat [ab].txt", ["", "a.txt", "b.txt"]),
        ("cd deep && cat c.txt", ["deep/c.txt"]),
        ("cat c.txt && cd deep", []),
        ("sh run.sh", ["run.sh", "a.txt", "deep/c.txt"]),
        ("sh loop.sh", ["loop.sh"]),
        (["python3", "-c", "print(open('a.txt').read(), \"b.txt\")"], ["a.txt", "b.txt"]),
        (["/usr/bin/python", "-c", "import glob; glob.glob('[ab].txt')"], ["", "a.txt", "b.txt"]),
        (["python", "-c", "import tool, missing; print(tool)"], ["tool.py"]),
        (["python", "-c", "from deep import __main__"], ["deep/__main__.py"]),
        ("cat a.txt; python3 -c 'import helper, sys' | wc", ["a.txt", "helper.py"]),
        (["sh", "-c", "python -c 'import tool'"], ["tool.py"]),
        (["echo", "-c", "import tool"], []),
        (["python", "-c", "import ("], []),
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
    found = set(filter(os.path.exists, named_files(command, tmp_path)))
    assert found == {str(tmp_path / name) for name in names}


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


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("test -f missing.txt && echo 1.5 -c v=1 word", ["missing.txt"]),
        (["tool", "--config=deep/missing", "./late", "none/missing.txt"], ["deep/missing", "late"]),
        ("cat there.txt deep", []),
        ("cat *.txt 'a b.txt' http://a.b/c.txt", []),
        ("sh scripts/look.sh", ["late.txt", "scripts/late.txt", "deep/wide.txt"]),
        ("python scripts/look.py", ["late.json", "scripts/late.json"]),
    ],
)
def test_missing_files_that_a_command_can_look_for_are_found(command, names, tmp_path):
    texts = {"there.txt": "", "deep/other.txt": "", "scripts/look.py": "open('late.json'); print('1.5', 'word')"}
    texts["scripts/look.sh"] = 'cat "$HERE/late.txt" "$(dirname "$0")/../deep/wide.txt" ${HERE%/*}/2.5\n'
    write(tmp_path, texts)
    found = {file for file in named_files(command, tmp_path) if not Path(file).exists()}
    assert found == {str(tmp_path / name) for name in names}


def test_word_that_no_file_can_have_as_its_name_is_skipped(tmp_path):
    assert not list(named_files(["cat", "x" * 5000, "\ud800"], tmp_path))


def test_names_are_relative_to_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "a.txt").touch()
    monkeypatch.chdir(tmp_path)
    assert list(named_files(["cat", "a.txt"], None)) == [os.path.abspath("a.txt")]


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (["make", "-s", "width"], ["Makefile", "width.txt"]),
        (["./run"], ["run", "width.txt"]),
        (["./tool"], ["tool", "pkg/__init__.py", "pkg/inner.py", "pkg/part.py", "main.py"]),
        (["python", "-m", "pkg.part"], ["pkg/__init__.py", "pkg/inner.py", "pkg/part.py"]),
        (["grep", "-r", "x", "deep"], ["deep", "deep/er", "deep/er/c.txt", "deep/b.txt"]),
        (["ls", "-R", "deep"], ["deep", "deep/er"]),
        (["find", "deep", "-name", "x"], ["deep", "deep/er"]),
        (["tar", "cf", "-", "deep"], ["deep", "deep/er", "deep/er/c.txt", "deep/b.txt"]),
        (["grep", "x", "width.txt"], ["width.txt"]),
        (["grep"], []),
        (["tar", "xf", "width.txt"], ["width.txt"]),
        (["ls", "deep"], ["deep"]),
        (["ls"], [""]),
        (["echo", "deep"], []),
    ],
    ids=str,
)
def test_files_that_a_command_does_not_name_are_found(command, names, tmp_path):
    texts = {"Makefile": "width:\n\tcat width.txt\n", "run": "#!/bin/sh\ncat width.txt\n", "width.txt": ""}
    texts |= {"tool": "#!/usr/bin/env python3\nimport pkg.part\n", "main.py": "", "deep/b.txt": "", "deep/er/c.txt": ""}
    texts |= {"pkg/__init__.py": "", "pkg/part.py": "def f():\n    from .inner import W", "pkg/inner.py": "import"}
    write(tmp_path, texts)
    found = set(filter(os.path.exists, named_files(command, tmp_path)))
    assert found == {str(tmp_path / name) for name in names}


def test_imports_of_a_script_are_looked_for_in_more_folders(tmp_path):
    write(tmp_path, {"tools/a.py": "import other", "src/other.py": ""})
    found = list(named_files(["python", "tools/a.py"], tmp_path, [str(tmp_path / "src")]))
    assert str(tmp_path / "src/other.py") in found


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import os; os.environ['A_B'], os.getenv(\"C\", 'no name')", ["A_B", "C"]),
        ("print('A_B')", []),
        ("#!/bin/sh\necho ${A_B:-3} $(C)", ["A_B", "C"]),
    ],
)
def test_variables_in_a_script_are_found(text, names, tmp_path):
    script = tmp_path / ("script.sh" if text.startswith("#!") else "script.py")
    script.write_text(text)
    assert sorted(named_variables(["run", str(script)], [str(script)])) == names


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.pl", "print $ENV{WIDTH} // 3;"),
        ("a.awk", 'BEGIN { print ENVIRON["WIDTH"] }'),
        ("a.awk", 'BEGIN { print ("OTHER" in ENVIRON) ? ENVIRON["WIDTH"] : 3 }'),
        ("a.rb", "puts ENV.fetch('WIDTH', 3)"),
        ("a.rb", "puts ENV['WIDTH']"),
        ("a.js", "console.log(process.env.WIDTH ?? 3)"),
        ("a.R", "cat(Sys.getenv('WIDTH'))"),
    ],
)
def test_variables_in_a_script_of_another_language_are_found(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    assert "WIDTH" in named_variables(["run", name], [str(tmp_path / name)])


def test_text_that_is_no_script_has_no_variables(tmp_path):
    (tmp_path / "a.txt").write_text("$ENV{WIDTH} $WIDTH")
    assert not named_variables(["cat", "a.txt"], [str(tmp_path / "a.txt")])


def test_variables_in_code_and_of_printenv_are_found():
    assert named_variables(["python", "-c", "import os; print(os.environ['WIDTH'])"]) == {"WIDTH"}
    assert "WIDTH" in named_variables(["printenv", "WIDTH"])


@pytest.mark.parametrize(
    ("command", "is_whole"),
    [
        (["git", "rev-parse", "HEAD"], False),
        (["git", "-C", ".", "describe", "--tags"], False),
        ("git log -1 --format=%H", False),
        ("git describe --always --dirty", True),
        (["git", "status", "--porcelain"], True),
        ("git rev-parse HEAD && git diff --stat", True),
        (["git", "show", ":a.txt"], True),
        (["git", "rev-list", "--all", "--count"], True),
        (["sh", "-c", "git status"], True),
        ("sh version.sh", True),
        (["python", "version.py"], True),
        (["echo", "status"], False),
        (["git"], False),
    ],
    ids=str,
)
def test_commands_of_git_that_read_more_than_commits_are_found(command, is_whole, tmp_path):
    write(tmp_path, {"version.sh": "git status\n", "version.py": "run(['git', 'diff'])", "src/a.txt": ""})
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "src"
    files = [str(tmp_path / name) for name in ("version.sh", "version.py") if name in command]
    assert named_repositories(command, folder, files) == ({str(tmp_path)} if is_whole else set())


def test_submodule_is_read_as_a_whole(tmp_path):
    (tmp_path / ".git").write_text("gitdir: ../.git/modules/sub")
    assert named_repositories(["git", "rev-parse", "HEAD"], tmp_path) == {str(tmp_path)}


def test_digest_of_a_repository_changes_with_its_state_and_not_with_settings_of_a_ci_job(tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=tmp_path, check=True)

    write(tmp_path, {"a.txt": "1"})
    steps = [["init", "-q"], ["add", "."], ["commit", "-qm", "one"], ["branch", "other"], ["config", "a.b", "1"]]
    digests = [of_repository(str(tmp_path)) for step in steps if git(*step) is None]
    for text in ("2", "3"):
        write(tmp_path, {"a.txt": text})
        digests.append(of_repository(str(tmp_path)))
    write(tmp_path, {"new.txt": ""})
    digests.append(of_repository(str(tmp_path)))
    assert len(set(digests)) == len(digests)
    git("config", "http.https://example.org/.extraheader", "AUTHORIZATION: basic x")
    assert of_repository(str(tmp_path)) == digests[-1]


def test_relative_imports_of_packages_are_followed(tmp_path):
    write(tmp_path, {"run.py": "import pkg.sub.low", "pkg/sub/low.py": "from ..top import W", "pkg/top.py": "W = 1"})
    found = set(named_files(["python", "run.py"], tmp_path))
    assert {str(tmp_path / "pkg/sub/low.py"), str(tmp_path / "pkg/top.py")} <= found
