"""Commands whose standard output has an encoding without some of the characters that they print."""

import json
import os
import sys

import pytest
from click.testing import CliRunner

from bmvis.cli import main
from bmvis.cli.output_encoding import accept_all_characters

ZOO = """
from torch import nn

def model(size=4):
    found = nn.Sequential()
    for name in ("größe", "模型", "\\U0001f600"):
        found.add_module(name, nn.Linear(size, 4))
    return found
"""
ENCODINGS = ["cp1252", "cp437", "utf-8"]
ARROW = {"cp1252": "->", "cp437": "->", "utf-8": "→"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encodings")
    (folder / "zoo.py").write_text(ZOO, encoding="utf-8")
    (folder / "pyproject.toml").write_text("[tool.bmvis.models]\nmodel = 'zoo:model'\n")
    assert CliRunner().invoke(main, ["snapshot", "--project", str(folder)]).exit_code == 0
    (folder / "zoo.py").write_text(ZOO.replace("size=4", "size=5"), encoding="utf-8")
    return folder


@pytest.fixture
def run(folder, monkeypatch):
    def invoke(encoding, *arguments):
        done = CliRunner(charset=encoding).invoke(main, arguments)
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done

    monkeypatch.chdir(folder)
    return invoke


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("style", ["text", "markdown", "github"])
def test_check_reports_changes_in_any_encoding(run, encoding, style):
    done = run(encoding, "check", "--format", style)
    assert done.exit_code == 1
    assert f"[4, 4] {ARROW[encoding]} [4, 5]" in done.stdout.replace("&#91;", "[").replace("&#93;", "]")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_names_are_printed_or_escaped(run, encoding):
    done = run(encoding, "show", "zoo:model")
    names = "größe,模型,\U0001f600" if encoding == "utf-8" else r"größe,\u6a21\u578b,\U0001f600"
    assert f"── {names}(Linear)" in done.stdout.replace("-- ", "── ")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_marks_have_replacements(run, encoding):
    done = run(encoding, "compare", "zoo:model(size=3)", "zoo:model(size=4)", "--only-changes")
    assert f"[4, 3] {ARROW[encoding]} [4, 4]" in done.stdout


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_is_the_same_in_any_encoding(run, encoding):
    done = run(encoding, "show", "zoo:model", "--json")
    assert done.stdout_bytes.isascii()
    assert json.loads(done.stdout)["rows"][1]["names"] == ["größe", "模型", "\U0001f600"]


def test_output_to_a_pipe_in_place_of_a_file(tmp_path, monkeypatch):
    read, write = os.pipe()
    with (tmp_path / "output").open("w", encoding="utf-8") as file:
        os.dup2(write, file.fileno())
        monkeypatch.setattr(sys, "stdout", file)
        accept_all_characters()
        print("→")
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as pipe:
        assert pipe.read() == "→\n"
