"""`checkpoint:path` and `config:path`: trees from files instead of code."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from large_libraries import transformers
from safetensors.torch import save_file
from small_models import bert
from torch import nn

from bmvis import capture
from bmvis.child.transformers_config import build_from_config
from bmvis.errors import BmvisError, CheckpointError, InvalidReferenceError
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

Header = Mapping[str, Any]


def header_of(tensors: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return a header of contiguous float32 tensors."""
    found, end = {}, 0
    for name, shape in tensors.items():
        size = 4 * torch.Size(shape).numel()
        found[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    return found


def written(file: Path, header: Header | str | bytes, rest: int | None = None) -> Path:
    """Write a file with this header and `rest` bytes after it; by default as many as the header specifies."""
    if not isinstance(header, str | bytes):
        rest = max((t["data_offsets"][1] for n, t in header.items() if n != "__metadata__"), default=0)
        header = json.dumps(header)
    content = header.encode() if isinstance(header, str) else header
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(len(content).to_bytes(8, "little") + content + bytes(rest or 0))
    return file


def text(model: Model, **options: Any) -> str:
    return to_text(layout(model, Options(**options)))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save BERT with transformers: in one file, in parts, and only its configuration."""
    folder = tmp_path_factory.mktemp("saved")
    model = bert("BertForMaskedLM", num_hidden_layers=12)
    model.save_pretrained(folder / "whole")
    model.save_pretrained(folder / "parts", max_shard_size="60KB")
    (folder / "config").mkdir()
    (folder / "config/config.json").write_bytes((folder / "whole/config.json").read_bytes())
    return folder


@pytest.fixture(scope="module")
def source(saved: Path) -> Iterator[Source]:
    with Source(saved) as made:
        yield made


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


SOUND = header_of({"a.w": (2, 2), "b": (3,)})
DAMAGED: dict[str, tuple[Header | str | bytes, int, str]] = {
    "truncated": (json.dumps(SOUND), 20, "is truncated: 20 bytes of 28"),
    "too long": (json.dumps(SOUND), 30, "is longer than its header specifies"),
    "not json": ("{", 0, "is damaged"),
    "not utf-8": (b'{"\xff": 1}', 0, "is damaged"),
    "a list": ("[]", 0, "is damaged"),
    "nested": ('{"a": ' + "[" * 100_000, 0, "is damaged"),
    "a number for a tensor": ('{"a": 1}', 0, "is damaged"),
    "unknown field": ('{"a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4], "x": "y"}}', 4, "is damaged"),
    "negative shape": ('{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}', 4, "is damaged"),
    "many dimensions": (
        json.dumps({"a": {"dtype": "F32", "shape": [1] * 99, "data_offsets": [0, 4]}}),
        4,
        "is damaged",
    ),
    "unknown data type": (
        '{"a": {"dtype": "F99", "shape": [], "data_offsets": [0, 4]}}',
        4,
        "unknown data type, 'F99'",
    ),
    "wrong size": ('{"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}}', 4, "offsets of 'a'"),
    "overlap": (json.dumps({**SOUND, "c": SOUND["b"]}), 28, "the offsets of"),
    "hole": (json.dumps({"b": SOUND["b"]}), 28, "offsets of 'b'"),
    "twice": (json.dumps(SOUND)[:-1] + ', "b": ' + json.dumps(SOUND["b"]) + "}", 28, "contains 'b' twice"),
    "name with an empty part": (json.dumps(header_of({"a..b": (2,)})), 8, "'a..b' in .* is not a valid state-dict key"),
    "metadata that is not text": ('{"__metadata__": {"a": [1]}}', 0, "is damaged"),
}


@pytest.mark.parametrize(("header", "rest", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_file_is_reported(header: str, rest: int, message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        checkpoint.read(written(tmp_path / "x.safetensors", header, rest))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated: it has 0 bytes"),
        (b"\x10\0\0\0\0\0\0\0{}", "its header has 16 bytes, the file 10"),
        (b"\xff" * 8 + b"{}", "the header length is 18,446,744,073,709,551,615 bytes"),
        ((2_000_000_000).to_bytes(8, "little") + b"{}", "the header length is 2,000,000,000 bytes"),
        (b"version https://git-lfs.example/spec/v1\noid sha256:0\nsize 4\n", "Git LFS pointer"),
    ],
    ids=["empty", "truncated header", "huge header", "large header", "Git LFS"],
)
def test_file_of_another_format_is_reported(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.read(tmp_path / "x.safetensors")


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


@pytest.mark.parametrize("name", ['"dtype"', '\\"shape\\"', "data_offsets", "dt\u0079pe"])
def test_tensor_names_can_equal_header_keys(name: str, tmp_path: Path) -> None:
    header = header_of({f"a.{name}": (2,), "b": (1,)}) | {"__metadata__": {"data_offsets": name}}
    tree = checkpoint.read(written(tmp_path / "x.safetensors", header)).model
    assert {p.name for module in tree.modules for p in module.parameters} == {name, "b"}


def test_duplicate_with_escaped_key_is_found(tmp_path: Path) -> None:
    twice = json.dumps(SOUND)[:-1] + ', "b": ' + json.dumps(SOUND["b"]).replace("dtype", "dt\\u0079pe") + "}"
    twice = twice.replace("data_offsets", "data\\u005foffsets", 1).replace("shape", "sh\\u0061pe", 1)
    with pytest.raises(CheckpointError, match="contains 'b' twice"):
        checkpoint.read(written(tmp_path / "x.safetensors", twice, 28))


def test_too_deep_name_is_an_error(tmp_path: Path) -> None:
    file = written(tmp_path / "x.safetensors", header_of({".".join("a" * 20_000): (1,)}))
    with pytest.raises(CheckpointError, match="more than 10,000 levels deep"):
        checkpoint.read(file)


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("exploded"),))


def as_zip() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb()))
    return made.getvalue()


@pytest.mark.parametrize("name", ["model.bin", "model.pt", "model.safetensors"])
@pytest.mark.parametrize("content", [pickle.dumps(Bomb()), as_zip()], ids=["pickle", "zip"])
@pytest.mark.parametrize("by", ["file", "folder"])
def test_pickled_files_are_an_error_and_not_run(
    name: str, content: bytes, by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{name} is pickled: reading it can run any code"):
        checkpoint.read(tmp_path / name if by == "file" else tmp_path)
    assert not Path("exploded").exists()


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


def test_configuration_is_built_without_weights(source: Source, saved: Path) -> None:
    built = source.resolve("config:config")
    assert built.model.device == "meta"
    assert built.model.root.type == "BertForMaskedLM"
    with torch.device("meta"):
        expected = transformers.BertForMaskedLM(transformers.BertConfig.from_pretrained(saved / "config"))
    assert layout(built.model, Options()).totals.count == sum(p.numel() for p in expected.parameters())
    assert built.sources == (str(saved / "config/config.json"),)


def test_configuration_sets_the_dtype_and_without_a_class_is_the_base_model(saved: Path) -> None:
    config = json.loads((saved / "config/config.json").read_text())
    (saved / "bare.json").write_text(json.dumps({**config, "architectures": None, "dtype": "bfloat16"}))
    with torch.device("meta"):
        model = capture(build_from_config(str(saved / "bare.json")))
    assert model.root.type == "BertModel"
    assert layout(model, Options()).dtypes == ("bfloat16",)


def test_class_of_a_configuration_is_imported_with_unchanged_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A template imports it ahead only then: the next models of transformers take a tenth of the time."""
    sizes = dict.fromkeys(("n_embd", "n_head", "n_layer", "n_positions", "vocab_size"), 2)
    config = {"model_type": "openai-gpt", "architectures": ["OpenAIGPTLMHeadModel"], **sizes}
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = []

    class Spy:
        def find_spec(self, name: str, *_: object) -> None:
            if name.endswith(".modeling_openai"):
                found.append(constants.HF_HUB_OFFLINE)

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(sys, "meta_path", [Spy(), *sys.meta_path])
    with torch.device("meta"):
        assert type(build_from_config(str(tmp_path))).__name__ == "OpenAIGPTLMHeadModel"
    assert found == [False]
    assert constants.HF_HUB_OFFLINE is False


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "configuration file 'odd.json' not found"),
        ("{", "transformers cannot read the configuration"),
        ('{"a": 1}', "transformers cannot read the configuration"),
        ('{"model_type": "no-such"}', "transformers cannot read the configuration"),
        (
            '{"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"}}',
            "transformers cannot read the configuration",
        ),
    ],
    ids=["missing", "no json", "no type", "unknown type", "custom code"],
)
def test_unreadable_configuration_is_reported(content: str | None, message: str, source: Source, saved: Path) -> None:
    (saved / "mine.py").write_text("open('exploded', 'w').close()")
    if content is not None:
        (saved / "odd.json").write_text(content)
    try:
        with pytest.raises(BmvisError, match=message) as raised:
            source.resolve("config:odd.json")
    finally:
        (saved / "odd.json").unlink(missing_ok=True)
        source._known.clear()
    assert isinstance(raised.value, InvalidReferenceError)
    assert not (saved / "exploded").exists()


def test_module_named_config_is_reachable_with_a_call(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text("from torch import nn\ndef build(): return nn.Linear(2, 3)\n")
    with Source(tmp_path, path=(".",)) as other:
        assert other.resolve("config:build()").model.root.type == nn.Linear.__name__


@pytest.mark.parametrize("length", [640, 896, 1152, 1408, 19280])
def test_header_length_that_looks_like_a_pickle_is_read(length: int, tmp_path: Path) -> None:
    header = json.dumps(header_of({"a.weight": (2, 2)})).ljust(length)
    assert len(checkpoint.read(written(tmp_path / "x.safetensors", header, 16)).model.modules) == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.onnx", b"\x08\x07\x12\x07pytorch" + bytes(32), "is an ONNX file: bmvis reads safetensors and GGUF"),
        ("m.h5", b"", "is an HDF5 file"),
        ("m.bin", b"\x89HDF\r\n\x1a\n" + bytes(32), "is an HDF5 file"),
        ("m.keras", b"PK\x03\x04", "is a Keras file"),
        ("m.npz", b"PK\x03\x04", "is a NumPy file"),
        ("m.pt2", b"PK\x03\x04", "is a program of torch.export"),
        ("m.bin", bytes(4) + b"TFL3", "is a TensorFlow Lite file"),
        ("m.tar.gz", b"\x1f\x8b", "is an archive"),
        ("m.nemo", bytes(600), "is an archive"),
        ("m.safetensors", b"<!DOCTYPE html><html><body>Access denied", "is an HTML page, not weights"),
        ("m.safetensors", b"\n<html>" + bytes(40), "is an HTML page, not weights"),
        ("m.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "is a Git LFS pointer"),
    ],
    ids=["onnx", "h5", "hdf5", "keras", "npz", "pt2", "tflite", "gz", "nemo", "html", "html-after-a-line", "lfs"],
)
def test_error_names_another_format(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as raised:
        checkpoint.read(tmp_path / name)
    assert "bytes" not in raised.value.message


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


def test_tensors_missing_from_the_index_are_noted(tmp_path: Path) -> None:
    written(tmp_path / "p.safetensors", header_of({"a.weight": (2, 2), "b.weight": (2, 2)}))
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a.weight": "p.safetensors"}}))
    assert checkpoint.read(tmp_path).model.notes == (
        "p.safetensors contains 1 tensor that the index does not list, such as 'b.weight': not shown",
    )


@pytest.mark.parametrize("size", [2**63, 2**70, 10**30])
def test_size_over_64_bits_is_an_error(size: int, tmp_path: Path) -> None:
    header = {"a.weight": {"dtype": "F32", "shape": [size, 0], "data_offsets": [0, 0]}}
    with pytest.raises(CheckpointError, match="is damaged"):
        checkpoint.read(written(tmp_path / "x.safetensors", header))


def test_checkpoint_with_a_million_tensors_is_rejected_quickly(tmp_path: Path) -> None:
    entry = '":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    header = "{" + ",".join(f'"{number}{entry}' for number in range(1_000_000)) + "}"
    file = written(tmp_path / "x.safetensors", header)
    script = (
        "import resource, sys, time\nfrom pathlib import Path\nfrom bmvis.source import checkpoint\n"
        "from bmvis.errors import CheckpointError\nbegan = time.process_time()\n"
        "try: checkpoint.read(Path(sys.argv[1]))\nexcept CheckpointError as error: print(error.message)\n"
        "import re\npeak = int(re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1])\n"
        "assert time.process_time() - began < 2\nassert peak < 300_000, peak"
    )
    done = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, text=True, check=False)
    assert "has more than 500,000 tensors" in done.stdout, done.stderr
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("files", "message", "hint"),
    [
        (["a.distcp", ".metadata"], "distributed checkpoint of PyTorch", "dcp_to_torch"),
        (["zero_to_fp32.py", "latest"], "checkpoint of DeepSpeed", "zero_to_fp32.py --safe_serialization"),
        (["latest_checkpointed_iteration.txt"], "checkpoint of Megatron-LM", "name a factory"),
        (["saved_model.pb"], "SavedModel of TensorFlow", "name the PyTorch model"),
        (["tf_model.h5", "config.json"], "tf_model.h5 is an HDF5 file", "name the PyTorch model"),
        (["adapter_config.json"], "only the configuration of an adapter", "add adapter_model.safetensors"),
        (["config.json"], "only config.json", "write config: instead of checkpoint:"),
        (
            ["training_args.bin", "run-10/model.safetensors", "run-9/model.safetensors"],
            "no .safeten",
            ": run-9, run-10",
        ),
        (["notes.txt"], "no .safetensors or .gguf file", "name a checkpoint file, or its folder"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_folder_of_another_format_has_what_to_do(files: list[str], message: str, hint: str, tmp_path: Path) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(CheckpointError, match=message) as raised:
        checkpoint.read(tmp_path)
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("config.json", "write config: instead of checkpoint:"),
        ("other.json", "name the folder, a weight file, or an index"),
    ],
)
def test_other_json_file_has_what_to_name(name: str, hint: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(CheckpointError, match="is not the index of a checkpoint") as raised:
        checkpoint.read(tmp_path / name)
    assert raised.value.hint.startswith(hint)


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
