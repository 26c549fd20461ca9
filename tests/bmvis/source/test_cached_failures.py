"""A failure is kept for later builds, with the same report, until what it depends on changes."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from bmvis.errors import BmvisError
from bmvis.source import dependencies
from bmvis.source.source import Source
from bmvis.worker.client import Worker

HEAD = """
import os, subprocess
from pathlib import Path
from torch import nn
OUTSIDE = Path(__file__).parents[2] / "outside"
"""
LASTING = {
    "raises": "raise ValueError('no such size')",
    "returns": "return {}",
    "exits": "print('usage: build SIZE'); raise SystemExit(2)",
    "imports": "import later_module",
    "imports_broken": "import broken_module",
    "opens": "open('data/none.json')",
    "checks": "if not os.path.exists('data/none.json'): raise RuntimeError('run prepare.py first')",
    "opens_outside": "open(OUTSIDE / 'weights.pt')",
    "lists_outside": "raise RuntimeError(f'{len(os.listdir(OUTSIDE))} shards')",
    "reads_variable": "os.environ['BMVIS_TEST_SIZE']",
    "calls": "return nn.Linear(os)",
}
PASSING = {
    "times_out": "raise TimeoutError('late')",
    "has_no_memory": "raise MemoryError",
    "has_no_memory_in_torch": "raise RuntimeError('CUDA out of memory. Tried to allocate 2 GiB')",
    "has_no_disk": "raise OSError(28, 'No space left on device')",
    "has_no_gpu": "raise AssertionError('Torch not compiled with CUDA enabled')",
    "is_interrupted": "raise KeyboardInterrupt",
    "downloads": "import urllib.request; urllib.request.urlopen('http://localhost:1/')",
    "hides_the_download": """
    import urllib.request
    try: urllib.request.urlopen('http://localhost:1/')
    except OSError: raise ValueError('no weights') from None
""",
    "hides_the_cause": """
    try: raise ConnectionError('reset')
    except OSError: raise ValueError('no weights') from None
""",
    "runs_a_program": "subprocess.run(['false']); raise ValueError('git failed')",
    "is_killed": "os.kill(os.getpid(), 9)",
}
CHANCE_HEAD = """
import datetime, logging, numpy, os, random, secrets, tempfile, time, torch, uuid
from time import time as clock
def drawn():
    return random.random() < 2
"""
CERTAIN = {
    "seeds": "random.seed(3); raise ValueError(random.random())",
    "has_its_generator": "raise ValueError(random.Random(3).random())",
    "has_its_numpy_generator": "raise ValueError(numpy.random.default_rng(3).random())",
    "draws_with_torch": "raise ValueError(torch.rand(2, device='cpu').sum().item())",
    "logs": "logging.getLogger('zoo').warning('late'); raise ValueError('late')",
    "makes_a_file": "tempfile.mkdtemp(); raise ValueError('late')",
}
"""Failures of code that reads neither the clock nor random numbers of the system."""
CHANCE = {
    "reads_the_time": "if time.time(): raise ValueError('late')",
    "measures_time": "if time.perf_counter_ns(): raise ValueError('slow')",
    "imports_the_clock": "raise ValueError(clock())",
    "reads_a_formatted_time": "raise ValueError(time.strftime('%H'))",
    "draws": "if random.random() < 2: raise ValueError('unlucky')",
    "draws_by_a_function": "if drawn(): raise ValueError('unlucky')",
    "draws_with_numpy": "if numpy.random.rand() < 2: raise ValueError('unlucky')",
    "draws_with_a_new_generator": "if numpy.random.default_rng().random() < 2: raise ValueError('unlucky')",
    "draws_bytes": "raise ValueError(os.urandom(2))",
    "draws_a_secret": "raise ValueError(secrets.token_hex(2))",
    "makes_a_name": "raise ValueError(uuid.uuid4())",
}
NAMED_CHANCE = {
    "reads_the_date": "raise ValueError(datetime.datetime.now())",
    "reads_today": "raise ValueError(datetime.date.today())",
    "makes_a_generator": "if random.Random().random() < 2: raise ValueError('unlucky')",
    "seeds_by_the_system": "random.seed(); raise ValueError('unlucky')",
    "draws_by_the_system": "raise ValueError(random.SystemRandom().random())",
    "makes_a_name_of_the_time": "raise ValueError(uuid.uuid1())",
}
"""Calls of C code, of which only the name is known: each one is in a module of its own."""
LASTING_NAMES = [
    *LASTING, "zoo:absent", "no_module:build", "zoo:calls(a=1)", *(f"chance:{name}" for name in CERTAIN),
]  # fmt: skip
PASSING_NAMES = [*PASSING, *(f"chance:{name}" for name in CHANCE), *(f"{name}:build" for name in NAMED_CHANCE)]


def reports(project: Path, names) -> dict[str, str]:
    found = {}
    with Source(project, path=["."], cache=Path(".cache")) as models:
        for name in names:
            with pytest.raises(BmvisError) as caught:
                models.resolve(reference(name))
            found[name] = caught.value.report
    return found


def reference(name: str) -> str:
    return name if ":" in name else f"zoo:{name}"


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """A project whose models have failed once, and the report of each one."""
    folder = tmp_path_factory.mktemp("failed")
    project = folder / "first" / "project"
    project.mkdir(parents=True)
    (folder / "outside").mkdir()
    (project / "pyproject.toml").touch()
    (project / "data").mkdir()
    (project / "broken_module.py").write_text("def f(:")
    bodies = "".join(f"def {name}():\n    {body}\n" for name, body in (LASTING | PASSING).items())
    (project / "zoo.py").write_text(HEAD + bodies)
    bodies = "".join(f"def {name}():\n    {body}\n" for name, body in (CERTAIN | CHANCE).items())
    (project / "chance.py").write_text(CHANCE_HEAD + bodies)
    for name, body in NAMED_CHANCE.items():
        (project / f"{name}.py").write_text(f"{CHANCE_HEAD}def build():\n    {body}\n")
    return project, reports(project, [*LASTING_NAMES, *PASSING_NAMES])


def is_changed_outside_checkouts(dependency, value, is_changed=dependencies.is_changed):
    """Ignore the folders on the path of the tests: the hint for a missing module lists them, and others write there."""
    place = os.path.join(dependency.path, "")
    return not any(place.startswith(os.path.join(folder, "")) for folder in sys.path if folder) and is_changed(
        dependency, value
    )


@pytest.fixture
def again(failed, tmp_path, monkeypatch):
    """A copy of the project, the first reports, and the references that a worker is asked for from now on."""
    project, first = failed
    outside = project.parents[1] / "outside"
    copied = project.parents[1] / tmp_path.name
    shutil.copytree(project.parent, copied)
    asked = []

    def note(self, request):
        asked.append(request.reference)
        raise BmvisError("asked")

    monkeypatch.setattr(Worker, "reply", note)
    monkeypatch.setattr(dependencies, "is_changed", is_changed_outside_checkouts)
    yield copied / "project", first, asked
    for file in outside.iterdir():
        file.unlink()


def test_lasting_failures_have_the_same_report_without_a_worker(again):
    project, first, asked = again
    assert reports(project, LASTING_NAMES) == {name: first[name] for name in LASTING_NAMES}
    assert asked == []
    assert re.search(r'"?zoo\.py", line \d+, in raises\n.*no such size', first["raises"])
    assert "Last output:\n    usage: build SIZE" in first["exits"]


def test_passing_failures_are_tried_again(again):
    project, _, asked = again
    reports(project, PASSING_NAMES)
    assert asked == [reference(name) for name in PASSING_NAMES]


def write(name, text=""):
    return lambda project: project.joinpath(name).write_text(text)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        pytest.param("raises", lambda project: project.joinpath("zoo.py").open("a").write("# new"), id="comment"),
        pytest.param("imports", write("later_module.py"), id="module appears"),
        pytest.param("imports_broken", write("broken_module.py"), id="syntax error is fixed"),
        pytest.param("opens", write("data/none.json"), id="file appears"),
        pytest.param("checks", write("data/none.json"), id="checked file appears"),
        pytest.param("opens_outside", write("../../outside/weights.pt"), id="file outside the project appears"),
        pytest.param("lists_outside", write("../../outside/shard"), id="listed folder outside the project"),
        pytest.param("no_module:build", write("no_module.py"), id="missing module appears"),
    ],
)
def test_change_of_what_a_failure_depends_on(again, name, change):
    project, _, asked = again
    reports(project, [name])
    assert asked == []
    change(project)
    reports(project, [name])
    assert asked == [reference(name)]


def test_other_file_of_a_folder_is_no_cause_of_a_missing_module(again):
    project, _, asked = again
    project.joinpath("broken_module.py").write_text("X = 1")
    reports(project, ["no_module:build"])
    assert asked == []


@pytest.mark.parametrize("change", ["variable", "distribution"])
def test_change_of_the_environment(again, monkeypatch, change):
    project, _, asked = again
    if change == "variable":
        monkeypatch.setenv("BMVIS_TEST_SIZE", "3")
    else:
        monkeypatch.setattr("bmvis.source.digest_memo.DigestMemo.of_installed", lambda memo, folder: "another release")
    reports(project, ["reads_variable"])
    assert asked == ["zoo:reads_variable"]


def test_failure_names_its_files_to_preview_servers(again):
    project, _, _ = again
    with Source(project, path=["."], cache=Path(".cache")) as models, pytest.raises(BmvisError) as caught:
        models.resolve("zoo:imports_broken")
    assert {Path(dependency.path).name for dependency in caught.value.dependencies} >= {"zoo.py", "broken_module.py"}
