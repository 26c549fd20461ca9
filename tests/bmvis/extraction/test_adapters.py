"""Deltas of OpenDelta, loralib, AdapterHub, and of any library that registers a detector."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
import torch
from captured import deltas
from small_models import bert
from torch import nn

import bmvis
from bmvis.errors import BmvisError, DetectorError
from bmvis.extraction import adapters
from bmvis.source.source import Source


def test_parameter_marked_by_opendelta_is_a_delta_even_if_frozen():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[0].bias._is_delta = True
    model[1].bias._is_delta = True
    model[1].requires_grad_(False)
    assert deltas(model) == {"0.bias": "", "1.bias": ""}
    assert [p.trainable for m in bmvis.capture(model).modules for p in m.parameters if p.delta] == [True, False]


@pytest.mark.parametrize(
    ("layer", "arguments"),
    [("Linear", (4, 4)), ("Embedding", (4, 4)), ("Conv2d", (4, 4, 3)), ("MergedLinear", (4, 4))],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_loralib_layers_have_deltas(layer, arguments):
    loralib = pytest.importorskip("loralib")
    options = {"enable_lora": [True, False]} if layer == "MergedLinear" else {}
    model = nn.Sequential(getattr(loralib, layer)(*arguments, r=2, **options))
    assert deltas(model) == {"0.lora_A": "", "0.lora_B": ""}


def test_loralib_merges_for_evaluation():
    loralib = pytest.importorskip("loralib")
    model = nn.Sequential(loralib.Linear(4, 4, r=2)).eval()
    assert set(deltas(model).values()) == {"merged"}
    assert set(deltas(model.train()).values()) == {""}


ADAPTERHUB = [
    "seq_bn", "double_seq_bn", "par_bn", "scaled_par_bn", "seq_bn_inv", "double_seq_bn_inv", "compacter", "compacter++",
    "prefix_tuning", "prefix_tuning_flat", "prompt_tuning", "lora", "ia3", "vera", "dora", "loreft", "noreft", "direft",
    "mam", "unipelt",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", ADAPTERHUB)
def test_adapterhub_deltas_are_the_added_parameters(method):
    adapters = pytest.importorskip("adapters", reason="it needs an older transformers, see make test-libraries")
    model = bert(hidden_size=128)
    before = {id(p): p for p in model.parameters()}
    adapters.init(model)
    model.add_adapter("ours", config=method)
    added = [name for name, p in model.named_parameters() if id(p) not in before]
    assert added
    assert sorted(deltas(model)) == sorted(added)


def method_class(name: str, *bases: type) -> type:
    """Return a class as AdapterHub's package would define it, without the package."""
    return type(name, bases or (nn.Module,), {"__module__": f"adapters.methods.{name.lower()}"})


def test_layer_replaced_by_adapterhub_keeps_its_weights():
    layer = method_class("LoRALinear", nn.Linear)(2, 2)
    lora = method_class("LoRA")()
    lora.lora_A = nn.Parameter(torch.zeros(1, 2))
    layer.loras = nn.ModuleDict({"ours": lora})
    bottleneck = method_class("BottleneckLayer")()
    bottleneck.adapters = nn.ModuleDict({"ours": nn.Linear(2, 1)})
    model = nn.Sequential(layer, bottleneck)
    assert list(deltas(model)) == ["0.loras.ours.lora_A", "1.adapters.ours.weight", "1.adapters.ours.bias"]
    layer.merged = "ours"
    assert deltas(model)["0.loras.ours.lora_A"] == "merged"


class Prompted(nn.Module):
    """A third-party library's layer."""

    def __init__(self):
        super().__init__()
        self.prompt = nn.Parameter(torch.zeros(3))
        self.base = nn.Linear(1, 1)


def prompts(places):
    return {id(m.prompt): "asleep" for _, m in places if isinstance(m, Prompted)}


@pytest.fixture
def no_others(monkeypatch):
    monkeypatch.setattr(adapters, "_detectors", [*adapters._detectors])


def test_deltas_of_a_registered_detector_are_drawn(no_others):
    assert deltas(Prompted()) == {}
    bmvis.register_delta(prompts)
    bmvis.register_delta(prompts)
    assert deltas(nn.Sequential(Prompted())) == {"0.prompt": "asleep"}
    assert adapters._detectors.count(prompts) == 1


def offer(monkeypatch, value: str) -> None:
    monkeypatch.setattr(adapters, "find_entries", lambda: (EntryPoint("prompts", value, adapters.GROUP),))


def test_detector_entry_point_is_used_once_its_library_is_loaded(monkeypatch):
    library = ModuleType("promptlib")
    library.find = prompts
    offer(monkeypatch, "promptlib:find")
    assert deltas(Prompted()) == {}
    monkeypatch.setitem(sys.modules, "promptlib", library)
    assert deltas(Prompted()) == {"prompt": "asleep"}


def test_broken_entry_point_is_reported_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "promptlib", ModuleType("promptlib"))
    offer(monkeypatch, "promptlib:find")
    with pytest.raises(DetectorError, match=r"'prompts' of bmvis\.deltas cannot be loaded: AttributeError"):
        bmvis.capture(Prompted())


@pytest.mark.parametrize(
    ("detector", "message"),
    [
        (lambda places: 1 / 0, "raised ZeroDivisionError: division by zero"),
        (lambda places: None, "did not return a dict"),
        (lambda places: {"prompt": ""}, "did not return a dict"),
        (lambda places: {1: None}, "did not return a dict"),
    ],
    ids=["raises", "nothing", "names", "no text"],
)
def test_failing_detector_is_reported_by_name(no_others, detector, message):
    bmvis.register_delta(detector)
    with pytest.raises(DetectorError, match=message) as raised:
        bmvis.capture(Prompted())
    assert "test_adapters" in raised.value.message


LIBRARY = """
from torch import nn, zeros

class Prompted(nn.Module):
    def __init__(self):
        super().__init__()
        self.prompt = nn.Parameter(zeros(3))
        self.base = nn.Linear(1, 1)

def find(places):
    return {id(m.prompt): "asleep" for _, m in places if isinstance(m, Prompted)}
"""
FACTORY = "from promptlib import Prompted\n\ndef build():\n    return Prompted()\n"


@pytest.fixture
def project(tmp_path):
    """A project whose model uses a library, both on the path that the site names."""
    (tmp_path / "promptlib.py").write_text(LIBRARY)
    (tmp_path / "zoo.py").write_text(FACTORY)
    return tmp_path


def install(project, value: str) -> None:
    """Write the metadata of an installed distribution with an entry point."""
    info = project / "promptlib-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: promptlib\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{adapters.GROUP}]\nprompts = {value}\n")


def built(project) -> list[str]:
    with Source(project, path=["."]) as source:
        root = source.resolve("zoo:build").model.root
    return [p.adapter for p in root.parameters if p.delta]


def test_build_uses_detector_from_entry_point(project):
    assert built(project) == []
    install(project, "promptlib:find")
    assert built(project) == ["asleep"]


def test_build_uses_detector_registered_by_module(project):
    (project / "zoo.py").write_text(f"import bmvis, promptlib\n\nbmvis.register_delta(promptlib.find)\n{FACTORY}")
    assert built(project) == ["asleep"]


def test_build_reports_missing_detector(project):
    install(project, "promptlib:lost")
    with pytest.raises(BmvisError, match=r"'prompts' of bmvis\.deltas cannot be loaded") as raised:
        built(project)
    assert raised.value.kind == "detector"
    assert raised.value.hint == "fix or uninstall promptlib"


def test_importing_bmvis_does_not_import_torch():
    code = "import sys, bmvis; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("replaces", [True, False], ids=["layer", "method"])
def test_adapterhub_layer_that_replaces_a_linear_keeps_its_own_weight(replaces):
    """AdapterHub's LoRALinear replaces the Linear of the model: only the parameters that it adds are deltas."""
    layer = method_class("LoRALinear", nn.Linear)(2, 2) if replaces else method_class("Prefix")()
    if not replaces:
        layer.weight = nn.Parameter(torch.zeros(2))
    layer.loras = nn.ModuleDict({"a": nn.Linear(2, 1)})
    found = adapters.find_deltas([("", layer), ("loras", layer.loras), ("loras.a", layer.loras["a"])])
    assert (id(layer.weight) in found) is not replaces
    assert id(layer.loras["a"].weight) in found
