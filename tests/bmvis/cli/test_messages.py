"""All commands print an error in one form, that of click: `Error:`, the place, the problem and what to do."""

import json
import re

import pytest
from commands import bmvis

BROKEN = r"'zoo:broken' raised RuntimeError: no weights \(fix the factory\)"
UNKNOWN = "'smal' is neither a reference .* nor a name .*did you mean 'small'"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("messages")
    (folder / "zoo.py").write_text(
        "from torch import nn\ndef small(): return nn.Linear(2, 3)\ndef broken(): raise RuntimeError('no weights')\n"
    )
    (folder / "pyproject.toml").write_text('[tool.bmvis.models]\nsmall = "zoo:small"\nbroken = "zoo:broken"\n')
    (folder / "README.md").write_text("# A\n\n<!-- bmvis: tree zoo:broken -->\n\n<!-- /bmvis -->\n")
    (folder / "report.json").write_text("[]")
    return folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["show", "zoo:broken"], BROKEN, id="show"),
        pytest.param(["compare", "zoo:small", "zoo:broken"], BROKEN, id="compare"),
        pytest.param(["table", "zoo:broken"], f"broken: {BROKEN}", id="table"),
        pytest.param(["update", "README.md"], f"README.md:3: {BROKEN}", id="update"),
        pytest.param(["update", "none.md"], "none.md: cannot read the file: No such file", id="update-missing"),
        pytest.param(["snapshot", "broken"], f"broken: {BROKEN}", id="snapshot"),
        pytest.param(["snapshot", "smal"], UNKNOWN, id="snapshot-name"),
        pytest.param(["check", "smal"], UNKNOWN, id="check-name"),
        pytest.param(["diff", "no-such-revision"], "git rev-parse failed .*run the command in a clone", id="diff"),
        pytest.param(["merge", "report.json"], "cannot read report.json: .*pass files that", id="merge"),
        pytest.param(
            ["myst", "--strict", "--role", "nparameters"], "unknown role 'nparameters' .*known roles", id="myst"
        ),
        pytest.param(["draw"], "No such command 'draw'", id="click"),
    ],
)
def test_error_has_one_form(folder, arguments, message):
    done = bmvis(folder, *arguments, stdin=json.dumps({"body": "small"}))
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, done.stderr
    assert re.match(f"Error: {message}", errors[0])


def test_table_without_models_is_an_error(tmp_path):
    done = bmvis(tmp_path, "table")
    hint = "name models in the command, or add them to [tool.bmvis.models]"
    assert done == (2, "", f"Error: pyproject.toml defines no models ({hint})\n")


def test_warning_has_the_same_form(folder):
    done = bmvis(folder, "show", "zoo:small", "--highlight", "attn")
    assert (done.returncode, done.stderr.partition(":")[0]) == (0, "Warning")
