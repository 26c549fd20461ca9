"""The option `flow` of `bmvis show`: the connections of the architecture figure as text."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from bmvis.cli.show import compare, show

ZOO = """
import torch
from torch import nn


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.second(self.first(x) + x)


class Lightning(Plain):
    example_input_array = torch.zeros(3, 4)


class Chain(Lightning):
    def forward(self, x):
        return self.second(self.first(x))


class Timm(Plain):
    pretrained_cfg = {"input_size": (4,)}


class Config:
    is_encoder_decoder = True


class Transformers(nn.Module):
    main_input_name = "input_ids"
    config = Config()

    def __init__(self):
        super().__init__()
        self.embed, self.decode = nn.Embedding(9, 4), nn.Embedding(9, 4)

    def forward(self, input_ids, decoder_input_ids):
        return {"logits": self.decode(decoder_input_ids) @ self.embed(input_ids).mT}


class Reading(Plain):
    example_input_array = torch.zeros(3, 4)

    def forward(self, x):
        return super().forward(x) if float(x.sum()) == 0 else x


class Broken(Plain):
    example_input_array = torch.zeros(3, 5)
"""
SUM = ["x -> first, + in root: {0}", "first -> + in root: {0}", "+ in root -> second: {0}", "second -> output: {1}"]


@pytest.fixture
def printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "flow_zoo.py").write_text(ZOO)
    monkeypatch.chdir(tmp_path)

    def run(name: str, *flags: str):
        return CliRunner().invoke(show, [f"flow_zoo:{name}", *flags])

    return run


@pytest.mark.parametrize(
    ("name", "flags", "lines"),
    [
        (
            "Plain",
            ["--inputs", "float32[2, 4]"],
            [line.format("[2, 4]", "[2, 2]") for line in SUM] + ["Traced with x: float32[2, 4]."],
        ),
        (
            "Lightning",
            [],
            [line.format("[3, 4]", "[3, 2]") for line in SUM] + ["Traced with x: float32[3, 4]."],
        ),
        ("Timm", [], [line.format("[1, 4]", "[1, 2]") for line in SUM] + ["Traced with x: float32[1, 4]."]),
        (
            "Transformers",
            [],
            [
                "decoder_input_ids -> decode: [1, 6]",
                "input_ids -> embed: [1, 8]",
                "decode -> matmul in root: [1, 6, 4]",
                "embed -> matmul in root: [1, 4, 8]",
                "matmul in root -> logits: [1, 6, 8]",
                "Traced with input_ids: int64[1, 8]; decoder_input_ids: int64[1, 6].",
            ],
        ),
        (
            "Reading",
            [],
            [
                *(line.format("[3, 4]", "[3, 2]") for line in SUM),
                "Traced with x: float32[3, 4]. "
                "Not drawn: values that code reads as Python numbers or NumPy arrays in root.",
            ],
        ),
    ],
    ids=["inputs", "example_input_array", "pretrained_cfg", "main_input_name", "values that only the CPU has"],
)
def test_flow_only_prints_the_connections(printed, name: str, flags: list[str], lines: list[str]) -> None:
    done = printed(name, "--flow", "only", *flags)
    assert done.stdout.splitlines() == lines


def test_an_empty_line_is_between_the_tree_and_the_connections(printed) -> None:
    lines = printed("Chain", "--flow", "auto").stdout.splitlines()
    first = next(number for number, line in enumerate(lines) if "->" in line)
    assert lines[first - 1] == ""
    assert lines[first - 2] != ""


def test_tree_is_printed_without_figures_if_there_are_no_inputs(printed) -> None:
    done = printed("Plain", "--flow", "only")
    assert done.exit_code == 0
    assert "needs inputs (set inputs, such as float32[1, 3, 224, 224]; in a gallery, write reference" in done.stderr
    assert "first" in done.stdout
    assert "->" not in done.stdout


def test_figure_is_written_as_an_image(printed, tmp_path: Path) -> None:
    done = printed("Lightning", "--flow-svg", "figure.svg")
    assert (done.exit_code, done.stdout) == (0, "")
    image = ElementTree.parse(tmp_path / "figure.svg").getroot()
    texts = [text.text for text in image.iter("{http://www.w3.org/2000/svg}text")]
    assert {"first", "second", "+", "x", "output"} <= set(texts)
    assert image.get("role") == "img"
    assert image.findtext("{http://www.w3.org/2000/svg}title") == "Architecture of Lightning"
    assert "prefers-color-scheme" in (tmp_path / "figure.svg").read_text()


def test_comparison_marks_connections(printed) -> None:
    done = CliRunner().invoke(compare, ["flow_zoo:Chain", "flow_zoo:Lightning", "--flow", "only"])
    lines = [line.partition(":")[0] for line in done.stdout.splitlines() if ": " in line]
    assert lines.count("added") == 3
    assert lines.count("removed") == 1


@pytest.mark.parametrize("name", ["Plain", "Broken"])
def test_image_without_a_figure_is_an_error(printed, name: str, tmp_path: Path) -> None:
    done = printed(name, "--flow-svg", "figure.svg")
    assert done.exit_code == 2
    assert "Error: there is no architecture figure to write" in done.stderr
    assert not (tmp_path / "figure.svg").exists()


def test_failing_call_is_reported_and_the_tree_is_printed(printed) -> None:
    done = printed("Broken", "--flow", "auto")
    assert done.exit_code == 0
    assert "could not be called: it raised RuntimeError" in done.stderr
    assert "->" not in done.stdout


@pytest.mark.parametrize(
    ("flags", "missing"),
    [((), "no output shapes and no MACs"), (("--flow", "auto"), "no output shapes, no MACs, and no figure")],
)
def test_failing_call_with_inputs_names_what_is_missing(printed, flags: tuple[str, ...], missing: str) -> None:
    done = printed("Plain", "--inputs", "float32[3, 5]", *flags)
    assert f"change the option inputs; the tree has {missing}" in done.stderr


def test_default_inputs_add_no_shapes_to_the_tree(printed) -> None:
    tree = printed("Lightning", "--flow", "auto").stdout
    assert "first" in tree.splitlines()[1]
    assert "→" not in tree
    assert "MACs" not in tree


def test_options_for_a_figure_without_one_are_reported(printed) -> None:
    done = printed("Plain", "--flow-open", "first", "--flow-ops", "none")
    assert (done.exit_code, done.stderr) == (
        0,
        "Warning: flow-open and flow-ops have no effect without flow (add flow: auto)\n",
    )
    assert "first" in done.stdout
