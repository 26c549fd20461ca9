"""`checkpoint:path`: trees from files instead of code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from safetensors_files import SOUND, header_of, written

from bmvis.errors import CheckpointError, InvalidReferenceError
from bmvis.model.preorder import module_paths
from bmvis.model.snapshot import Snapshot, dump, load
from bmvis.model.tree import Model
from bmvis.options.definitions import Options
from bmvis.reference import parse_reference, short_name
from bmvis.render.html.map import to_map
from bmvis.render.html.tree import to_html
from bmvis.render.json_data import to_data
from bmvis.render.text import to_text
from bmvis.source import checkpoint
from bmvis.source.dependencies import CurrentValues
from bmvis.source.source import Source
from bmvis.view.layout import layout


def text(model: Model, **options: Any) -> str:
    return to_text(layout(model, Options(**options)))


def test_checkpoint_tree_has_names_shapes_and_dtypes(saved: Path) -> None:
    drawn = text(checkpoint.read(saved / "whole").model)
    assert "│           └── 0-11\n" in drawn
    assert "│               │       └── key,query,value weight:[32, 32] bias:[32]\n" in drawn
    assert drawn.splitlines()[-1].startswith("BertForMaskedLM: ")


def test_checkpoint_tree_claims_no_classes_or_training_state(saved: Path) -> None:
    model = checkpoint.read(saved / "whole").model
    page = layout(model, Options(map=True))
    drawn = to_text(page) + to_html(page, "bert") + str(to_map(page))
    assert "trainable" not in drawn.replace("bmvis-trainable", "")
    assert "parameters" not in drawn
    assert "()" not in drawn
    assert drawn.count("<i>") == drawn.count("<i>(BertForMaskedLM)</i>") == 1  # of the root, from its configuration
    data = to_data(page, "checkpoint:whole", "meta")
    assert data["checkpoint"] is True
    assert set(data["totals"]) == {"elements", "bytes"}


def test_checkpoint_in_parts_equals_checkpoint_in_one_file(saved: Path) -> None:
    whole, parts = checkpoint.read(saved / "whole"), checkpoint.read(saved / "parts")
    assert len(list((saved / "parts").glob("*.safetensors"))) > 2
    assert parts.model == whole.model
    assert checkpoint.read(saved / "parts/model.safetensors.index.json").model == whole.model


def test_pages_depend_on_every_file_that_was_read(saved: Path) -> None:
    names = {Path(file).name for file in checkpoint.read(saved / "parts").sources}
    assert names == {file.name for file in (saved / "parts").iterdir()} - {"generation_config.json"}


@pytest.mark.parametrize("new", ["config.json", "another.safetensors", "model.safetensors"])
def test_pages_depend_on_files_that_can_appear(new: str, tmp_path: Path) -> None:
    written(tmp_path / "one.safetensors", header_of({"a.w": (2, 2)}))
    read = checkpoint.read(tmp_path)
    assert CurrentValues().first_change(read.dependencies) is None
    (tmp_path / new).write_text("{}")
    assert CurrentValues().first_change(read.dependencies) is not None


def test_totals_match_the_file(tmp_path: Path) -> None:
    tensors = {
        "a.w": torch.zeros(3, 4, dtype=torch.bfloat16),
        "a.b": torch.zeros(5),
        "n": torch.zeros((), dtype=torch.int64),
    }
    save_file(tensors, tmp_path / "x.safetensors")
    page = layout(checkpoint.read(tmp_path / "x.safetensors").model, Options())
    assert (page.totals.count, page.totals.stored_bytes) == (18, 24 + 20 + 8)
    assert page.dtypes == ("bfloat16", "float32", "int64")


@pytest.mark.parametrize(
    "dtype",
    [torch.float8_e4m3fn, torch.float8_e5m2, torch.bool, torch.float64, torch.uint8, torch.complex64],
    ids=str,
)
def test_data_types_have_pytorch_names(dtype: torch.dtype, tmp_path: Path) -> None:
    save_file({"w": torch.zeros(4, 2).to(dtype)}, tmp_path / "x.safetensors")
    (parameter,) = checkpoint.read(tmp_path / "x.safetensors").model.root.parameters
    assert f"torch.{parameter.dtype}" == str(dtype)


def test_numbered_modules_are_sorted_by_number(tmp_path: Path) -> None:
    names = [f"layer.{n}.w" for n in (10, 9, 1, 0, 11)] + ["layer10.w", "layer9.w", "layer.w", "w"]
    file = written(tmp_path / "x.safetensors", header_of(dict.fromkeys(names, (2,))))
    model = checkpoint.read(file).model
    assert module_paths(model.modules) == ["", "layer", *(f"layer.{n}" for n in (0, 1, 9, 10, 11)), "layer9", "layer10"]
    assert [p.name for p in model.root.parameters] == ["w"]


def test_weight_is_the_first_parameter(tmp_path: Path) -> None:
    file = written(tmp_path / "x.safetensors", header_of({"bias": (2,), "weight": (2, 2), "a": (1,)}))
    assert [p.name for p in checkpoint.read(file).model.root.parameters] == ["weight", "a", "bias"]


def test_malicious_names_are_text(tmp_path: Path) -> None:
    file = written(tmp_path / "x.safetensors", header_of({"<img src=x onerror=alert(1)>.w": (2,)}))
    assert "<img" not in to_html(layout(checkpoint.read(file).model, Options()), "a")


def test_deep_names_need_no_recursion(tmp_path: Path) -> None:
    file = written(tmp_path / "x.safetensors", header_of({".".join(["a"] * 3000): (2,)}))
    assert len(checkpoint.read(file).model.modules) == 3000


def test_empty_checkpoint_is_an_empty_tree(tmp_path: Path) -> None:
    assert "no parameters" in text(checkpoint.read(written(tmp_path / "x.safetensors", {})).model)


def test_header_with_too_many_modules_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "MAX_MODULES", 100)
    file = written(tmp_path / "x.safetensors", header_of({".".join("a" * 200): (1,)}))
    with pytest.raises(CheckpointError, match="more than 100 modules"):
        checkpoint.read(file)


def test_module_counts_once_for_all_its_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "MAX_MODULES", 4)
    names = ["w", "a.w", "a.b.w", "a.b.c.w", "a.b.c.v"]
    tree = checkpoint.read(written(tmp_path / "x.safetensors", header_of(dict.fromkeys(names, (1,))))).model
    assert [module.name for module in tree.modules] == ["", "a", "b", "c"]


def test_paths_with_too_many_characters_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checkpoint.MAX_LETTERS == 500_000_000
    monkeypatch.setattr(checkpoint, "MAX_LETTERS", 5_000_000)
    header = header_of({".".join(["a" * 1_000] * 500): (1,)})
    with pytest.raises(CheckpointError, match="more than 5,000,000 characters"):
        checkpoint.read(written(tmp_path / "x.safetensors", header))


def test_too_deep_name_is_an_error(tmp_path: Path) -> None:
    file = written(tmp_path / "x.safetensors", header_of({".".join("a" * 20_000): (1,)}))
    with pytest.raises(CheckpointError, match="more than 10,000 levels deep"):
        checkpoint.read(file)


@pytest.mark.parametrize("config", ["", "[]", "{}", '{"architectures": 1}', '{"architectures": [1]}', "[" * 100_000])
def test_config_without_a_class_is_ignored(config: str, tmp_path: Path) -> None:
    written(tmp_path / "model.safetensors", SOUND)
    (tmp_path / "config.json").write_text(config)
    assert text(checkpoint.read(tmp_path).model).splitlines()[-1].startswith("checkpoint: 7 elements; float32")


def test_snapshot_of_a_checkpoint_round_trips(saved: Path) -> None:
    model = checkpoint.read(saved / "whole").model
    assert load(dump(Snapshot("checkpoint:whole", model))).model == model


def test_checkpoint_needs_no_torch_and_no_process(saved: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from bmvis.source.source import Source\n"
        "with Source(Path('.'), python='no-such-python') as source:\n"
        "    source.resolve('checkpoint:parts')\n"
        "print('torch' in sys.modules, 'safetensors' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=saved, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("False False\n", "")


@pytest.mark.parametrize(
    ("allow", "reference", "is_allowed"),
    [
        ("checkpoint:whole/*", "checkpoint:whole/model.safetensors", True),
        ("checkpoint:whole/*", "checkpoint:whole/../parts/model.safetensors.index.json", False),
        ("zoo:*", "checkpoint:whole", False),
        ("config:*", "checkpoint:whole", False),
    ],
)
def test_allow_patterns_apply_to_files(allow: str, reference: str, is_allowed: bool, saved: Path) -> None:
    with Source(saved, allow=[allow]) as source:
        if is_allowed:
            assert source.resolve(reference).model.is_checkpoint
        else:
            with pytest.raises(InvalidReferenceError, match="is not allowed by"):
                source.resolve(reference)


@pytest.mark.parametrize(
    ("reference", "stem"),
    [
        ("checkpoint:weights/my model.safetensors", "my-model"),
        ("config:bert/config.json", "config"),
        ("config:build()", "build"),
        ("config:Zoo.build(2)", "Zoo.build"),
        ("pkg.config:build", "build"),
    ],
)
def test_short_name_of_a_file_reference(reference: str, stem: str) -> None:
    assert short_name(reference) == stem


@pytest.mark.parametrize("reference", ["checkpoint:", "config: ", "config:a\0b"])
def test_file_reference_needs_a_path(reference: str) -> None:
    with pytest.raises(InvalidReferenceError, match="has no valid path"):
        parse_reference(reference)


@pytest.mark.parametrize("name", ["head.weight", "a_head.weight"], ids=["later", "earlier"])
def test_dropped_name_is_tied_and_counts_once(name: str, tmp_path: Path) -> None:
    header = header_of({"embed.weight": (50, 8), "body.weight": (8, 8)})
    header["__metadata__"] = {name: "embed.weight", "format": "pt"}
    page = layout(checkpoint.read(written(tmp_path / "x.safetensors", header)).model, Options())
    assert page.totals.count == 464
    assert page.totals.stored_bytes == 4 * 464
    assert page.ties == (max((name, "embed.weight"), ("embed.weight", name), key=lambda pair: pair[0]),)


@pytest.mark.parametrize(
    "metadata", [{"head.weight": "absent"}, {"embed.weight": "body.weight"}, {"..": "embed.weight"}, {"format": "pt"}]
)
def test_other_metadata_ties_nothing(metadata: dict[str, str], tmp_path: Path) -> None:
    header = header_of({"embed.weight": (50, 8), "body.weight": (8, 8)}) | {"__metadata__": metadata}
    page = layout(checkpoint.read(written(tmp_path / "x.safetensors", header)).model, Options())
    assert (page.totals.count, page.ties) == (464, ())
