"""User code may do what it likes to its process: the message tells, the next model is right, nothing remains."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import time

import pytest

from bmvis import processes
from bmvis.errors import BmvisError
from bmvis.source import Source

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and process groups as POSIX has them")

GOOD = "def build(): return nn.Linear(3, 2)"
MEMORY = 2_000_000_000

FAILS = {
    "raises": ("raise ValueError('no such size')", r"raised ValueError: no such size"),
    "SystemExit": ("raise SystemExit(3)", r"raised SystemExit: 3"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", r"raised KeyboardInterrupt"),
    "_exit": ("print('bye', flush=True); os._exit(7)", r"ended with exit code 7(.|\n)*bye"),
    "exit without error": ("os._exit(0)", r"ended with exit code 0"),
    "segfault": ("ctypes.string_at(0)", r"killed by SIGSEGV"),
    "signal": ("os.kill(os.getpid(), signal.SIGTERM)", r"killed by SIGTERM"),
    "endless loop": ("print('still here', flush=True)\nwhile True: pass", r"longer than 2 s(.|\n)*still here"),
    "endless output": (
        "while True:\n    sys.stdout.write('out' * 1000); sys.stderr.write('err' * 1000)",
        r"longer than 2 s(.|\n)*out",
    ),
    "a thousand gigabytes": ("return nn.Linear(500_000, 500_000, device='cpu')", r"memory"),
    "memory limit": ("return [bytearray(10**8) for _ in range(40)]", r"raised MemoryError"),
    "recursion": ("build()", r"raised RecursionError"),
    "recursion without limit": (
        "sys.setrecursionlimit(10**9)\n(deep := lambda f: f(f))(lambda f: [f(f)])",
        r"killed by SIG|raised|longer than",
    ),
    "returns nothing": ("pass", r"returned a NoneType"),
    "broken class": (
        "class Broken(nn.Module):\n"
        "    _modules = property(lambda self: 1 / 0, lambda self, value: None)\n"
        "return Broken()",
        r"ZeroDivisionError",
    ),
}

PASSES = {
    "closes file descriptors": "os.closerange(0, 200)",
    "closes standard streams": "sys.stdout.close(); sys.stderr.close(); sys.stdin.close()",
    "changes directory and environment": (
        "os.chdir('/'); os.environ.clear(); sys.path.clear(); os.environ['PYTHONPATH'] = '/nowhere'"
    ),
    "leaves a thread": "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
    "leaves a busy thread": "threading.Thread(target=spin).start()",
    "leaves a process": "subprocess.Popen(['sleep', '600'])",
    "leaves a process in another session": "subprocess.Popen(['sleep', '600'], start_new_session=True)",
    "leaves a daemon": (
        "subprocess.run([sys.executable, '-c',\n"
        "    \"import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True, env={})\"])"
    ),
    "leaves a fork": "if os.fork() == 0:\n    os.setsid()\n    time.sleep(600)",
    "prints binary junk": "os.write(1, bytes(range(256)) * 1000); os.write(2, b'\\xff\\xfe' * 1000)",
    "deletes itself": "del sys.modules[__name__]",
    "deletes torch": "for name in list(sys.modules):\n    if name.startswith('torch'): del sys.modules[name]",
    "sets the default dtype": "torch.set_default_dtype(torch.float64)",
    "sets the default device": "torch.set_default_device('meta')",
    "turns gradients off": "torch.set_grad_enabled(False); torch.inference_mode().__enter__()",
    "patches nn.Module": "made = nn.Linear(3, 2)\nnn.Module.register_parameter = lambda *_, **__: None\nreturn made",
    "patches nn.Linear": "nn.Linear.__init__ = lambda self, *_: nn.Module.__init__(self)",
    "warns a thousand times": "for n in range(1000): warnings.warn(f'warning {n}')",
    "replaces standard output": "sys.stdout = sys.stderr = None",
    "ignores signals": "for s in (signal.SIGTERM, signal.SIGINT): signal.signal(s, signal.SIG_IGN)",
}

HEADER = """\
import ctypes, os, signal, subprocess, sys, threading, time, warnings
import torch
from torch import nn

def spin():
    while True: time.sleep(0.1)

"""


def write(folder, name, body):
    (folder / f"{name}.py").write_text(HEADER + "def build():\n" + textwrap.indent(body, "    ") + "\n")


def module_name(title):
    return "case_" + re.sub(r"\W", "_", title)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    for title, (body, _) in FAILS.items():
        write(folder, module_name(title), body)
    for title, body in PASSES.items():
        write(folder, module_name(title), f"{body}\nreturn nn.Linear(3, 2)")
    for number in range(len(FAILS) + len(PASSES)):
        write(folder, f"good{number}", "return nn.Linear(3, 2)")
    write(folder, "hang", "while True: pass")
    write(folder, "hang_in_c", "subprocess.Popen(['sleep', '600'], start_new_session=True)\nre = sum(range(10**12))")
    return folder


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """Where temporary files go in this module's tests."""
    folder = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        patch.setenv("TMPDIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def models(project, workspace):
    with Source(project, path=["."], timeout=60, memory=MEMORY) as source:
        yield source


good_models = iter(range(len(FAILS) + len(PASSES)))


def assert_next_model_is_right(models):
    """Ask for a model that this process, if it is still the same, has not built before."""
    built = models.resolve(f"good{next(good_models)}:build").model
    weight, bias = built.root.parameters
    assert (weight.shape, weight.dtype, weight.device, weight.trainable) == ((2, 3), "float32", "meta", True)
    assert bias.shape == (2,)


def assert_one_process_remains(workspace):
    """At most one worker, without children, and its folder, which holds nothing."""
    folders = list(workspace.iterdir())
    workers = [pid for folder in folders for pid in processes._marked(str(folder))]
    assert len(folders) == len(workers) <= 1
    assert [file for folder in folders for file in folder.iterdir()] == []
    assert sleepers() == []


def sleepers():
    found = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if re.search(r" sleep 600$", line)]


@pytest.mark.parametrize("title", FAILS)
def test_failure_is_told(title, models, workspace, monkeypatch):
    if "longer than" in FAILS[title][1]:
        models.resolve("good0:build")  # torch is imported before the clock starts
        monkeypatch.setattr(models._worker, "timeout", 2)
    with pytest.raises(BmvisError) as caught:
        models.resolve(f"{module_name(title)}:build", "meta" if title != "a thousand gigabytes" else "cpu")
    assert re.search(FAILS[title][1], caught.value.report)
    assert module_name(title) in caught.value.report
    assert len(caught.value.report) < 10_000
    monkeypatch.undo()
    assert_next_model_is_right(models)
    assert_one_process_remains(workspace)


@pytest.mark.parametrize("title", PASSES)
def test_what_a_model_does_does_not_last(title, models, workspace):
    assert models.resolve(f"{module_name(title)}:build").model.root.type == "Linear"
    assert_next_model_is_right(models)
    assert_one_process_remains(workspace)


def test_one_process_builds_all_models_that_behave(project, workspace):
    """Also those whose libraries replace modules, patch torch and keep threads of their own."""
    write(
        project,
        "libraries",
        "import peft, transformers\nmodel = transformers.BertModel(transformers.BertConfig(num_hidden_layers=1))\n"
        "return peft.get_peft_model(model, peft.LoraConfig(target_modules=['query']))",
    )
    write(
        project, "who", "model = nn.Linear(1, 1)\nmodel.add_module(f'pid{os.getpid()}', nn.Linear(1, 1))\nreturn model"
    )
    with Source(project, path=["."]) as source:
        first = source.resolve("who:build").model
        assert any(
            parameter.delta
            for module in source.resolve("libraries:build").model.modules
            for parameter in module.parameters
        )
        for number in range(3):
            source.resolve(f"good{number}:build")
        assert source.resolve("who:build()").model == first


SCRIPT = """
import sys
from pathlib import Path
from bmvis.source import Source
with Source(Path(sys.argv[1]), path=["."], timeout=20) as models:
    print("asking", flush=True)
    models.resolve(sys.argv[2])
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda sent: sent.name)
def test_nothing_outlives_the_build(sent, project, tmp_path):
    """Ctrl-C, an ordinary end, and an end that the build cannot see."""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    build = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(project), "hang:build"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert build.stdout.readline() == b"asking\n"
    folder = wait_for(lambda: next(tmp_path.iterdir(), None))
    assert wait_for(lambda: list(processes._marked(str(folder))))
    time.sleep(1)
    build.send_signal(sent)
    assert build.wait(10) != 0
    assert wait_for(lambda: not list(processes._marked(str(folder))))
    assert wait_for(lambda: not list(tmp_path.iterdir()))
    build.stdout.close()


def wait_for(condition, seconds=10.0):
    ends = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < ends:
        time.sleep(0.02)
    return found


def test_a_python_that_is_none(project):
    with (
        Source(project, python=str(project / "no-python")) as source,
        pytest.raises(BmvisError, match=r"is .* a Python"),
    ):
        source.resolve("good0:build")


def test_a_python_without_msgspec(project, tmp_path):
    """Another Python finds this bmvis, but what bmvis needs must be installed there."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    with (
        Source(project, python=python) as source,
        pytest.raises(BmvisError, match=r"bmvis cannot run in .*msgspec") as caught,
    ):
        source.resolve("good0:build")
    assert "install bmvis" in caught.value.hint
