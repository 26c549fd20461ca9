"""Each model is built in a separate process state: its tree does not depend on models that were built before."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from workers import build as build_in

from bmvis.child.processes.user_process import OWN_MODULES
from bmvis.errors import BmvisError
from bmvis.model.tree import Model
from bmvis.source.dependencies import CurrentValues
from bmvis.source.source import Source
from bmvis.worker.client import Worker

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and process groups")

LEAKS = {
    "counter in names": (
        "COUNT = [0]\ndef name():\n    COUNT[0] += 1\n    return f'layer{COUNT[0]}'",
        "model = nn.Module(); model.add_module(name(), nn.Linear(3, 2)); return model",
        "model = nn.Module(); model.add_module(name(), nn.Linear(2, 2)); return model",
    ),
    "configuration at module level": (
        "CFG = {'width': 2}\ndef wider():\n    CFG['width'] *= 2\n    return CFG['width']",
        "return nn.Linear(wider(), 1)",
        "return nn.Linear(CFG['width'], 1)",
    ),
    "cached base that is changed in place": (
        "import functools\n@functools.lru_cache\ndef base(): return nn.Sequential(nn.Linear(3, 2))",
        "model = base(); model[0].weight.requires_grad_(False); model.append(nn.Linear(2, 1)); return model",
        "return base()",
    ),
    "replaced class of a library": (
        "class Fast(nn.LayerNorm): pass",
        "nn.LayerNorm = Fast; return nn.LayerNorm(3)",
        "return nn.LayerNorm(3)",
    ),
    "registration hook": (
        "from torch.nn.modules import module as hooks\n"
        "def freeze(module, name, value):\n    if value is not None: value.requires_grad_(False)",
        "hooks.register_module_parameter_registration_hook(freeze); return nn.Linear(3, 2)",
        "return nn.Linear(3, 2)",
    ),
    "replaced function of gc": (
        "import gc",
        "gc.collect = gc.get_objects = None; return nn.Linear(3, 2)",
        "gc.collect(); return nn.Linear(3, 2)",
    ),
    "timer": (
        "import signal, time",
        "signal.setitimer(signal.ITIMER_REAL, 2); return nn.Linear(3, 2)",
        "time.sleep(2.2); return nn.Linear(3, 2)",
    ),
    "resource limit": (
        "import resource",
        "resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4)); return nn.Linear(3, 2)",
        "open(os.devnull).close(); return nn.Linear(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 10**9 + 2)",
    ),
    "environment, path and directory": (
        "import sys",
        "os.environ['WIDTH'] = '5'; sys.path.insert(0, '/nowhere'); os.chdir('/'); return nn.Linear(3, 2)",
        "clean = os.getcwd() != '/' and '/nowhere' not in sys.path\n"
        "return nn.Linear(int(os.environ.get('WIDTH', 2)), 2 if clean else 9)",
    ),
    "process group": (
        "import torch.distributed as dist\nDIST = dict(rank=0, world_size=1, store=dist.HashStore())",
        "dist.init_process_group('gloo', **DIST); return nn.Linear(3, 2)",
        "dist.init_process_group('gloo', **DIST); return nn.Linear(2, 2)",
    ),
    "kernels of the CPU": (
        "def compute(): return float((torch.ones(400, 400, device='cpu') @ torch.ones(400, 400, device='cpu')).sum())",
        "compute(); return nn.Linear(3, 2)",
        "compute(); return nn.Linear(2, 2)",
    ),
    "default dtype": (
        "",
        "torch.set_default_dtype(torch.float64); return nn.Linear(3, 2)",
        "return nn.Linear(3, 2)",
    ),
    "random state": (
        "import random",
        "random.seed(1); return nn.Linear(3, 2)",
        "return nn.Linear(3, 2)",
    ),
    "PEFT on a cached base": (
        "import functools, peft, transformers\n"
        "@functools.lru_cache\n"
        "def base(): return transformers.BertModel(transformers.BertConfig(num_hidden_layers=1))",
        "return peft.get_peft_model(base(), peft.LoraConfig(target_modules=['query']))",
        "return base()",
    ),
    "kernel library that replaces a class of transformers": (
        "from transformers import LlamaConfig, LlamaModel\n"
        "from transformers.models.llama import modeling_llama\n"
        "CONFIG = LlamaConfig(num_hidden_layers=1, vocab_size=8)\n"
        "class FastRMSNorm(modeling_llama.LlamaRMSNorm): pass",
        "modeling_llama.LlamaRMSNorm = FastRMSNorm; return LlamaModel(CONFIG)",
        "return LlamaModel(CONFIG)",
    ),
}
"""Code of a module, and bodies of two factories: the first changes the process state, the second depends on it."""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    for number, (shared, first, second) in enumerate(LEAKS.values()):
        body = f"import os\nimport torch\nfrom torch import nn\n{shared}\n"
        for name, code in (("changes", first), ("depends", second)):
            body += f"def {name}():\n{textwrap.indent(code, '    ')}\n"
        (folder / f"leak{number}.py").write_text(body)
    return folder


REFERENCES = [f"leak{number}:{name}" for number in range(len(LEAKS)) for name in ("changes", "depends")]


@pytest.fixture(scope="module")
def in_two_orders(project):
    """Return by reference the model that a worker builds in the order of `REFERENCES`, and in the reverse order.

    Whatever a model changes reaches another one in one of the two orders only.
    """
    found = {reference: [] for reference in REFERENCES}
    for order in (REFERENCES, REFERENCES[::-1]):
        with Source(project, path=["."], timeout=300) as source:
            for reference in order:
                try:
                    found[reference].append(source.resolve(reference).model)
                except BmvisError as error:
                    found[reference].append(error)
    return found


@pytest.mark.parametrize("name", ["changes", "depends"])
@pytest.mark.parametrize("title", LEAKS)
def test_order_of_models_does_not_matter(title, name, in_two_orders):
    first, second = in_two_orders[f"leak{list(LEAKS).index(title)}:{name}"]
    assert isinstance(first, Model), first.report
    assert first == second


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    with Worker(tmp_path_factory.mktemp("project"), memory=2_000_000_000) as worker:
        yield worker


def test_edited_source_is_seen_in_the_same_build(worker, tmp_path):
    for width in (2, 3, 4):
        (tmp_path / "edited.py").write_text(
            f"from torch import nn\ndef build(): return nn.Linear({width}, 1)\n{'# ' * width}"
        )
        built = build_in(worker, "edited:build", tmp_path).model
        assert built.root.parameters[0].shape == (1, width)


def test_own_package_named_like_a_preloaded_library(tmp_path):
    """Preloaded libraries must not shadow modules of the project."""
    for name, code in {
        "first": "import transformers\nfrom torch import nn\ndef build(): return nn.Linear(1, 1)",
        "own/accelerate/__init__": "from torch import nn\nclass Mine(nn.Linear): pass",
        "own/second": "import accelerate\ndef build(): return accelerate.Mine(1, 1)",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.py").write_text(code)
    with Source(tmp_path, path=["own", "."]) as source:
        assert source.resolve("first:build").model.root.type == "Linear"
        assert source.resolve("second:build").model.root.type == "Mine"


def test_environment_set_before_an_import_reaches_the_library(tmp_path):
    for number, value in enumerate(["", "os.environ['HF_HUB_OFFLINE'] = '1'"]):
        (tmp_path / f"offline{number}.py").write_text(
            f"import os\nfrom torch import nn\ndef build():\n    {value or 'pass'}\n"
            "    from huggingface_hub import constants\n    return nn.Linear(1, 1 + bool(constants.HF_HUB_OFFLINE))\n"
        )
    with Source(tmp_path, path=["."]) as source:
        for number in (0, 0, 1):
            built = source.resolve(f"offline{number}:build", "meta").model
            assert built.root.parameters[0].shape == (1 + number, 1)


@pytest.mark.parametrize("name", ["resource", "msgspec", "sysconfig", "decimal", "tomllib"])
def test_own_module_named_like_a_dependency_of_bmvis(name, worker, tmp_path):
    (tmp_path / f"{name}.py").write_text("from torch import nn\ndef build(): return nn.Linear(3, 2)\n")
    assert build_in(worker, f"{name}:build", tmp_path).model.root.type == "Linear"
    with pytest.raises(BmvisError, match="has no 'absent'"):
        build_in(worker, f"{name}:absent", tmp_path)


def top_level_modules(code):
    """Return the names of the top-level modules that code imports in a new interpreter."""
    code = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_modules_that_bmvis_alone_imports_are_known():
    """A module of the project may have the name of any of them."""
    needed = top_level_modules("import torch\nwith torch.device('meta'): torch.nn.Linear(1, 1)")
    loaded = top_level_modules(
        "import bmvis.child.replies\n"
        "from bmvis.child.processes import fork_template, single_process, supervisor\n"
        "from bmvis.child.processes.user_process import import_own_modules\nimport_own_modules()"
    )
    assert loaded - needed - set(OWN_MODULES) == {"bmvis"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks model processes")
def test_library_that_cannot_be_preloaded_leaves_no_descriptor_in_later_models(tmp_path, monkeypatch):
    """A library that starts a thread ends the template that imports it, whose socket is then of no use."""
    libraries = tmp_path / "site-packages"
    library = libraries / "threaded_library"
    library.mkdir(parents=True)
    (libraries / "threaded-1.0.dist-info").mkdir()
    for number in range(30):  # libraries with few modules are not preloaded
        (library / f"part{number}.py").touch()
    (library / "__init__.py").write_text(
        "import importlib, threading, time\n"
        "for number in range(30): importlib.import_module(f'threaded_library.part{number}')\n"
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    )
    (tmp_path / "zoo.py").write_text(
        "import os\nfrom torch import nn\n"
        "def count(when): return nn.Linear(len(os.listdir('/proc/self/fd')), 1)\n"
        "def threaded():\n    import threaded_library\n    return nn.Linear(1, 1)\n"
    )
    monkeypatch.syspath_prepend(str(libraries))
    with Source(tmp_path, path=["."]) as source:
        before = source.resolve("zoo:count('before')").model
        assert source.resolve("zoo:threaded").model.root.type == "Linear"
        assert source.resolve("zoo:count('after')").model == before


def add_library(folder, name, code):
    """Create a distribution with a package of 31 modules: smaller ones are not preloaded."""
    package = folder / name
    package.mkdir(parents=True)
    (folder / f"{name}-1.0.dist-info").mkdir()
    for number in range(30):
        (package / f"part{number}.py").touch()
    parts = f"import importlib\nfor number in range(30): importlib.import_module(f'{name}.part{{number}}')\n"
    (package / "__init__.py").write_text(f"{parts}{code}\n")
    return folder


THREAD = "import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks model processes")
@pytest.mark.parametrize(
    ("code", "is_renamed"),
    [
        pytest.param("import second_library", False, id="project has a module of the name"),
        pytest.param("import second_library", True, id="until it is renamed"),
        pytest.param(THREAD, False, id="starts a thread"),
    ],
)
def test_model_is_started_once_if_its_library_is_known_not_to_be_preloaded(code, is_renamed, tmp_path, monkeypatch):
    libraries = add_library(tmp_path / "site-packages", "first_library", code)
    add_library(libraries, "second_library", "")
    project = tmp_path / "project"
    project.mkdir()
    (project / "second_library.py").touch()
    for number in range(4):
        (project / f"zoo{number}.py").write_text(
            "import os\nfrom torch import nn\nopen('starts', 'a').write('x')\nimport first_library\n"
            "def build(): return nn.Linear(1, 1)\n"
        )
    monkeypatch.syspath_prepend(str(libraries))
    starts = []
    with Source(project, path=["."]) as source:
        for number in range(4):
            if is_renamed and number == 2:
                (project / "second_library.py").rename(project / "third_library.py")
            (project / "starts").write_text("")
            assert source.resolve(f"zoo{number}:build").model.root.type == "Linear"
            starts.append(len((project / "starts").read_text()))
    assert starts == ([2, 1, 2, 2] if is_renamed else [2, 1, 1, 1])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks model processes")
def test_model_of_transformers_is_preloaded(tmp_path):
    """The second model imports nothing: the template has the module of the first one."""
    (tmp_path / "zoo.py").write_text(
        "import sys, transformers\nfrom torch import nn\n"
        "BEFORE = 'transformers.models.bert.modeling_bert' in sys.modules\n"
        "def build(width): return nn.ModuleList([transformers.BertModel(transformers.BertConfig(vocab_size=9)),"
        " nn.Linear(1, 1 + BEFORE)])\n"
    )
    with Source(tmp_path, path=["."]) as source:
        source.resolve("zoo:build(1)")
        assert source.resolve("zoo:build(2)").model.modules[-1].parameters[0].shape == (2, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks model processes")
def test_process_that_cannot_fork_imports_torch_once(tmp_path, monkeypatch):
    """A backend of torch that starts a thread is imported with it: https://docs.pytorch.org/tutorials/unstable/python_extension_autoload.html."""
    libraries = add_library(
        tmp_path / "site-packages", "backend", f"def load(): open({str(tmp_path / 'log')!r}, 'a').write('x'); {THREAD}"
    )
    (libraries / "backend-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: backend\nVersion: 1.0\n")
    (libraries / "backend-1.0.dist-info/entry_points.txt").write_text("[torch.backends]\nbackend = backend:load\n")
    (tmp_path / "zoo.py").write_text("from torch import nn\ndef build(size): return nn.Linear(size, 1)\n")
    monkeypatch.syspath_prepend(str(libraries))
    with Source(tmp_path, path=["."]) as source:
        for size in (1, 2, 3):
            assert source.resolve(f"zoo:build({size})").model.root.type == "Linear"
    assert (tmp_path / "log").read_text() == "x" * 4  # in the process that would fork, and for each model


EFFECTS = {
    "class of the library": "import effects\nclass Fast(effects.Block): pass\neffects.Block = Fast\n",
    "method of the library": "import effects\neffects.Block.extra_repr = lambda self: 'fast'\n",
    "method in torch": "from torch import nn\nnn.Linear.extra_repr = lambda self: 'fast'\n",
    "entry of a dictionary": "import effects\neffects.CONFIG['width'] = 9\n",
    "attribute of an instance": "import effects\neffects.SETTINGS.width = 9\n",
    "public name": "import effects\neffects.WIDTH = 9\n",
    "class replaced before a failure": (
        "import effects\nclass Fast(effects.Block): pass\neffects.Block = Fast\nraise ImportError\n"
    ),
    "class of torch": "import torch\nclass Fast(torch.nn.LayerNorm): pass\ntorch.nn.LayerNorm = Fast\n",
    "hook of torch": (
        "from torch.nn.modules import module as hooks\n"
        "def freeze(module, name, value): return None if value is None else value.requires_grad_(False)\n"
        "hooks.register_module_parameter_registration_hook(freeze)\n"
    ),
    "function of the standard library": "import json\njson.loads = lambda text: 9\n",
    "built-in name": "import builtins\nbuiltins.WIDTH = 9\n",
    "environment": "import os\nos.environ['EFFECTS'] = '9'\n",
    "default dtype": "import torch\ntorch.set_default_dtype(torch.float64)\n",
    "working directory": "import os\nos.chdir('/')\n",
    "warnings": "import warnings\nwarnings.simplefilter('error')\n",
    "new key": "import effects\neffects.CONFIG['new'] = 1\n",
    "new item of a list": "import effects\neffects.NAMES.append('new')\n",
    "new item of a set": "import effects\neffects.KINDS.add('new')\n",
    "item that goes": "import effects\neffects.NAMES.remove('net')\n",
    "private registry": "import effects\neffects._registered['new'] = len\n",
    "registry of a class": "import effects\nclass Wide(effects.Plugin): pass\n",
    "registry in an instance": "import effects\neffects.MODELS.found['new'] = len\n",
    "new name": "import effects\neffects.NEW = 1\n",
    "method of a class of the standard library": "import json\njson.JSONEncoder.default = lambda self, one: 9\n",
    "default device": "import torch\ntorch.set_default_device('meta')\n",
    "grad mode": "import torch\ntorch.set_grad_enabled(False)\n",
    "seed": "import random\nrandom.seed(0)\n",
    "seed of torch": "import torch\ntorch.manual_seed(0)\n",
    "recursion limit": "import sys\nsys.setrecursionlimit(5000)\n",
    "log level": "import logging\nlogging.disable(logging.ERROR)\n",
}
"""Submodules of an installed library whose import changes something that a later model can observe."""
HARMLESS = {
    "private cache": "import effects\neffects._cache = {}\n",
    "new class": "import effects\nclass Wide(effects.Block): pass\n",
    "another submodule": "import effects.other\n",
    "name that a lazy module adds": "import effects.lazy\neffects.lazy.Net\n",
}
LIBRARY = """
import types
from torch import nn
class Block(nn.Linear): pass
CONFIG = {"width": 3}
WIDTH = 3
NAMES = ["net"]
KINDS = set()
_registered = {}
class Registry:
    def __init__(self): self.found = {}
MODELS = Registry()
class Plugin:
    known = []
    def __init_subclass__(cls): cls.known.append(cls)
SETTINGS = types.SimpleNamespace(width=3)
_cache = None
from effects import lazy
"""
LAZY = """
def __getattr__(name):
    if name != "Net": raise AttributeError(name)
    from effects.other import Net
    globals()[name] = Net
    return Net
"""


@pytest.fixture(scope="module")
def effects(tmp_path_factory):
    """Create an installed library with a submodule for each effect, and return the folder of libraries."""
    library = tmp_path_factory.mktemp("lib") / "site-packages" / "effects"
    library.mkdir(parents=True)
    (library.parent / "effects-1.0.dist-info").mkdir()
    (library / "__init__.py").write_text(LIBRARY)
    (library / "lazy.py").write_text(LAZY)
    (library / "other.py").write_text("class Net: pass")
    for number, code in enumerate({**EFFECTS, **HARMLESS}.values()):
        (library / f"part{number}.py").write_text(code)
    return library.parent


@pytest.fixture(scope="module")
def found_effects(effects):
    """The effect that is found after the import of each submodule, each in a fork of one process."""
    code = (
        "import importlib, os, sys\n"
        "sys.path.append(sys.argv[1])\n"
        "import torch, effects\n"
        "from bmvis.child.processes.import_effects import ProcessState\n"
        f"for number in range({len(EFFECTS) + len(HARMLESS)}):\n"
        "    if (pid := os.fork()):\n        os.waitpid(pid, 0)\n        continue\n"
        "    state = ProcessState()\n"
        "    try: importlib.import_module(f'effects.part{number}')\n"
        "    except ImportError: pass\n"
        "    print(state.change() or '-', flush=True)\n"
        "    os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(effects)], capture_output=True, text=True, check=True)
    return dict(zip((*EFFECTS, *HARMLESS), done.stdout.splitlines(), strict=True))


@pytest.mark.parametrize("effect", EFFECTS)
def test_import_with_an_effect_on_other_models_is_found(effect, found_effects):
    assert found_effects[effect] != "-"


@pytest.mark.parametrize("import_", HARMLESS)
def test_import_without_an_effect_is_preloaded(import_, found_effects):
    assert found_effects[import_] == "-"


def test_submodule_that_one_model_imports_registers_nothing_for_others(effects, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(effects))
    part = list(EFFECTS).index("new item of a list")
    (tmp_path / "zoo.py").write_text(
        "from torch import nn\n"
        f"def more():\n    import effects.part{part}\n    return nn.Linear(len(effects.NAMES), 1)\n"
        "def fewer():\n    import effects\n    return nn.Linear(len(effects.NAMES), 1)\n"
    )
    with Source(tmp_path, path=["."]) as source:
        shapes = [source.resolve(f"zoo:{name}").model.root.parameters[0].shape for name in ("more", "more()", "fewer")]
    assert shapes == [(1, 2), (1, 2), (1, 1)]


@pytest.mark.parametrize("effect", ["class of the library", "hook of torch", "class replaced before a failure"])
def test_import_of_a_submodule_changes_no_later_model(effect, effects, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(effects))
    part = list(EFFECTS).index(effect)
    (tmp_path / "zoo.py").write_text(
        "from torch import nn\n"
        f"def patched():\n    import effects\n    try: import effects.part{part}\n    except ImportError: pass\n"
        "    return effects.Block(3, 2)\n"
        "def plain():\n    import effects\n    return effects.Block(3, 2)\n"
    )
    with Source(tmp_path, path=["."]) as source:
        patched, plain = (source.resolve(f"zoo:{name}").model.root for name in ("patched", "plain"))
    assert (plain.type, plain.parameters[0].trainable) == ("Block", True)
    assert (patched.type, patched.parameters[0].trainable) != ("Block", True)


@pytest.mark.parametrize(("name", "text"), [("settings.txt", "4"), ("optional_part.py", "WIDTH = 4")])
def test_library_that_reads_the_project_when_imported(name, text, tmp_path, monkeypatch):
    """Libraries are imported in a template, before the code of the project runs."""
    library = tmp_path / "lib" / "site-packages" / "curious"
    library.mkdir(parents=True)
    (library.parent / "curious-1.0.dist-info").mkdir()
    (library / "__init__.py").write_text(
        "from pathlib import Path\nfile = Path('settings.txt')\nWIDTH = int(file.read_text()) if file.exists() else 3\n"
        "try: from optional_part import WIDTH\nexcept ImportError: pass\n"
    )
    project = tmp_path / "project"
    project.mkdir()
    (project / "zoo.py").write_text(
        "import curious\nfrom torch import nn\ndef build(): return nn.Linear(curious.WIDTH, 1)"
    )
    monkeypatch.syspath_prepend(str(library.parent))
    for width in (3, 4):
        with Source(project, path=["."], cache=Path("cache")) as source:
            built = source.resolve("zoo:build")
        assert built.model.root.parameters[0].shape == (1, width)
        if width == 3:
            (project / name).write_text(text)
            assert CurrentValues().first_change(built.dependencies)


def test_processes_of_models_start_like_others(tmp_path):
    """The worker starts with PYTHONSAFEPATH, with which a script does not find modules in its folder."""
    (tmp_path / "zoo.py").write_text(
        "import os\nfrom torch import nn\ndef build(): return nn.Linear(1 + ('PYTHONSAFEPATH' in os.environ), 1)\n"
    )
    with Source(tmp_path, path=["."]) as source:
        assert source.resolve("zoo:build").model.root.parameters[0].shape == (1, 1)


def test_output_before_a_system_exit_is_shown(tmp_path):
    (tmp_path / "command.py").write_text(
        "import argparse, sys\nfrom torch import nn\nassert sys.argv == ['bmvis']\n"
        "def build():\n    argparse.ArgumentParser().parse_args(['--wrong'])\n"
    )
    with Source(tmp_path, path=["."]) as source, pytest.raises(BmvisError) as caught:
        source.resolve("command:build")
    assert "usage: bmvis" in caught.value.report


def test_added_site_folder_reaches_the_worker(tmp_path, monkeypatch):
    """`site.addsitedir`, PEX and Bazel add entries to `sys.path` that a new interpreter does not have."""
    libraries = tmp_path / "libraries"
    (libraries / "extra-1.0.dist-info").mkdir(parents=True)
    (libraries / "extra_library.py").write_text("WIDTH = 7\n")
    (tmp_path / "zoo.py").write_text(
        "import extra_library\nfrom torch import nn\ndef build(): return nn.Linear(extra_library.WIDTH, 1)\n"
    )
    monkeypatch.syspath_prepend(str(libraries))
    with Source(tmp_path, path=["."]) as source:
        assert source.resolve("zoo:build").model.root.parameters[0].shape == (1, 7)
