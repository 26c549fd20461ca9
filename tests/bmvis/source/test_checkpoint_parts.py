"""Checkpoints of several files: indexes, parts, and folders of several models."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from safetensors_files import SOUND, header_of, written

from bmvis.errors import CheckpointError
from bmvis.model.preorder import module_paths
from bmvis.options.definitions import Options
from bmvis.source import checkpoint
from bmvis.source.dependencies import CurrentValues
from bmvis.view.layout import layout


@pytest.mark.parametrize(
    "part",
    ["../x.safetensors", "/x.safetensors", "a/x.safetensors", "..\\x.safetensors", "C:x.safetensors", "x.bin", ".."],
)
def test_index_can_only_name_files_in_its_folder(part: str, tmp_path: Path) -> None:
    written(tmp_path / "x.safetensors", SOUND)
    written(tmp_path / "a/a/x.safetensors", SOUND)
    (tmp_path / "a/model.safetensors.index.json").write_text(json.dumps({"weight_map": {"b": part}}))
    with pytest.raises(CheckpointError, match="lists the part"):
        checkpoint.read(tmp_path / "a")


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ('{"weight_map": {"b": "y.safetensors"}}', "y.safetensors is missing, which .*index.json lists"),
        ('{"weight_map": {"c": "x.safetensors"}}', "does not contain 'c'"),
        ('{"weight_map": {"b": "x.safetensors", "b": "x.safetensors"}}', "contains 'b' twice"),
        ('{"weight_map": {"b": 1}}', "is not the index"),
        ("{}", "is not the index"),
        ('{"metadata": ' + "[" * 100_000, "is not the index"),
    ],
    ids=["part missing", "tensor missing", "twice", "number", "empty", "nested"],
)
def test_damaged_index_is_reported(index: str, message: str, tmp_path: Path) -> None:
    written(tmp_path / "x.safetensors", SOUND)
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.read(tmp_path)


def test_only_tensors_listed_in_the_index_are_shown(tmp_path: Path) -> None:
    written(tmp_path / "x.safetensors", SOUND)
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"b": "x.safetensors"}}')
    assert module_paths(checkpoint.read(tmp_path).model.modules) == [""]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((), "no .safetensors or .gguf file"),
        (("a.safetensors", "b.safetensors"), "2 checkpoints.*a.safetensors, b.safetensors"),
    ],
    ids=["none", "several"],
)
def test_folder_without_a_single_checkpoint_is_reported(files: tuple[str, ...], message: str, tmp_path: Path) -> None:
    for file in files:
        written(tmp_path / file, SOUND)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.read(tmp_path)


def test_only_file_of_a_folder_can_have_any_name(tmp_path: Path) -> None:
    written(tmp_path / "lora.safetensors", SOUND)
    assert module_paths(checkpoint.read(tmp_path).model.modules) == ["", "a"]


def parts(folder: Path, numbers: tuple[int, ...], total: int) -> Path:
    for number in numbers:
        written(folder / f"model-{number:05}-of-{total:05}.safetensors", header_of({f"layers.{number}.weight": (2, 2)}))
    return folder


def test_parts_without_an_index_are_read_as_one_tree(tmp_path: Path) -> None:
    model = checkpoint.read(parts(tmp_path, (1, 2), 2)).model
    assert list(model.paths) == ["", "layers", "layers.1", "layers.2"]


@pytest.mark.parametrize(("numbers", "missing"), [((1, 3), 2), ((2, 3), 1), ((1, 2), 3), ((3,), 1)])
def test_error_names_the_missing_part(numbers: tuple[int, ...], missing: int, tmp_path: Path) -> None:
    name = f"model-{missing:05}-of-00003.safetensors"
    with pytest.raises(CheckpointError, match=f"part {missing} of 3 of the checkpoint is missing: {name}"):
        checkpoint.read(parts(tmp_path, numbers, 3))


def test_duplicate_tensor_in_parts_is_an_error(tmp_path: Path) -> None:
    for number in (1, 2):
        written(tmp_path / f"m-0000{number}-of-00002.safetensors", header_of({"a.weight": (2, 2)}))
    with pytest.raises(CheckpointError, match=r"both contain 'a\.weight'"):
        checkpoint.read(tmp_path)


def test_tensors_missing_from_the_index_are_noted(tmp_path: Path) -> None:
    written(tmp_path / "p.safetensors", header_of({"a.weight": (2, 2), "b.weight": (2, 2)}))
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a.weight": "p.safetensors"}}))
    assert checkpoint.read(tmp_path).model.notes == (
        "p.safetensors contains 1 tensor that the index does not list, such as 'b.weight': not shown",
    )


PIPELINE = {
    "_class_name": "TwoStage",
    "unet": ["diffusers", "UNet2DModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "scheduler": ["diffusers", "DDIM"],
    "image_encoder": [None, None],
    "safe": False,
}


def pipeline(folder: Path) -> Path:
    (folder / "model_index.json").write_text(json.dumps(PIPELINE))
    for name in ("scheduler", "unet", "vae"):
        (folder / name).mkdir(parents=True)
    (folder / "scheduler/scheduler_config.json").write_text("{}")
    (folder / "vae/config.json").write_text('{"architectures": ["KL"]}')
    unet = {**header_of({"out.weight": (3, 2)}), "__metadata__": {"in.weight": "out.weight"}}
    written(folder / "unet/diffusion_pytorch_model.safetensors", unet)
    written(folder / "vae/diffusion_pytorch_model.safetensors", header_of({"out.weight": (5,)}))
    return folder


def test_pipeline_of_diffusers_has_all_its_models(tmp_path: Path) -> None:
    built = checkpoint.read(pipeline(tmp_path))
    model = built.model
    assert {path: module.type for path, module in zip(model.paths, model.modules, strict=True)} == {
        "": "TwoStage",
        "unet": "UNet2DModel",
        "unet.in": "",
        "unet.out": "",
        "vae": "KL",
        "vae.out": "",
    }
    page = layout(model, Options())
    assert (page.totals.count, page.ties) == (11, (("unet.out.weight", "unet.in.weight"),))
    assert model.notes == ("model_index.json lists text_encoder (CLIPTextModel), whose folder is missing: not shown",)
    sources = {Path(file).relative_to(tmp_path).as_posix() for file in built.sources}
    assert sources >= {"model_index.json", "vae/config.json", "unet/diffusion_pytorch_model.safetensors"}


def test_component_without_weights_is_noted_or_an_error(tmp_path: Path) -> None:
    (pipeline(tmp_path) / "text_encoder").mkdir()
    (tmp_path / "text_encoder/config.json").write_text("{}")
    [note] = checkpoint.read(tmp_path).model.notes
    assert "text_encoder (CLIPTextModel), whose weights are missing" in note
    (tmp_path / "text_encoder/model.bin").write_bytes(pickle.dumps(0))
    with pytest.raises(CheckpointError, match=r"text_encoder.model\.bin is pickled"):
        checkpoint.read(tmp_path)


SENTENCES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"},
]


def test_model_of_sentence_transformers_has_all_its_modules(tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text(json.dumps(SENTENCES))
    (tmp_path / "config.json").write_text('{"architectures": ["BertModel"]}')
    (tmp_path / "1_Pooling").mkdir()
    written(tmp_path / "model.safetensors", header_of({"embed.weight": (4, 2)}))
    alone = checkpoint.read(tmp_path).model
    assert (list(alone.paths), alone.root.type) == (["", "embed"], "BertModel")
    (tmp_path / "2_Dense").mkdir()
    written(tmp_path / "2_Dense/model.safetensors", header_of({"linear.weight": (3, 2)}))
    model = checkpoint.read(tmp_path).model
    assert list(model.paths) == ["", "0", "0.embed", "2", "2.linear"]
    assert [module.type for module in model.modules] == ["SentenceTransformer", "BertModel", "", "Dense", ""]
    assert layout(model, Options()).totals.count == 14


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is damaged"),
        ("{}", None),
        ("[1]", "is not the list of modules"),
        ('[{"name": "0", "path": "..", "type": "a.B"}]', "lists the folder '..'"),
        ('[{"name": "0", "path": "/etc", "type": "a.B"}]', "lists the folder '/etc'"),
        ('[{"name": "a.b", "path": "", "type": "a.B"}]', "lists the module 'a.b'"),
        (
            '[{"name": "0", "path": "", "type": "a.B"}, {"name": "0", "path": "x", "type": "a.B"}]',
            "lists the module '0' twice",
        ),
    ],
)
def test_damaged_list_of_modules_is_reported(content: str, message: str | None, tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text(content)
    written(tmp_path / "model.safetensors", SOUND)
    if message is None:
        assert checkpoint.read(tmp_path).model.root.type == ""
        return
    with pytest.raises(CheckpointError, match=message):
        checkpoint.read(tmp_path)


def test_other_checkpoints_of_a_folder_are_noted(tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    for name in ("adapter_model.safetensors", "adapter_model.fp16.safetensors", "extra.safetensors"):
        written(tmp_path / name, SOUND)
    written(tmp_path / "second/adapter_model.safetensors", SOUND)
    assert checkpoint.read(tmp_path).model.notes == ("the folder also contains extra.safetensors: not shown",)
    (tmp_path / "adapter_config.json").write_text("{}")
    assert checkpoint.read(tmp_path).model.notes == ("the folder also contains extra.safetensors, second: not shown",)


@pytest.mark.parametrize("lists", [{}, {"modules.json": SENTENCES}], ids=["adapter", "sentence-transformers"])
@pytest.mark.parametrize("has_others", [False, True], ids=["one", "several"])
def test_pages_depend_on_weights_that_can_appear_in_subfolders(has_others: bool, lists: dict, tmp_path: Path) -> None:
    for name, content in ({"adapter_config.json": {}} | lists).items():
        (tmp_path / name).write_text(json.dumps(content))
    for name in ("1_Pooling", "2_Dense"):
        (tmp_path / name).mkdir()
    written(tmp_path / "model.safetensors", SOUND)
    if has_others:
        written(tmp_path / "1_Pooling/model.safetensors", SOUND)
    read = checkpoint.read(tmp_path)
    assert CurrentValues().first_change(read.dependencies) is None
    written(tmp_path / "2_Dense/model.safetensors", SOUND)
    assert CurrentValues().first_change(read.dependencies) is not None
    assert checkpoint.read(tmp_path).model != read.model


def test_pages_depend_on_weights_of_components_that_can_appear(tmp_path: Path) -> None:
    (pipeline(tmp_path) / "text_encoder").mkdir()
    read = checkpoint.read(tmp_path)
    written(tmp_path / "text_encoder/model.safetensors", SOUND)
    assert CurrentValues().first_change(read.dependencies) is not None


def test_pages_depend_on_a_list_of_one_model(tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text(json.dumps(SENTENCES[:1]))
    written(tmp_path / "model.safetensors", SOUND)
    read = checkpoint.read(tmp_path)
    (tmp_path / "modules.json").write_text(json.dumps(SENTENCES))
    assert CurrentValues().first_change(read.dependencies) is not None


def test_part_that_is_named_alone_is_noted(tmp_path: Path) -> None:
    parts(tmp_path, (1, 2), 2)
    assert checkpoint.read(tmp_path).model.notes == ()
    assert checkpoint.read(tmp_path / "model-00002-of-00002.safetensors").model.notes == (
        "model-00002-of-00002.safetensors is part 2 of 2 of a checkpoint: the other parts are not shown",
    )
