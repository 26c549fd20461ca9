"""Changes of what feeds what, in reports of `bmvis check` and in snapshots."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import torch
from click.testing import CliRunner
from drawn_networks import figures
from large_libraries import peft
from torch import nn

from bmvis.cli.check import check
from bmvis.cli.show import show
from bmvis.cli.snapshots import snapshot
from bmvis.comparison.drift import Drift, find_drift
from bmvis.comparison.ignored import parse_ignored
from bmvis.errors import SnapshotError
from bmvis.model.snapshot import Snapshot, dump, load
from bmvis.model.tree import Model, Problem
from bmvis.options.definitions import Options
from bmvis.source.source import Source
from bmvis.view.figure.choice import drawn_figure
from bmvis.worker.protocol import ModelRequest


class Block(nn.Module):
    """A residual block. `wiring` changes the code that runs."""

    def __init__(self, wiring: str) -> None:
        super().__init__()
        self.norm, self.attn, self.mlp = nn.LayerNorm(8), nn.Linear(8, 8), nn.Linear(8, 8)
        self._wiring = wiring

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self._wiring == "post":
            x = self.norm(x + self.attn(x))
        elif self._wiring == "no skip":
            x = self.attn(self.norm(x))
        elif self._wiring == "product":
            x = x * self.attn(self.norm(x))
        else:
            x = x + self.attn(self.norm(x))
        return x + self.mlp(x)


class Net(nn.Module):
    """Residual blocks between two layers."""

    def __init__(self, wirings: list[str], skip: bool = False) -> None:
        super().__init__()
        self.embed, self.head = nn.Linear(8, 8), nn.Linear(8, 8)
        self.layers = nn.ModuleList(map(Block, wirings))
        self._skip = skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = x = self.embed(x)
        for layer in self.layers:
            x = layer(x)
        return self.head(x + first if self._skip else x)


class Cross(nn.Module):
    """Uses two inputs in one of two ways."""

    def __init__(self, swapped: bool = False) -> None:
        super().__init__()
        self.inner = CrossInner(swapped)

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return self.inner(a, b)


class CrossInner(nn.Module):
    def __init__(self, swapped: bool) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(8, 8), nn.Linear(8, 8)
        self._swapped = swapped

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return self.query(b) - self.key(a) if self._swapped else self.query(a) - self.key(b)


def traced(model: nn.Module, inputs: int = 1) -> Model:
    return figures(model, *(torch.zeros(1, 4, 8) for _ in range(inputs))).model


PRE = ["pre"] * 6
SETTINGS = ("_wiring", "_skip", "_swapped")
"""Attributes of the modules above that change with their wiring."""


def rewired(before: Model, after: Model, *ignored: str) -> Drift:
    """Return what differs without the settings, as if only the code of `forward` had changed."""
    return find_drift(before, after, parse_ignored([*SETTINGS, *ignored]))


def with_dropout() -> nn.Module:
    model = Net(PRE)
    model.layers[2].attn = nn.Sequential(model.layers[2].attn, nn.Dropout(0.1))
    return model


def adapted() -> nn.Module:
    return peft.get_peft_model(Net(PRE), peft.LoraConfig(target_modules=["attn"]))


@pytest.mark.parametrize(
    ("changed", "lines"),
    [
        pytest.param(lambda: Net(PRE), [], id="no change"),
        pytest.param(
            lambda: Net(["no skip"] * 6),
            [
                "~ layers.0-5  connections: now + -> output, attn -> mlp, mlp -> +; "
                "no longer + #2 -> output, + -> + #2, + -> mlp, 2 more"
            ],
            id="a residual connection removed in each block",
        ),
        pytest.param(
            lambda: Net([*PRE[:5], "post"]),
            [
                "~ layers.5  connections: now + -> norm, input -> attn, norm -> + #2, 1 more; "
                "no longer + -> + #2, + -> mlp, input -> norm, 1 more"
            ],
            id="the norm after the sum in one block",
        ),
        pytest.param(
            lambda: Net([*PRE[:5], "product"]),
            [
                "~ layers.5  connections: now + -> output, attn -> ×, input -> ×, 3 more; "
                "no longer + #2 -> output, + -> + #2, + -> mlp, 3 more"
            ],
            id="another operation",
        ),
        pytest.param(
            lambda: Net(PRE, skip=True),
            ["~ the root  connections: now + -> head, embed -> +, layers.5 -> +; no longer layers.5 -> head"],
            id="a skip connection over all blocks",
        ),
        pytest.param(lambda: Net(["pre"] * 8), ["+ layers.6-7  Block, 160 parameters each"], id="more blocks"),
        pytest.param(with_dropout, ["~ layers.2.attn  wrapped in Sequential, adds Dropout"], id="a module in between"),
        pytest.param(
            adapted,
            [
                "~ the root  wrapped in PeftModel, all former parameters frozen (40 tensors)",
                "~ base_model.model.layers.0-5.attn  wrapped in peft.tuners.lora.layer.Linear, adds lora_A, lora_B "
                "(128 parameters each)",
            ],
            id="adapters",
        ),
    ],
)
def test_changed_connections_are_reported(changed: Callable[[], nn.Module], lines: list[str]) -> None:
    drift = rewired(traced(Net(PRE)), traced(changed()))
    assert [str(line) for line in drift.changes] == lines


def test_a_module_uses_its_inputs_the_other_way_round() -> None:
    drift = rewired(traced(Cross(), 2), traced(Cross(swapped=True), 2))
    (line,) = drift.changes
    assert line.text == "connections: now a -> inner.key, b -> inner.query; no longer a -> inner.query, b -> inner.key"
    assert (line.impact, line.topic) == ("numerics", "connections")
    assert drift.headline == "old checkpoints load, but outputs differ"


def test_change_can_be_ignored() -> None:
    assert not rewired(traced(Net(PRE)), traced(Net(PRE, skip=True)), "connections")


@pytest.mark.parametrize(
    ("before", "after", "text", "impact"),
    [
        ({"dataflow": None}, {}, "connections: not recorded → recorded", "cosmetic"),
        ({}, {"dataflow": None}, "connections: recorded → not recorded", "cosmetic"),
        ({}, {"dataflow": None, "undrawn": Problem("it raised")}, "cannot be called: it raised", "numerics"),
        ({"dataflow": None, "unrecorded": ("dataflow",)}, {}, None, None),
        ({"inputs": "float32[1]"}, {"inputs": "float32[2]"}, "inputs: float32[1] → float32[2]", "cosmetic"),
    ],
    ids=["first record", "no record", "a call that fails", "an older snapshot", "other inputs"],
)
def test_record_of_one_model(
    before: dict[str, object], after: dict[str, object], text: str | None, impact: str | None
) -> None:
    model = traced(Net(PRE))
    drift = find_drift(msgspec.structs.replace(model, **before), msgspec.structs.replace(model, **after))
    assert [(line.text, line.impact) for line in drift.changes] == ([(text, impact)] if text else [])


def test_snapshot_has_each_wiring_once() -> None:
    model = traced(Net(["pre"] * 32))
    text = dump(Snapshot("zoo:net", model))
    assert load(text).model.dataflow == model.dataflow
    assert len(json.loads(text)["dataflow"]["wirings"]) < 8


def test_snapshot_has_what_the_record_does_not_show() -> None:
    model = traced(Net(PRE))
    assert model.dataflow is not None
    flow = msgspec.structs.replace(model.dataflow, unseen=("operations between modules in other threads",))
    text = dump(Snapshot("zoo:net", msgspec.structs.replace(model, dataflow=flow)))
    assert json.loads(text)["dataflow"]["unseen"] == list(flow.unseen)
    assert load(text).model.dataflow == flow


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda record: record.update(wirings=[]), "its dataflow has no wirings"),
        (lambda record: record["wirings"][-1].append(["head", 99, [0]]), "a call of its dataflow has no wiring"),
        (lambda record: record["wirings"][-1].append(["+", [99]]), "the reference 99 of its dataflow is to a later"),
        (
            lambda record: record.update(wirings=[[["+", [-1]]], *([["x", n, [-1]]] * 9 for n in range(9))]),
            "its dataflow has more than 1,000,000 operations and calls",
        ),
        (lambda record: record["results"].append(["more", [-9]]), "range"),
    ],
    ids=["nothing", "unknown wiring", "later operation", "too many", "unknown value"],
)
def test_invalid_dataflow_of_a_snapshot_is_an_error(change: Callable[[dict[str, object]], None], message: str) -> None:
    content = json.loads(dump(Snapshot("zoo:net", traced(Net(PRE)))))
    change(content["dataflow"])
    with pytest.raises(SnapshotError, match=message):
        load(json.dumps(content))


ZOO = """
import torch
from torch import nn


class Rewired(nn.Module):
    example_input_array = torch.zeros(1, 4)
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
    def forward(self, x):
        return self.second(self.first(x))
"""


@pytest.mark.parametrize("settings", ['inputs = "float32[1, 4]"', "flow = true"])
def test_check_reports_a_changed_wiring(settings: str, tmp_path: Path) -> None:
    code = ZOO
    (tmp_path / "rewired.py").write_text(code)
    (tmp_path / "pyproject.toml").write_text(
        f'[tool.bmvis.models]\nnet = {{reference = "rewired:Rewired", {settings}}}\n'
    )
    run = CliRunner()
    assert run.invoke(snapshot, ["--project", str(tmp_path)]).exit_code == 0
    assert run.invoke(check, ["--project", str(tmp_path)]).exit_code == 0
    shown = run.invoke(show, [str(tmp_path / "snapshots" / "net.json"), "--flow", "only"]).stdout
    assert "first -> second: [1, 4]" in shown.splitlines()
    with Source(tmp_path, mode="snapshot") as source:
        built = source.answer(ModelRequest("rewired:Rewired", figure=True))
    assert drawn_figure(built.model, Options(flow="auto"))[0] is not None
    (tmp_path / "rewired.py").write_text(code.replace("self.second(self.first(x))", "self.first(x) + self.second(x)"))
    result = run.invoke(check, ["--project", str(tmp_path), "--fail-on", "numerics"])
    assert result.exit_code == 1
    assert "connections: now + -> output, first -> +, second -> +, 1 more; no longer first -> second" in result.stdout
