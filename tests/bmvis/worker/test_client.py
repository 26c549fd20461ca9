"""User code can do anything to its process: the error reports it, the next model is correct, no process remains."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from misbehavior import ENDLESS_TIMEOUT, FAILS, PASSES, module_name, sleepers, write
from waiting import PATIENCE, wait_until

import bmvis
from bmvis.errors import BmvisError
from bmvis.source.source import Source
from bmvis.worker import process_tree

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and process groups"),
    pytest.mark.usefixtures("forked_starts"),
]

MEMORY = 2_000_000_000


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    for title, (body, _) in FAILS.items():
        write(folder, module_name(title), body)
    for title, body in PASSES.items():
        write(folder, module_name(title), f"{body}\nreturn nn.Linear(3, 2)")
    for number in range(len(FAILS) + len(PASSES)):
        write(folder, f"good{number}", "return nn.Linear(3, 2)")
    write(folder, "hang", "import tempfile\ntempfile.mkstemp(prefix='hangs')\nwhile True: pass")
    return folder


@pytest.fixture(scope="module")
def models(project, workspace):
    with Source(project, path=["."], timeout=60, memory=MEMORY) as source:
        yield source


SLOW = ("endless output", "recursion without limit")
"""What `make test` has in another way: 'endless loop', and 'recursion' and 'segfault'."""

good_models = iter(range(len(FAILS) + len(PASSES)))


def assert_next_model_is_correct(models):
    """Build a model that this process, if it is still the same, has not built before."""
    built = models.resolve(f"good{next(good_models)}:build").model
    weight, bias = built.root.parameters
    assert (weight.shape, weight.dtype, weight.device, weight.trainable) == ((2, 3), "float32", "meta", True)
    assert bias.shape == (2,)


def assert_no_model_process_remains(workspace):
    """Assert that at most one worker runs, of a supervisor and one template, and that its folder is empty."""
    folders = list(workspace.iterdir())
    workers = [pid for folder in folders for pid in process_tree._marked(str(folder))]
    assert len(folders) <= 1
    assert len(workers) == (2 if folders else 0)
    assert [file for folder in folders for file in folder.rglob("*")] == [folder / "tmp" for folder in folders]
    assert sleepers() == []


@pytest.mark.parametrize(
    "title", [pytest.param(title, marks=pytest.mark.builds) if title in SLOW else title for title in FAILS]
)
def test_failing_factory_is_reported_with_its_cause(title, models, workspace, monkeypatch):
    if "timed out after" in FAILS[title][1]:
        models.resolve("good0:build")  # torch is imported before the clock starts
        (worker,) = models._builder._workers.values()
        monkeypatch.setattr(worker, "timeout", ENDLESS_TIMEOUT)
    with pytest.raises(BmvisError) as caught:
        models.resolve(f"{module_name(title)}:build", "meta" if title != "1,000 GB" else "cpu")
    assert re.search(FAILS[title][1], caught.value.report)
    assert module_name(title) in caught.value.report
    assert len(caught.value.report) < 10_000
    monkeypatch.undo()
    assert_next_model_is_correct(models)
    assert_no_model_process_remains(workspace)


@pytest.mark.parametrize("title", PASSES)
def test_model_side_effects_do_not_last(title, models, workspace):
    assert models.resolve(f"{module_name(title)}:build").model.root.type == "Linear"
    assert_next_model_is_correct(models)
    assert_no_model_process_remains(workspace)


SCRIPT = """
import signal, sys
from pathlib import Path
from bmvis.source.source import Source
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background is started with SIGINT ignored
with Source(Path(sys.argv[1]), path=["."], timeout=600) as models:
    print("asking", flush=True)
    models.resolve(sys.argv[2])
"""


@pytest.mark.parametrize(
    ("sent", "is_built"),
    [
        pytest.param(signal.SIGINT, False, id="SIGINT while the worker starts"),
        pytest.param(signal.SIGINT, True, id="SIGINT while a model is built", marks=pytest.mark.builds),
        pytest.param(signal.SIGTERM, False, id="SIGTERM while the worker starts", marks=pytest.mark.builds),
        pytest.param(signal.SIGTERM, True, id="SIGTERM while a model is built", marks=pytest.mark.builds),
        pytest.param(signal.SIGKILL, False, id="SIGKILL while the worker starts", marks=pytest.mark.builds),
        pytest.param(signal.SIGKILL, True, id="SIGKILL while a model is built"),
    ],
)
def test_worker_leaves_no_process_or_file(sent, is_built, project, tmp_path):
    """Ctrl-C, termination, and a kill that the build cannot handle."""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    build = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(project), "hang:build"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert build.stdout.readline() == b"asking\n"
    folder = wait_until(lambda: next(tmp_path.glob("bmvis-*"), None))
    assert wait_until(lambda: list(process_tree._marked(str(folder))))
    if is_built:
        assert wait_until(lambda: list(folder.rglob("hangs*")))
    build.send_signal(sent)
    assert build.wait(PATIENCE) != 0
    assert wait_until(lambda: not list(process_tree._marked(str(folder))))
    assert wait_until(lambda: not folder.exists())
    build.stdout.close()


def test_missing_python_is_reported(project):
    with (
        Source(project, python=str(project / "no-python")) as source,
        pytest.raises(BmvisError, match=r"check that .* names a Python interpreter"),
    ):
        source.resolve("good0:build")


def test_python_without_msgspec_is_reported(project, tmp_path):
    """Another Python gets this copy of bmvis, but the dependencies of bmvis must be installed there."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    with (
        Source(project, python=python) as source,
        pytest.raises(BmvisError, match=r"bmvis cannot run in .*msgspec") as caught,
    ):
        source.resolve("good0:build")
    assert "install torch and msgspec" in caught.value.hint


@pytest.mark.builds
def test_another_python_does_not_see_packages_next_to_bmvis(project, tmp_path):
    """Users set another Python because its packages differ from those of the docs build."""
    other = tmp_path / "other-python"  # the same Python under another name
    other.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)
    shutil.copytree(Path(bmvis.__file__).parent, tmp_path / "bmvis")
    (tmp_path / "neighbor.py").touch()
    write(project, "looks", "import bmvis, neighbor")
    code = f"""if True:
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        import neighbor
        from pathlib import Path
        from bmvis.source.source import Source
        with Source(Path(), path=["."], python={str(other)!r}) as source:
            source.resolve("looks:build")
    """
    run = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=False)
    assert "No module named 'neighbor'" in run.stderr
