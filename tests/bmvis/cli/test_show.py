"""Run `bmvis show` in a shell."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from commands import bmvis

from bmvis.cli import main
from bmvis.errors import BmvisError
from bmvis.worker.client import Worker

ZOO = """
from torch import nn
def tiny(sizes=(4, 8)):
    return nn.Sequential(*(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])), nn.Dropout())
def broken():
    raise RuntimeError("no weights here")
def quits():
    import os; os._exit(3)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shell")
    (folder / "zoo.py").write_text(ZOO)
    (folder / "pyproject.toml").write_text(
        "[tool.bmvis.models]\n"
        "small = 'zoo:tiny(sizes=[2, 2, 2])'\n"
        "tiny = 'zoo:tiny'\n"
        "wide = 'zoo:tiny(sizes=[1234567, 7654321])'\n"
    )
    return folder


@pytest.fixture(scope="module")
def recorded(folder):
    """Return the folder with snapshots, which tests of the output use: no model is built for them."""
    assert bmvis(folder, "snapshot").returncode == 0
    return folder


def in_shell(folder, *arguments, **environment) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "bmvis", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=900,
    )


@pytest.mark.parametrize(
    "command", ["show zoo:tiny", "compare zoo:tiny zoo:tiny", "table zoo:tiny", "update x", "myst"]
)
def test_folder_to_import_from_must_exist(command, tmp_path):
    done = CliRunner().invoke(main, [*command.split(), "--path", str(tmp_path / "none")])
    assert done.exit_code == 2
    assert f"Invalid value for '--path': Directory '{tmp_path / 'none'}' does not exist." in done.output


def test_show_finds_modules_in_working_directory_and_on_pythonpath(folder, tmp_path):
    (tmp_path / "here.py").write_text("from zoo import tiny\n")
    path = str(folder), os.environ.get("PYTHONPATH")
    done = in_shell(tmp_path, "show", "here:tiny", PYTHONPATH=os.pathsep.join(filter(None, path)))
    assert done.stdout.splitlines() == [
        "root",
        "└── 0 (Linear) weight:[8, 4] bias:[8]",
        "",
        "Sequential: 40 parameters, all trainable; float32, 160 bytes",
    ]
    assert (done.returncode, done.stderr) == (0, "")


def test_show_accepts_name_from_pyproject(folder):
    assert "0,1(Linear)" in bmvis(folder, "show", "small").stdout.replace("0-1", "0,1")


@pytest.mark.parametrize("reference", ["wide", "zoo:broken"])
def test_show_answers_from_the_cache(folder, monkeypatch, reference):
    def shown(*arguments):
        done = CliRunner().invoke(main, ["show", reference, *arguments])
        return done.exit_code, done.stdout, done.stderr

    def ask(self, request):
        raise BmvisError("asked")

    monkeypatch.chdir(folder)
    live = shown("--no-cache")
    assert shown() == live
    (folder / "part").mkdir(exist_ok=True)
    monkeypatch.setattr(Worker, "reply", ask)
    assert shown() == live
    assert "asked" in shown("--no-cache")[2]
    (folder / "part/zoo.py").write_text(ZOO)
    monkeypatch.chdir(folder / "part")  # another module, although the reference is the same
    assert "asked" in shown()[2]


def test_show_accepts_display_options_as_flags(recorded):
    out = bmvis(recorded, "show", "snapshot:tiny", "--non-params", "--expand-params", "--root-name", "net").stdout
    assert out.splitlines()[:5] == [
        "net",
        "├── 0 (Linear)",
        "│   ├── weight:[8, 4]",
        "│   └── bias:[8]",
        "└── 1 (Dropout)",
    ]


def test_show_writes_json_html_and_svg(recorded):
    done = bmvis(recorded, "show", "snapshot:tiny", "--json", "--html", "tree.html", "--svg", "tree.svg")
    data = json.loads(done.stdout)
    assert data["bmvis"] == 1
    assert data["totals"] == {"parameters": 40, "trainable": 40, "delta": 0, "bytes": 160}
    assert [row["path"] for row in data["rows"]] == ["", "0"]
    assert data["rows"][1]["type"] == "torch.nn.modules.linear.Linear"
    html = (recorded / "tree.html").read_text(encoding="utf-8")
    assert html.startswith("<!DOCTYPE html>")
    assert 'id="model.0"' in html
    assert "http" not in html.replace("http://www.w3.org/", "")
    assert (recorded / "tree.svg").read_text(encoding="utf-8").startswith("<svg")


def test_json_has_trainable_and_shared_with(folder):
    (folder / "facts.py").write_text(
        "from torch import nn\n"
        "def model():\n"
        "    first = nn.Sequential(nn.BatchNorm1d(2))\n"
        "    first[0].bias.requires_grad_(False)\n"
        "    return nn.ModuleDict({'first': first, 'again': first, 'silent': nn.ReLU()})\n"
    )
    rows = json.loads(bmvis(folder, "show", "facts:model", "--json", "--buffers").stdout)["rows"]
    norm = next(row for row in rows if row["path"] == "first.0")
    assert {p["name"]: (p["trainable"], p["device"]) for p in norm["parameters"]} == {
        "weight": (True, "meta"), "bias": (False, "meta")
    }  # fmt: skip
    assert {b["name"]: b["persistent"] for b in norm["buffers"]} == dict.fromkeys(
        ("running_mean", "running_var", "num_batches_tracked"), True
    )
    assert {row["path"]: row.get("shared_with") for row in rows} == {
        "": None, "first": None, "first.0": None, "again": "first"
    }  # fmt: skip


def test_compare_shows_changes_between_two_models(folder):
    (folder / "old.py").write_text("import zoo\ndef tiny(): return zoo.tiny((4, 6))\n")
    assert bmvis(folder, "compare", "old:tiny", "zoo:tiny", "--only-changes").stdout.splitlines() == [
        "root",
        "└── 0 (Linear) weight:[8, 4] ([6, 4] → [8, 4]) bias:[8] ([6] → [8])",
        "",
        "Sequential: 40 parameters, all trainable; float32, 160 bytes",
        "before: Sequential, 30 parameters, 30 trainable; float32, 120 bytes",
        "changes: resized: 40",
    ]


def test_compare_accepts_a_snapshot(recorded):
    done = bmvis(recorded, "compare", "snapshot:small", "zoo:tiny(sizes=[2, 2])", "--json")
    data = json.loads(done.stdout)
    assert data["before"]["parameters"] == 12
    changes = [row["change"] for row in data["rows"] if "change" in row]
    assert changes == [{"kind": "removed"}, {"kind": "changed", "details": ["moved from 2"]}]
    assert "'smal' is neither" in bmvis(recorded, "compare", "snapshot:smal", "zoo:tiny").stderr


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("snapshots/small.json", "snapshots/tiny.json"),
        ("snapshots/small.json", "snapshot:tiny"),
        ("snapshot:small", "snapshots/tiny.json"),
    ],
)
def test_compare_accepts_the_files_of_snapshots(recorded, before, after):
    expected = bmvis(recorded, "compare", "snapshot:small", "snapshot:tiny")
    done = bmvis(recorded, "compare", before, after)
    assert (done.stdout, done.stderr, done.returncode) == (expected.stdout, expected.stderr, 0)


def test_compare_reports_a_file_that_is_no_snapshot(recorded):
    done = bmvis(recorded, "compare", "snapshots/smal.json", "snapshot:tiny")
    assert done.stderr.startswith("Error: cannot read snapshots/smal.json: No such file")
    assert done.returncode == 2


@pytest.mark.parametrize("option", ["--html", "--svg"])
def test_show_reports_a_file_that_it_cannot_write(option, recorded):
    done = bmvis(recorded, "show", "snapshot:tiny", option, "zoo.py/tree")
    assert done.stderr.startswith("Error: cannot write zoo.py/tree: ")
    assert (done.stdout, done.returncode) == ("", 2)


def test_show_writes_svg_to_standard_output(recorded):
    assert bmvis(recorded, "show", "snapshot:tiny", "--svg", "-").stdout.startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (["zoo:broken"], ["'zoo:broken' raised RuntimeError: no weights here", "zoo.py", "line 6"]),
        (["zoo:quits"], ["ended", "3"]),
        (["zoo:tyni"], ["'zoo' has no 'tyni' (did you mean 'tiny'?)"]),
        (["smal"], ["did you mean 'small'?"]),
        (
            ["zoo:tiny", "--depth", "none"],
            ["invalid value 'none' for option 'depth' (expected an integer, 1 or greater)"],
        ),
        (["zoo:tiny", "--deep"], ["No such option"]),
        ([], ["Missing argument"]),
    ],
    ids=["raises", "exits", "unknown", "unknown name", "bad value", "unknown option", "nothing"],
)
def test_show_failure_has_exit_code_2(folder, arguments, texts):
    done = bmvis(folder, "show", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    for text in texts:
        assert text in done.stderr
    assert "child.py" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals need POSIX")
@pytest.mark.parametrize(
    ("environment", "has_color"),
    [({"TERM": "xterm-256color"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
    ids=["color", "NO_COLOR", "dumb"],
)
def test_show_fits_a_terminal_of_40_columns(recorded, environment, has_color):
    import pty

    keeper, terminal = pty.openpty()
    plain = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLORTERM")}
    done = subprocess.Popen(
        [sys.executable, "-m", "bmvis", "show", "snapshot:wide"],
        cwd=recorded,
        env={**plain, "COLUMNS": "40", **environment},
        stdout=terminal,
        stdin=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    text = b""
    while True:
        try:
            text += os.read(keeper, 4096)
        except OSError:  # Linux reports a closed terminal in this way
            break
        if not text:
            break
    assert done.wait(300) == 0
    assert (b"\x1b[3" in text) == has_color
    assert "1234567" in text.decode()
