"""`device: auto`: a failure that only the meta device causes leads to the CPU, even if the factory catches it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmvis.child.building import builder
from bmvis.child.tracking.import_tracker import ImportTracker
from bmvis.errors import BmvisError, FactoryError
from bmvis.model.totals import subtree_totals
from bmvis.model.tree import Model
from bmvis.options.parsing import parse_options
from bmvis.reference import parse_reference
from bmvis.source.source import Source
from bmvis.view.layout import layout
from bmvis.worker.protocol import Request

MODELS = '''
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn

class Adapted(nn.Module):
    """Creates its adapter when it is called, as OpenDelta does."""

    def __init__(self, read):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.read = read

    def forward(self, x):
        x = self.fc(x)
        self.read(x)
        self.adapter = nn.Linear(x.shape[-1], 2)
        return x

def attempt(read):
    model = nn.Sequential(Adapted(read))
    try:
        model(torch.ones(1, 4))
    except Exception:
        pass
    return model

@torch.jit.script
def scripted(x):
    return int(x.sum().item())

class Scripted(nn.Module):
    def forward(self, x):
        return x * int(x.sum().item())

def quantized(by_keyword=False):
    model = nn.Linear(4, 4)
    quantize, weight = torch.quantize_per_tensor, model.weight.detach()
    arguments = {"scale": 0.1, "zero_point": 0, "dtype": torch.qint8}
    model.table = nn.Buffer(quantize(input=weight, **arguments) if by_keyword else quantize(weight, **arguments))
    return model

class Quantizes(nn.Linear):
    def forward(self, x):
        return torch.quantize_per_tensor(super().forward(x), 0.1, 0, torch.quint8).int_repr()

def sparse():
    model = nn.Linear(4, 4)
    model.adjacency = nn.Buffer(torch.eye(4).to_sparse())
    model.edges = nn.Buffer(torch.sparse_coo_tensor(torch.tensor([[0, 1], [1, 0]]), torch.ones(2), (4, 4)))
    return model

def sparse_of_indices():
    model = nn.Linear(4, 4)
    model.edges = nn.Buffer(torch.sparse_coo_tensor(torch.tensor([[0, 1], [1, 0]]), torch.ones(2), (4, 4)))
    return model

def condition():
    return attempt(lambda x: bool((x > -100).any()))

def numpy():
    return attempt(lambda x: x.detach().numpy())

def storage():
    return attempt(lambda x: x.untyped_storage().tolist())

def dlpack():
    return attempt(lambda x: torch.utils.dlpack.to_dlpack(x.detach()))

def formatted():
    return attempt(lambda x: f"{x.sum():.2f}")

def script():
    return attempt(scripted)

def pool():
    return attempt(lambda x: ThreadPoolExecutor().submit(lambda: x.sum().item()).result())

def script_module():
    return attempt(torch.jit.script(Scripted()))

def raises_everywhere():
    return attempt(lambda x: x.view(7))

def raises_by_itself():
    return attempt(lambda x: {}["missing"])

def huge():
    nn.Linear(1, 1).weight.norm().isnan()
    return nn.ModuleList([attempt(lambda x: x.norm().item()), nn.Linear(10**5, 10**6)])

def huge_that_raises_everywhere():
    return nn.ModuleList([attempt(lambda x: x.view(7)), nn.Linear(10**5, 10**6)])

def fails_on_the_cpu():
    model = attempt(lambda x: x.norm().item())
    if not model[0].fc.weight.is_meta:
        raise OSError("no room")
    return model

def uses_the_device():
    layer = nn.Linear(2, 2, device="cpu")
    layer.scale = torch.ones(2, device=nn.Linear(2, 2).weight.device)
    return layer

TIMES = []

def counts_its_calls():
    TIMES.append(1)
    return nn.Linear(len(TIMES), 2 if nn.Linear(1, 1).weight.is_meta else 3)

def passes_the_device_on():
    layer = nn.Linear(40000, 10000)
    layer.scale = torch.ones(2, device=layer.weight.device, dtype=layer.weight.dtype)
    return layer

def calls_that_fail_and_a_check():
    condition()
    return nn.Linear(2, 2 if nn.Linear(1, 1).weight.is_meta else 3)

def rates():
    return nn.Sequential(*[nn.Dropout(rate.item()) for rate in torch.linspace(0, 0.1, 3)], nn.Linear(2, 2)).to("cpu")

def on_a_gpu():
    return nn.Linear(2, 2, device="cuda:7")

def without_weights():
    return torch.load("weights/net.pth")

def offline():
    raise ConnectionError("Max retries exceeded with url: /net.safetensors")

def from_hub():
    class HTTPError(OSError):
        pass
    HTTPError.__module__ = "requests.exceptions"
    try:
        raise HTTPError("404")
    except HTTPError as error:
        raise OSError("no such model") from error
'''


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    folder: Path = tmp_path_factory.mktemp("built")
    folder.joinpath("zoo.py").write_text(MODELS)
    with Source(folder, path=["."]) as found:
        yield found


def count(model: Model) -> int:
    return subtree_totals(model)[0].count


def line_in(name: str, after: int = 1) -> int:
    """Return the number of a line in a function of the models."""
    return MODELS.splitlines().index(f"def {name}():") + 1 + after


def warnings_of(model: Model) -> list[tuple[str, str]]:
    return [(warning.kind, str(warning)) for warning in layout(model, parse_options({})).warnings]


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("condition", "Tensor.__bool__ in zoo.py, line {line} raised RuntimeError: Tensor.item() cannot be called"),
        ("numpy", "Tensor.numpy in zoo.py, line {line} raised TypeError"),
        ("storage", "UntypedStorage.__getitem__ in zoo.py, line {line} raised NotImplementedError"),
        ("dlpack", "to_dlpack in zoo.py, line {line} raised"),
        ("formatted", "Tensor.__format__ in zoo.py, line {line} raised TypeError"),
        ("pool", "Tensor.item in zoo.py, line {line} raised RuntimeError"),
        ("script", "TorchScript scripted in zoo.py"),
        ("script_module", "TorchScript forward in zoo.py"),
    ],
)
def test_caught_failure_on_meta_falls_back_to_cpu(source: Source, name: str, note: str) -> None:
    model = source.resolve(f"zoo:{name}").model
    assert (model.device, count(model)) == ("cpu", 30)
    assert len(model.notes) == 1
    assert model.notes[0].startswith("built on the CPU: on the meta device, ")
    assert note.format(line=line_in(name)) in model.notes[0]
    assert not warnings_of(model)


def test_sparse_tensors_of_unknown_size_are_measured_on_the_cpu(source: Source) -> None:
    unknown = "on the meta device, the number of elements of the sparse tensor 'adjacency' is unknown"
    expected = {
        ("sparse", "auto"): ("cpu", (4 * (8 + 8 + 4), 2 * (8 + 8 + 4)), (f"built on the CPU: {unknown}",)),
        ("sparse", "meta"): ("meta", (0, 2 * (8 + 8 + 4)), (f"{unknown}: set device: cpu",)),
        ("sparse_of_indices", "auto"): ("meta", (2 * (8 + 8 + 4),), ()),
    }
    for (name, device), found in expected.items():
        model = source.resolve(f"zoo:{name}", device).model
        assert (model.device, tuple(one.stored_bytes for one in model.root.buffers), model.notes) == found


@pytest.mark.parametrize("arguments", ["", "(by_keyword=True)"])
def test_quantized_tensors_have_the_data_type_of_the_cpu(source: Source, arguments: str) -> None:
    model = source.resolve(f"zoo:quantized{arguments}").model
    (table,) = model.root.buffers
    assert (model.device, table.dtype, table.stored_bytes) == ("cpu", "qint8", 16)
    assert "torch.quantize_per_tensor has no right kernel on the meta device" in model.notes[0]
    with pytest.raises(FactoryError, match="no right kernel"):
        source.resolve(f"zoo:quantized{arguments}", "meta")


def test_call_that_quantizes_is_that_of_the_cpu(source: Source) -> None:
    model = source.resolve("zoo:Quantizes(4, 2)", inputs="float32[3, 4]").model
    assert model.device == "cpu"
    assert model.root.call is not None
    assert model.root.call.outputs[0].shape == (3, 2)
    assert model.root.call.macs == 3 * 4 * 2


def test_device_meta_warns_of_caught_failure(source: Source) -> None:
    model = source.resolve("zoo:condition", "meta").model
    assert (model.device, count(model)) == ("meta", 20)
    ((kind, text),) = warnings_of(model)
    assert kind == "incomplete"
    assert "'zoo:condition' may be incomplete" in text
    assert "set device: cpu" in text


@pytest.mark.parametrize("name", ["raises_everywhere", "raises_by_itself"])
def test_failure_on_both_devices_is_ignored(source: Source, name: str) -> None:
    model = source.resolve(f"zoo:{name}").model
    assert (model.device, count(model), model.notes) == ("meta", 20, ())
    assert not warnings_of(model)


def test_model_that_differs_is_built_once_on_each_device(source: Source) -> None:
    assert source.resolve("zoo:counts_its_calls").model.root.parameters[0].shape == (3, 2)


def test_failure_that_values_do_not_prevent_needs_no_cpu(source: Source) -> None:
    model = source.resolve("zoo:huge_that_raises_everywhere").model
    assert (model.device, model.notes, warnings_of(model)) == ("meta", (), [])


@pytest.mark.parametrize(
    ("name", "parameters", "reason"),
    [
        ("huge", 20 + 10**11 + 10**6, "on the CPU it needs 400 GB, more than the limit of "),
        ("fails_on_the_cpu", 20, "on the CPU, 'zoo:fails_on_the_cpu' raised OSError: no room"),
    ],
)
def test_meta_tree_is_kept_with_a_warning(source: Source, name: str, parameters: int, reason: str) -> None:
    model = source.resolve(f"zoo:{name}").model
    assert (model.device, count(model)) == ("meta", parameters)
    ((kind, text),) = warnings_of(model)
    assert kind == "incomplete"
    assert reason in text


@pytest.mark.parametrize(
    ("timeout", "device"), [(1e-9, "meta"), (1e9, "cpu"), (0, "cpu")], ids=["late", "soon", "none"]
)
def test_meta_tree_is_kept_if_cpu_build_takes_too_long(tmp_path: Path, timeout: float, device: str) -> None:
    """In this process, where no parent enforces the timeout."""
    tmp_path.joinpath("in_this_process.py").write_text(MODELS)
    reference, path = "in_this_process:condition", list(sys.path)
    try:
        sys.path.insert(0, str(tmp_path))
        request = Request(1, reference, "auto", (), timeout=timeout)
        model = builder.build(parse_reference(reference), request, ImportTracker())
    finally:
        sys.path[:] = path
        sys.modules.pop("in_this_process", None)
    assert model.device == device
    assert ["on the CPU it takes too long" in text for _, text in warnings_of(model)] == [True] * (device == "meta")


CHECKS = {
    "is_meta": "weight.is_meta",
    "is_cpu": "not weight.is_cpu",
    "named": "getattr(weight, name)",
    "type": "weight.device.type == 'meta'",
    "first letter": "weight.device.type.startswith('m')",
    "length": "len(weight.device.type) == 4",
    "key": "{'cpu': False}.get(weight.device.type, True)",
    "global": "weight.device == META",
    "in globals": "weight.device.type not in SUPPORTED",
    "other device": "weight.device != torch.device('cpu')",
    "set": "{one.device.type for one in nn.Linear(2, 2).state_dict().values()} == {'meta'}",
    "f-string": "f'{weight.device}' == 'meta'",
    "address": "weight.data_ptr() == 0",
    "address of storage": "weight.untyped_storage().data_ptr() == 0",
    "address of typed storage": "weight.storage().data_ptr() == 0",
    "device of storage": "weight.untyped_storage().device.type == 'meta'",
    "tensor type": "weight.type() != 'torch.FloatTensor'",
    "text": "'meta' in str(torch.ones(2))",
    "text of a parameter": "'meta' in repr(weight)",
    "text of a list": "'meta' in str(list(nn.Linear(2, 2).parameters()))",
    "format": "'meta' in f'{torch.ones(2)}'",
    "printed": "'meta' in printed(torch.ones(2))",
    "default device": "torch.get_default_device().type == 'meta'",
    "imported function": "get_default_device() == META",
}
"""Conditions that are true on the meta device and false on the CPU."""
CHECKING = """
import contextlib, io, torch
from torch import get_default_device, nn

META, SUPPORTED, name = torch.device("meta"), ("cpu", "cuda"), "is_" + "meta"

def printed(value):
    with contextlib.redirect_stdout(io.StringIO()) as stream:
        print(value)
    return stream.getvalue()
"""
CHECKED = """
def checks_{number}(size=1):
    weight = nn.Linear(size, 10**4).weight
    return nn.ParameterList([nn.Parameter(torch.empty(7 if {condition} else 3)), weight])
"""


@pytest.fixture(scope="module")
def checking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    folder: Path = tmp_path_factory.mktemp("checking")
    functions = [CHECKED.format(number=n, condition=condition) for n, condition in enumerate(CHECKS.values())]
    folder.joinpath("zoo.py").write_text("".join((CHECKING, *functions)))
    with Source(folder, path=["."]) as found:
        yield found


@pytest.mark.parametrize("kind", CHECKS)
def test_code_that_checks_the_device_builds_the_model_of_the_cpu(checking: Source, kind: str) -> None:
    number = list(CHECKS).index(kind)
    model = checking.resolve(f"zoo:checks_{number}").model
    assert (model.device, model.root.parameters[0].shape) == ("cpu", (3,))
    (note,) = model.notes
    assert note.startswith("built on the CPU: on the meta device the model differs, because zoo.py, line ")
    assert note.endswith(" checked the device or address of a tensor")


@pytest.mark.parametrize("kind", CHECKS)
def test_code_that_checks_the_device_of_a_large_model_is_noted(checking: Source, kind: str) -> None:
    number = list(CHECKS).index(kind)
    model = checking.resolve(f"zoo:checks_{number}(size=50000)").model
    assert model.device == "meta"
    (note,) = model.notes
    assert " checked the device or address of a tensor, which differ on the meta device" in note


def test_code_that_checks_the_device_is_noted_on_meta(checking: Source) -> None:
    model = checking.resolve("zoo:checks_0", "meta").model
    assert (model.device, model.root.parameters[0].shape) == ("meta", (7,))
    assert "set device: cpu" in model.notes[0]


def test_code_that_fails_and_checks_the_device_builds_the_model_of_the_cpu(source: Source) -> None:
    model = source.resolve("zoo:calls_that_fail_and_a_check").model
    assert (model.device, count(model)) == ("cpu", 9)


@pytest.mark.parametrize("name", ["uses_the_device", "passes_the_device_on"])
def test_code_that_only_uses_a_device_has_no_note(source: Source, name: str) -> None:
    model = source.resolve(f"zoo:{name}").model
    assert (model.device, model.notes) == ("meta", ())


def test_values_computed_by_a_factory_are_known_on_meta(source: Source) -> None:
    model = source.resolve("zoo:rates").model
    assert (model.device, model.notes) == ("meta", ())
    assert [float(one.extra_repr[2:6].rstrip(", i")) for one in model.modules[1:4]] == [0.0, 0.05, 0.1]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("on_a_gpu", "no GPU is needed: do not move the model"),
        ("without_weights", "pass weights=None or pretrained=False, or build from the configuration"),
        ("offline", "pass weights=None or pretrained=False"),
        ("from_hub", "pass weights=None or pretrained=False"),
    ],
)
def test_common_failures_have_a_hint(source: Source, name: str, hint: str) -> None:
    with pytest.raises(BmvisError) as caught:
        source.resolve(f"zoo:{name}")
    assert hint in caught.value.hint
    assert "on the meta device" not in caught.value.detail
