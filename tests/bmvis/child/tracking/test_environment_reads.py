"""Which environment variables of user code are noticed, when it reads them."""

import os
import string

import pytest

from bmvis.child.tracking.environment_reads import MAX_NAMES, VariableReads
from bmvis.source.environment import variable_digest

PROJECT = "/project/zoo.py"
LIBRARY = "/venv/lib/python3.11/site-packages/library.py"
STANDARD = "/usr/lib/python3.11/other.py"


@pytest.fixture
def noted(monkeypatch):
    names = []
    for name in ("__getitem__", "__iter__"):
        monkeypatch.setattr(type(os.environ), name, getattr(type(os.environ), name))
    monkeypatch.setattr("bmvis.child.tracking.environment_reads.is_foreign", lambda file: file in (LIBRARY, STANDARD))
    VariableReads(lambda file: file == PROJECT, lambda name, _: names.append(name)).install()
    return names


def run(code: str, file: str = PROJECT, **names: object) -> dict[str, object]:
    namespace = {"os": os, "string": string, "__name__": "zoo"} | names
    exec(compile(code, file, "exec"), namespace)
    return namespace


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("os.environ.get('A')", ["A"]),
        ("os.getenv('A', 3)", ["A"]),
        ("os.getenvb(b'A')", ["A"]),
        ("'A' in os.environ", ["A"]),
        ("os.environ.pop('A', 1)", ["A"]),
        ("os.path.expandvars('$A/${B}')", ["A", "B"]),
        ("[os.getenv(name) for name in 'AB']", ["A", "B"]),
        ("for name in os.environ: pass\nos.getenv('A')", ["A"]),
        ("dict(os.environ); os.getenv('A')", ["A"]),
        ("dict(os.environ)", []),
        ("{**os.environ, 'A': 1}", []),
        ("os.environ.copy()", []),
        ("list(os.environ.items())", []),
        ("[v for k, v in os.environ.items() if k.startswith('NET_')]", ["NET_*"]),
        ("[v for k, v in os.environ.items() if k.lower().startswith('net_')]", ["NET_*", "net_*"]),
        ("dict(os.environ).get('WIDTH')", ["WIDTH*"]),
        ("START = 'NET_'\nfor name in os.environ: name.startswith(START)", ["NET_*"]),
        ("def read():\n    return {**os.environ, 'NET_A': 1}\nread()", ["NET_A*"]),
        ("{name: os.environ[name] for name in os.environ}", []),
        ("for name in os.environ: os.environ[name]", []),
        ("string.Template('$A').safe_substitute(os.environ)", ["A"]),
        ("exec('os.getenv(\"A\")')", ["A"]),
        ("(lambda A='', **_: A)(**os.environ)", ["*"]),
        ("dict(**os.environ, A='1')", []),
        ("os.path.expanduser('~')", []),
        ("os.environ.get('TMPDIR'), os.environ.get('BMVIS_WORKER'), os.environ.get('TERM')", []),
        ("os.environ['A'] = '1'; del os.environ['A']", []),
        ("os.environ.get('A\\n::error::'), os.environ.get('A' * 1000)", []),
    ],
)
def test_variables_that_project_code_reads_are_noted(code, names, noted):
    run(code)
    assert noted == names


@pytest.mark.parametrize("file", [LIBRARY, STANDARD])
def test_library_that_the_project_calls_counts_but_for_variables_of_the_machine(file, noted):
    library = run("def read(): os.getenv('A'), os.getenv('HOME')", file)
    run("read()", read=library["read"])
    assert noted == ["A"]


@pytest.mark.parametrize(
    ("code", "module", "names"),
    [
        ("def read(): return {k.lower(): v for k, v in os.environ.items()}", "settings", ["*"]),
        ("def read(): return [k for k in os.environ], list(os.environ)", "settings", ["*"]),
        ("def read(): return os.environ.copy()", "settings", []),
        ("def read(): return [k for k in os.environ]", "urllib.request", []),
    ],
)
def test_library_that_reads_the_whole_environment_for_the_project_counts(code, module, names, noted):
    library = run(code, LIBRARY, __name__=module)
    run("read()", read=library["read"])
    assert noted == names


def test_library_that_reads_the_whole_environment_when_imported_does_not_count(noted):
    run("read('[k for k in os.environ]')", read=lambda code: run(code, LIBRARY))
    assert noted == []


@pytest.mark.parametrize("file", [LIBRARY, STANDARD])
def test_variables_that_a_library_reads_when_imported_do_not_count(file, noted):
    run("read('os.getenv(\"A\")')", read=lambda code: run(code, file))
    assert noted == []


def test_number_of_names_is_limited(noted):
    run(f"for number in range({2 * MAX_NAMES}): os.getenv(f'A{{number}}')")
    assert len(noted) == MAX_NAMES


def test_digest_of_variables_that_start_with_a_text_changes_with_each_of_them():
    values = [{}, {"NET_A": "1"}, {"NET_A": "2"}, {"NET_A": "1", "NET_B": "1"}]
    assert len({variable_digest("NET_*", value) for value in values}) == 4
    assert variable_digest("NET_*", {}) == variable_digest("NET_*", {"OTHER": "1"}) == ""
    assert variable_digest("BMVIS*", {"BMVIS_WORKER": "1"}) == variable_digest("TERM*", {"TERM": "x"}) == ""


def test_digest_of_all_variables_leaves_out_those_of_the_machine_and_of_the_command():
    left_out = {
        "HOME": "/",
        "PATH": "/bin",
        "GITHUB_RUN_ID": "1",
        "VIRTUAL_ENV": "/v",
        "TERM": "x",
        "BMVIS_WORKER": "1",
    }
    assert variable_digest("*", {"WIDTH": "1"} | left_out) == variable_digest("*", {"WIDTH": "1"}) != ""
    assert variable_digest("*", left_out) == ""


def test_digest_of_a_variable_changes_with_its_value_and_name():
    values = [variable_digest(name, {"A": value, "B": value}) for name in "AB" for value in ("", "secret", "secret2")]
    assert len(set(values)) == len(values)
    assert max(map(len, values)) == 8
    assert variable_digest("A", {}) == ""
