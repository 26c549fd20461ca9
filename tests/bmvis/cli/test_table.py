"""`bmvis table`, its formats and its exit codes."""

import csv

import pytest
from commands import bmvis

from bmvis.errors import BmvisError
from bmvis.worker.client import Worker

ZOO = """
from torch import nn
def small():
    return nn.Sequential(nn.Linear(8, 8), nn.ReLU())
def large(width=1000):
    return nn.Linear(width, width)
def broken():
    raise RuntimeError("no weights here")
"""
PROJECT = """
[tool.bmvis.models]
small = {reference = "zoo:small", columns = {accuracy = 76.5, ours = true}}
big = {reference = "zoo:large(width=2000)", columns = {accuracy = 80}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    (folder / "zoo.py").write_text(ZOO)
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "data.csv").write_text("model,accuracy\nLarge,90\nsmal,70\n")
    return folder


def table(folder, *arguments):
    return bmvis(folder, "table", *arguments)


def test_models_with_a_name_and_their_own_columns(folder):
    done = table(
        folder, "--columns", "name,parameters,accuracy,ours,macs", "--inputs", "float32[1, 8]", "--sort", "size"
    )
    assert done.stdout.splitlines() == [
        "Model  Parameters  accuracy  ours  MACs",
        "─────  ──────────  ────────  ────  ────",
        "big            4M      80    –        –",
        "small          72      76.5  true    64",
    ]
    assert done.returncode == 0
    assert "big: the model of 'zoo:large(width=2000)' could not be called" in done.stderr


def test_unchanged_models_come_from_the_cache(folder, monkeypatch):
    arguments = ("zoo:small", "--columns", "name,parameters", "--format", "csv")
    first = table(folder, *arguments)

    def ask(self, request):
        raise BmvisError("asked")

    monkeypatch.setattr(Worker, "reply", ask)
    assert table(folder, *arguments).stdout == first.stdout
    assert "asked" in table(folder, *arguments, "--no-cache").stderr


def test_a_model_that_fails_is_an_error_in_its_row(folder):
    done = table(folder, "zoo:*", "--columns", "name,parameters", "--format", "csv", "--sort", "name")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [(row["name"], row["parameters"], bool(row["error"])) for row in rows] == [
        ("broken", "", True),
        ("large", "1001000", False),
        ("small", "72", False),
    ]
    assert "no weights here" in done.stderr
    assert done.returncode == 2


def test_a_data_file_and_the_lines_of_the_table(folder):
    lines = ["small", "zoo:large | Large | big", "zoo:large(width=3) | Tiny | | accuracy=1"]
    done = table(folder, *lines, "--columns", "name,accuracy", "--data", "data.csv", "--group", "--format", "markdown")
    assert done.stdout.splitlines()[2:] == [
        "| **big**   |          |",
        "| Large     |       90 |",
        "| **Other** |          |",
        "| small     |     76.5 |",
        "| Tiny      |        1 |",
    ]
    assert (
        done.stderr
        == "Warning: data.csv has no row for 'small', but one for 'smal' (use the same name, or the reference)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--columns", "name,parameter"],
            "the table has no column 'parameter' (did you mean 'parameters'?)",
        ),
        (["--data", "none.csv"], "cannot read the data file 'none.csv': No such file or directory"),
        (["zoo:small | Small | tag | accuracy"], "'accuracy' in the line 'zoo:small | Small | tag | accuracy'"),
    ],
    ids=["column", "data", "line"],
)
def test_mistakes_in_the_table_itself(folder, arguments, message):
    done = table(folder, *arguments)
    assert message in done.stderr
    assert (done.returncode, done.stdout) == (2, "")


def test_html_is_one_file_with_its_script(folder):
    html = table(folder, "zoo:small", "--format", "html", "--caption", "Our models").stdout
    assert html.startswith("<!DOCTYPE html>")
    assert "<title>Our models</title>" in html
    assert html.count("bmvisTable = true") == 1
