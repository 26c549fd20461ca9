"""The edges of known architectures at two levels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from drawn_networks import MixtureOfExperts, ResNet18, Siamese, UNet, figures, image
from edge_lists import edge_list, parse_edge_list
from torch import nn

from bmvis.view.figure.levels import MAX_BOXES, Figures, figure_size

LINES = (Path(__file__).parents[3] / "data" / "edge_lists.txt").read_text().splitlines()
EDGES = {tuple(head.split()): edges.strip() for head, edges in zip(LINES[::2], LINES[1::2], strict=True)}


def ids(length: int) -> torch.Tensor:
    return torch.zeros(1, length, dtype=torch.int64, device="meta")


def transformer(name: str, config: str, /, **given: Any) -> Figures:
    transformers = pytest.importorskip("transformers")
    with torch.device("meta"):
        sizes = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4} if config in SIZED else {}
        model = getattr(transformers, name)(getattr(transformers, config)(**sizes))
    return figures(model, **given)


SIZED = ("BertConfig", "LlamaConfig", "ViTConfig")
MODELS: dict[str, Callable[[], Figures]] = {
    "resnet18": lambda: figures(ResNet18(), image()),
    "unet": lambda: figures(UNet(), image()),
    "siamese": lambda: figures(Siamese(), torch.zeros(2, 32), torch.zeros(2, 32)),
    "moe": lambda: figures(MixtureOfExperts(), torch.zeros(1, 8, dtype=torch.int64)),
    "bert": lambda: transformer("BertModel", "BertConfig", input_ids=ids(8)),
    "gpt2": lambda: transformer("GPT2LMHeadModel", "GPT2Config", input_ids=ids(8)),
    "t5": lambda: transformer(
        "T5ForConditionalGeneration", "T5Config", input_ids=ids(8), decoder_input_ids=ids(6)
    ),
    "llama": lambda: transformer("LlamaForCausalLM", "LlamaConfig", input_ids=ids(8)),
    "mha": lambda: figures(
        nn.Transformer(16, 2, 2, 2, 32, batch_first=True), torch.zeros(1, 8, 16), torch.zeros(1, 6, 16)
    ),
    "vit": lambda: transformer(
        "ViTForImageClassification", "ViTConfig", pixel_values=torch.zeros(1, 3, 224, 224, device="meta")
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def made() -> dict[str, Figures]:
    return {}


def figures_of(made: dict[str, Figures], name: str) -> Figures:
    if name not in made:
        made[name] = MODELS[name]()
    return made[name]


@pytest.mark.parametrize(("name", "level"), EDGES, ids=" ".join)
def test_edges(made: dict[str, Figures], name: str, level: str) -> None:
    figure = figures_of(made, name).at(int(level))
    assert sorted(edge_list(figure).split("; ")) == sorted(EDGES[name, level].split("; "))
    repeats = {box.key: box.repeats for box in figure.boxes if "..x" in box.key}
    expected = parse_edge_list(EDGES[name, level])
    assert repeats == {box.key: box.repeats for box in expected.boxes if box.repeats > 1}


@pytest.mark.parametrize(
    ("name", "nodes", "edges"), [("llama", 20, 24), ("mha", 22, 26)], ids=["llama", "nn.Transformer"]
)
def test_all_modules_open(made: dict[str, Figures], name: str, nodes: int, edges: int) -> None:
    figure = figures_of(made, name).at(99)
    assert (len(figure.boxes), len(figure.edges)) == (nodes, edges)


def test_opened_module_adds_its_parameters(made: dict[str, Figures]) -> None:
    labels = [box.label for box in figures_of(made, "vit").at(99).boxes if box.kind == "join"]
    assert labels[0] == "concat + cls_token, position_embeddings"


@pytest.mark.parametrize(
    ("level", "options", "boxes"),
    [
        (99, {"closed": ["experts"]}, ["norm", "gate", "experts.0-3"]),
        (99, {"closed": ["layers"]}, ["layers.0-3"]),
        (1, {"opened": ["layers"]}, ["norm", "gate", "experts.0-3"]),
        (1, {"opened": ["layers.0.experts"]}, ["norm", "gate", "up", "down", "layers.1-3"]),
    ],
    ids=["closed list in a repeated module", "closed list", "opened list", "opened list in a module"],
)
def test_a_list_of_modules_represents_the_modules_in_it(level: int, options: dict[str, Any], boxes: list[str]) -> None:
    figure = figures(MixtureOfExperts(), torch.zeros(1, 8, dtype=torch.long), options=options).at(level)
    found = [box.label for box in figure.boxes if box.kind == "module"]
    assert [label for label in found if label not in ("emb", "head")] == boxes


def test_open_block_of_resnet() -> None:
    figure = figures(ResNet18(), image(), options={"opened": ["layer2.0"]}).at(2)
    edges = edge_list(figure).split("; ")
    assert "layer2.0.bn2 > (+)layer2.0" in edges
    assert "layer2.0.downsample > (+)layer2.0" in edges
    assert "layer1.0..x2 > layer2.0.conv1" in edges


@pytest.mark.parametrize(
    ("name", "level"),
    [("resnet18", 2), ("siamese", 2), ("moe", 3), ("bert", 5), ("t5", 3), ("llama", 4)],
    ids=lambda value: str(value),
)
def test_auto_is_the_deepest_level_with_24_boxes(made: dict[str, Figures], name: str, level: int) -> None:
    made_figures = figures_of(made, name)
    assert made_figures.fitting(MAX_BOXES).level == level
    assert figure_size(made_figures.fitting(MAX_BOXES)) <= 24
    assert level == made_figures.deepest or figure_size(made_figures.at(level + 1)) > 24


def test_auto_has_at_most_36_boxes_and_frames(made: dict[str, Figures]) -> None:
    unet = figures_of(made, "unet")
    assert (figure_size(unet.at(3)), unet.fitting(MAX_BOXES).level) == (24, 2)


def test_experts_are_in_parallel_and_layers_in_a_chain(made: dict[str, Figures]) -> None:
    (layers,) = figures_of(made, "moe").at(3).frames
    (experts,) = layers.frames
    assert (layers.label, layers.repeats, layers.parallel) == ("layers.0-3", 4, False)
    assert (experts.label, experts.repeats, experts.parallel) == ("experts.0-3", 4, True)
    assert experts.boxes == ("layers.0.experts.0.up", "layers.0.experts.0.down")


def test_calls_of_one_module_are_numbered(made: dict[str, Figures]) -> None:
    figure = figures_of(made, "siamese").at(1)
    assert [box.note for box in figure.boxes] == ["", "", "call 1 of 2", "call 2 of 2", "", "", ""]


def test_shapes_and_inputs(made: dict[str, Figures]) -> None:
    figure = figures_of(made, "llama").at(1)
    assert [edge.shape for edge in figure.edges] == [(1, 8), (1, 8, 64), (1, 8, 32000)]
    assert figure.called_with == "input_ids: int64[1, 8]"
