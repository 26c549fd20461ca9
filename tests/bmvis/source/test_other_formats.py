"""Files and folders of other formats: the error names the format, and nothing is unpickled."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bmvis.errors import CheckpointError
from bmvis.source import checkpoint


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
