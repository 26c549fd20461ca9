"""A `forward` that does something else on the meta device than on the CPU has the call of the CPU, or a note."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmvis.child.building import builder
from bmvis.child.tracking.import_tracker import ImportTracker
from bmvis.model.tree import Model
from bmvis.reference import parse_reference
from bmvis.source.source import Source
from bmvis.worker.protocol import Request

START = """
import torch
from torch import nn
from torch import FloatTensor

META, name = torch.device("meta"), "is_" + "meta"

class Two(nn.Module):
    def __init__(self, size=1):
        super().__init__()
        self.on_meta = nn.Linear(4, 4)
        self.on_cpu = nn.Linear(4, 8)
        self.big = nn.ModuleList([nn.Linear(size, 10**4)])

class Stores(Two):
    def __init__(self):
        super().__init__()
        self._is_fast = self.on_meta.weight.is_meta

    def forward(self, x):
        return self.on_meta(x) if self._is_fast else self.on_cpu(x)

class StoresDevice(Two):
    def __init__(self):
        super().__init__()
        self.device = self.on_meta.weight.device

    def forward(self, x):
        return self.on_meta(x) if self.device.type == "meta" else self.on_cpu(x)

def fails(read):
    try:
        read()
    except Exception:
        return True
    return False
"""
MODEL = """
class Checks{number}(Two):
    def forward(self, x):
        device = x.device
        return self.on_meta(x) if {condition} else self.on_cpu(x)
"""
CHECKS = {
    "is_meta": "x.is_meta",
    "is_meta of a weight": "self.on_meta.weight.is_meta",
    "is_cpu": "not x.is_cpu",
    "type of device": "x.device.type == 'meta'",
    "other device": "x.device != torch.device('cpu')",
    "variable": "device == META",
    "first parameter": "next(self.parameters()).device.type == 'meta'",
    "getattr": "getattr(x, name)",
    "new tensor": "torch.empty(1).is_meta",
    "result": "self.on_meta(x).is_meta",
    "default device": "torch.get_default_device().type == 'meta'",
    "type": "x.type() != 'torch.FloatTensor'",
    "isinstance": "not isinstance(x, torch.FloatTensor)",
    "isinstance of one of two": "not isinstance(x, (torch.DoubleTensor, FloatTensor))",
    "text": "'meta' in str(x)",
    "address": "x.data_ptr() == 0",
    "device of storage": "x.untyped_storage().device.type == 'meta'",
    "caught failure": "fails(lambda: x.sum().item())",
    "caught condition": "fails(lambda: 1 if x.sum() >= 0 else 2)",
    "caught conversion": "fails(lambda: x.numpy())",
}
"""Conditions that are true on the meta device and false on the CPU."""
SOME = ("is_meta", "isinstance", "address", "caught failure")
HARMLESS = '''
class Creates(nn.Module):
    """Uses the device of its input only to create tensors, as most code does."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        device = x.device
        positions = torch.arange(4, device=device)
        mask = torch.ones(4, dtype=x.dtype, device=x.device)
        return self.fc(x) * mask.to(x.device) + positions.to(device)

class Passes(Creates):
    def forward(self, x):
        return self.made(x, x.device)

    def made(self, x, device):
        assert not device.type == "cuda"
        return self.fc(x) + torch.arange(4, device=device)

class FailsEverywhere(Creates):
    def forward(self, x):
        try:
            x.view(7)
        except RuntimeError:
            pass
        return self.fc(x)

COUNT = []

class Raises(Creates):
    def forward(self, x):
        COUNT.append(1)
        if not x.is_meta:
            raise OSError("not here")
        return self.fc(x)
'''
TYPED = """import torch

class Typed(torch.nn.ParameterList):
    def __init__(self):
        size = 5 if isinstance(torch.empty(1), torch.FloatTensor) else 3
        super().__init__([torch.nn.Parameter(torch.empty(size))])
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    folder: Path = tmp_path_factory.mktemp("calls")
    for number, condition in enumerate(CHECKS.values()):
        folder.joinpath(f"zoo{number}.py").write_text(START + MODEL.format(number=number, condition=condition))
    folder.joinpath("zoo.py").write_text(START)
    folder.joinpath("harmless.py").write_text("import torch\nfrom torch import nn\n" + HARMLESS)
    folder.joinpath("typed.py").write_text(TYPED)
    with Source(folder, path=["."]) as found:
        yield found


def checks(kind: str) -> str:
    number = list(CHECKS).index(kind)
    return f"zoo{number}:Checks{number}"


def output(model: Model) -> tuple[int, ...] | None:
    assert model.root.call is not None
    return model.root.call.outputs[0].shape


@pytest.mark.parametrize(("kind", "is_drawn"), [*((kind, True) for kind in CHECKS), *((kind, False) for kind in SOME)])
def test_forward_that_checks_the_device_has_the_call_of_the_cpu(source: Source, kind: str, is_drawn: bool) -> None:
    model = source.resolve(checks(kind), "auto", "float32[2, 4]", figure=is_drawn).model
    assert (model.device, output(model)) == ("cpu", (2, 8))
    (note,) = model.notes
    assert note.startswith("called on the CPU: on the meta device")
    assert ".py, line " in note
    if is_drawn:
        assert model.dataflow is not None
        assert [call.path for call in model.dataflow.calls] == ["", "on_cpu"]


@pytest.mark.parametrize("kind", SOME)
def test_call_of_a_large_model_is_noted(source: Source, kind: str) -> None:
    model = source.resolve(f"{checks(kind)}(size=50000)", "auto", "float32[2, 4]").model
    assert model.device == "meta"
    (note,) = model.notes
    assert "set device: cpu" in note


def test_forward_that_checks_the_device_is_noted_on_meta(source: Source) -> None:
    model = source.resolve(checks("is_meta"), "meta", "float32[2, 4]").model
    assert (model.device, output(model)) == ("meta", (2, 4))
    assert "checked the device or address of a tensor, which differ on the meta device" in model.notes[0]


@pytest.mark.parametrize("name", ["Creates", "Passes", "FailsEverywhere"])
def test_forward_that_does_the_same_on_each_device_has_no_note(source: Source, name: str) -> None:
    model = source.resolve(f"harmless:{name}", "auto", "float32[2, 4]", figure=True).model
    assert (model.device, output(model), model.notes) == ("meta", (2, 4), ())


def test_forward_that_fails_on_the_cpu_is_noted(source: Source) -> None:
    model = source.resolve("harmless:Raises", "auto", "float32[2, 4]").model
    assert (model.device, output(model)) == ("meta", (2, 4))
    assert "set device: cpu" in model.notes[0]


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("Stores", "built on the CPU: on the meta device the model differs, because zoo.py, line "),  # in its settings
        ("StoresDevice", "called on the CPU: on the meta device the call differs, because zoo.py, line "),
    ],
)
def test_forward_that_checks_a_stored_device_has_the_call_of_the_cpu(source: Source, name: str, note: str) -> None:
    model = source.resolve(f"zoo:{name}", "auto", "float32[2, 4]").model
    assert (model.device, output(model)) == ("cpu", (2, 8))
    assert model.notes[0].startswith(note)


def test_constructor_that_checks_the_class_builds_the_model_of_the_cpu(source: Source) -> None:
    model = source.resolve("typed:Typed").model
    assert (model.device, model.root.parameters[0].shape) == ("cpu", (5,))
    assert model.notes[0].startswith("built on the CPU: on the meta device the model differs, because typed.py, line 4")


@pytest.mark.parametrize(
    ("timeout", "device"), [(1e-9, "meta"), (1e9, "cpu"), (0, "cpu")], ids=["late", "soon", "none"]
)
def test_call_on_meta_is_kept_if_the_cpu_takes_too_long(tmp_path: Path, timeout: float, device: str) -> None:
    """In this process, where no parent enforces the timeout."""
    tmp_path.joinpath("calls_here.py").write_text(START + MODEL.format(number=0, condition="x.is_meta"))
    path = list(sys.path)
    try:
        sys.path.insert(0, str(tmp_path))
        request = Request(1, "calls_here:Checks0", "auto", (), timeout=timeout, inputs="float32[2, 4]")
        model = builder.build(parse_reference(request.reference), request, ImportTracker())
    finally:
        sys.path[:] = path
        sys.modules.pop("calls_here", None)
    assert (model.device, "set device: cpu" in model.notes[0]) == (device, device == "meta")
