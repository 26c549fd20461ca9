"""The pytest plugin: a snapshot next to each test file."""

import subprocess
import sys

import pytest

from bmvis.pytest_plugin import file_name

pytest_plugins = ["pytester"]

TEST = """
import pytest
from bmvis import Model, Module, Parameter

def net(width=3, extra=""):
    weight = Parameter("weight", (width,), "float32", width, width * 4)
    layer = Module("fc", 1, "Scale", "zoo", parameters=(weight,), extra_repr=f"eps=1{extra}")
    return Model((Module("", 0, "Net", "zoo"), layer))

def test_net(assert_structure):
    assert_structure(net())
    assert_structure(net(2))

@pytest.mark.parametrize("width", [1, 2], ids=["a/b", "../c"])
def test_widths(assert_structure, width):
    assert_structure(net(width), name=f"width {width}")
"""


@pytest.fixture
def run(pytester):
    pytester.makepyfile(test_zoo=TEST)

    def call(*arguments):
        # The plugin can be installed as well, under its name as an entry point.
        options = ("-p", "no:bmvis", "-p", "bmvis.pytest_plugin", "-p", "no:cacheprovider", "-q")
        return pytester.runpytest_inprocess(*options, *arguments)

    return call


def names(pytester):
    return sorted(file.name for file in (pytester.path / "model_snapshots" / "test_zoo").glob("*.json"))


def change(pytester, before, after):
    file = pytester.path / "test_zoo.py"
    file.write_text(file.read_text().replace(before, after))


def test_a_missing_snapshot_fails_and_update_writes_it(run, pytester):
    result = run()
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["no snapshot in *.json", "to write it, run pytest with --bmvis-update"])
    assert "differs" not in result.stdout.str()
    assert names(pytester) == []
    run("--bmvis-update").assert_outcomes(passed=3)
    assert len(names(pytester)) == 4
    assert all(name.startswith(("test_net", "test_widths_")) for name in names(pytester))
    run().assert_outcomes(passed=3)


TWO_OF_ONE_NAME = """
@pytest.mark.parametrize("width", [5, 6])
def test_more(assert_structure, width):
    assert_structure(net(width), name="same")

class TestA:
    def test_method(self, assert_structure):
        assert_structure(net(7))

class TestB:
    def test_method(self, assert_structure):
        assert_structure(net(8))
"""


def test_tests_do_not_share_a_snapshot(run, pytester):
    change(pytester, '@pytest.mark.parametrize("width", [1', f'{TWO_OF_ONE_NAME}\n@pytest.mark.parametrize("width", [1')
    run("--bmvis-update").assert_outcomes(passed=7)
    assert {"TestA.test_method.json", "TestB.test_method.json"} < {*names(pytester)}
    run().assert_outcomes(passed=7)


def test_a_change_fails_with_the_difference(run, pytester):
    run("--bmvis-update")
    change(pytester, "width=3", "width=4")
    result = run()
    result.assert_outcomes(failed=1, passed=2)
    result.stdout.fnmatch_lines(["*old checkpoints no longer load*", "*weight: [[]3[]] → [[]4[]]*"])
    run("--bmvis-update").assert_outcomes(passed=3)
    run().assert_outcomes(passed=3)


def test_ignored_changes_pass(run, pytester):
    run("--bmvis-update")
    change(pytester, 'extra=""', 'extra=", p=2"')
    run().assert_outcomes(failed=3)
    (pytester.path / "pyproject.toml").write_text('[tool.bmvis]\nignore = ["p"]\n')
    run().assert_outcomes(passed=3)


def test_obsolete_snapshots_are_reported_and_removed(run, pytester):
    run("--bmvis-update")
    change(pytester, "    assert_structure(net(2))\n", "")
    gone = pytester.path / "model_snapshots" / "test_gone" / "test_x.json"
    gone.parent.mkdir()
    gone.write_text("{}")
    result = run()
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["obsolete: *test_x.json", "obsolete: *test_net-2.json"])
    assert len(names(pytester)) == 4
    run("--bmvis-update")
    assert len(names(pytester)) == 3
    assert not gone.exists()


@pytest.mark.parametrize(
    "arguments", [("-k", "widths"), ("test_zoo.py::test_widths",), ("--deselect", "test_zoo.py::test_net")]
)
def test_snapshots_of_tests_that_do_not_run_are_not_obsolete(run, pytester, arguments):
    run("--bmvis-update")
    assert "obsolete" not in run(*arguments, "--bmvis-update").stdout.str()
    assert len(names(pytester)) == 4


def test_snapshots_of_failed_and_skipped_tests_are_not_obsolete(run, pytester):
    run("--bmvis-update")
    change(pytester, "    assert_structure(net())\n", "    pytest.skip('later')\n")
    assert "obsolete" not in run().stdout.str()
    change(pytester, "pytest.skip('later')", "1 / 0")
    assert "obsolete" not in run().stdout.str()


def test_two_snapshots_of_one_name_are_an_error(run, pytester):
    change(pytester, "assert_structure(net(2))", "assert_structure(net(), 'x'); assert_structure(net(), 'x')")
    assert "two snapshots with the name 'x'" in run("--bmvis-update").stdout.str()


@pytest.mark.parametrize("name", ["../../x", "a/b", "test[../c]", "con\0", "", "..", "x" * 5000, "ünï", "a b"])
def test_a_snapshot_stays_in_its_folder(name):
    safe = file_name(name)
    assert safe not in ("", ".", "..")
    assert len(safe) < 120
    assert not set("/\\\0:") & set(safe)
    assert file_name(name + "!") != safe


def test_the_plugin_imports_nothing_heavy():
    script = (
        "import sys, pytest\nbefore = set(sys.modules)\nimport bmvis.pytest_plugin\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["bmvis"]
