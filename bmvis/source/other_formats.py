"""Refuse weight files and folders of other formats, with an error that names the format and what to do."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from bmvis.errors import MAX_CHOICES, CheckpointError, first_of

PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
SAVE = "save it with safetensors.torch.save_model, or save_pretrained"
READABLE = (".safetensors", ".gguf")
_MAX_FOLDERS = 1000
"""Maximum number of subfolders in which checkpoints are looked for."""
_ZIP = b"PK\x03\x04"
_PICKLES = (_ZIP, b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_HTML = (b"<!doctype html", b"<html")
_READS = "bmvis reads safetensors and GGUF"
_NAME = "name the PyTorch model or its checkpoint"
_UNPACK = "unpack it, and name the checkpoint in it"


class _Format(NamedTuple):
    """A format that bmvis does not read."""

    name: str
    suffixes: tuple[str, ...]
    start: bytes = b""
    """The first bytes of a file; '' if the suffix decides."""
    offset: int = 0
    """Where `start` is."""
    hint: str = _NAME


_FORMATS = (
    _Format("an ONNX file", (".onnx",)),
    _Format("an HDF5 file, as of Keras", (".h5", ".hdf5"), b"\x89HDF\r\n\x1a\n"),
    _Format("a Keras file", (".keras",)),
    _Format("a NumPy file", (".npy", ".npz"), b"\x93NUMPY"),
    _Format("a MessagePack file, as of Flax", (".msgpack",)),
    _Format("a TensorFlow file", (".pb",)),
    _Format("a TensorFlow Lite file", (".tflite",), b"TFL3", 4),
    _Format("an ExecuTorch program", (".pte",), b"ET12", 4),
    _Format("a TensorRT engine", (".engine", ".plan", ".trt")),
    _Format("a Core ML model", (".mlmodel",)),
    _Format(
        "a program of torch.export", (".pt2",), hint="name a factory that returns torch.export.load(path).module()"
    ),
    _Format("an archive", (".zip", ".mar"), hint=_UNPACK),
    _Format("an archive", (".tar", ".tgz", ".gz", ".nemo"), b"\x1f\x8b", hint=_UNPACK),
)
"""Formats by suffix and first bytes. A zip file of another name can be of PyTorch, which pickles."""


class _ForeignFolder(NamedTuple):
    """A folder of a format that bmvis does not read."""

    file: str
    """The pattern of a file that only folders of this format have."""
    what: str
    hint: str


_FOLDERS = (
    _ForeignFolder(
        "*.distcp",
        "is a distributed checkpoint of PyTorch, whose metadata is pickled",
        "convert it with `python -m torch.distributed.checkpoint.format_utils dcp_to_torch`, and save the weights as"
        " safetensors",
    ),
    _ForeignFolder(
        "zero_to_fp32.py",
        "is a checkpoint of DeepSpeed, which is pickled",
        "convert it: `python zero_to_fp32.py --safe_serialization . OUTPUT`",
    ),
    _ForeignFolder(
        "latest_checkpointed_iteration.txt",
        "is a checkpoint of Megatron-LM",
        "convert it to the format of transformers, or name a factory",
    ),
    _ForeignFolder("saved_model.pb", "is a SavedModel of TensorFlow", _NAME),
    _ForeignFolder("_METADATA", "is a checkpoint of Orbax, as of Flax", _NAME),
)


def refuse_other_formats(file: Path, start: bytes) -> None:
    """Raise an error that names the format of a file that is neither safetensors nor GGUF.

    Args:
        file: the path of the file.
        start: its first bytes, 16 or more if the file is longer.

    Raises:
        CheckpointError: the content or the name of the file is that of a known format.
    """
    if start.startswith(b"version https:") or start[:8] == b"version ":
        raise CheckpointError(f"{file} is a Git LFS pointer, not the file itself", hint="run `git lfs pull`")
    if start.lstrip()[:14].lower().startswith(_HTML):
        raise CheckpointError(
            f"{file} is an HTML page, not weights",
            hint="log in, or accept the license, and download it again",
        )
    is_torch_tar = file.name.endswith((".pth.tar", ".pt.tar"))
    for one in _FORMATS:
        is_content = one.start and start[one.offset :].startswith(one.start)
        if is_content or (file.name.lower().endswith(one.suffixes) and not is_torch_tar):
            raise CheckpointError(f"{file} is {one.name}: {_READS}", hint=one.hint)
    if start.startswith(_PICKLES) or file.name.endswith(PICKLED) or is_torch_tar:
        raise pickle_error(file)


def pickle_error(file: Path) -> CheckpointError:
    """Return the error of a pickled file."""
    return CheckpointError(f"{file} is pickled: reading it can run any code", hint=SAVE)


def folder_error(folder: Path, names: Sequence[str]) -> CheckpointError:
    """Return the error of a folder without safetensors or GGUF files: its format, or which of its folders has some.

    Args:
        folder: the path of the folder.
        names: the names of the files in it.
    """
    for one in _FOLDERS:
        if any(fnmatchcase(name, one.file) for name in names):
            return CheckpointError(f"{folder} {one.what}", hint=one.hint)
    none = f"no .safetensors or .gguf file in {folder}"
    if found := folders_with_checkpoints(folder):
        return CheckpointError(none, hint=f"name one of the folders in it: {first_of(found, MAX_CHOICES)}")
    if pickled := next((name for name in names if name.endswith(PICKLED)), ""):
        return pickle_error(folder / pickled)
    for name in names:
        for other in _FORMATS:
            if name.lower().endswith(other.suffixes):
                return CheckpointError(f"{none}: {name} is {other.name}", hint=other.hint)
    if "adapter_config.json" in names:
        return CheckpointError(
            f"{none}, only the configuration of an adapter",
            hint="add adapter_model.safetensors, or name a factory that returns get_peft_model(…)",
        )
    if "config.json" in names:
        return CheckpointError(f"{none}, only config.json", hint="write config: instead of checkpoint:")
    return CheckpointError(none, hint="name a checkpoint file, or its folder")


def folders_with_checkpoints(folder: Path) -> list[str]:
    """Return the names of the subfolders that contain safetensors or GGUF files, sorted by their numbers."""
    found = [below.name for below in subfolders(folder) if any(file.endswith(READABLE) for file in _names_in(below))]
    return sorted(found, key=lambda name: (len(name), name))


def subfolders(folder: Path) -> list[Path]:
    """Return the paths of the folders in a folder, at most 1,000."""
    with os.scandir(folder) as entries:
        return [folder / entry.name for entry in itertools.islice((e for e in entries if e.is_dir()), _MAX_FOLDERS)]


def _names_in(folder: Path) -> list[str]:
    try:
        return [file.name for file in folder.iterdir()]
    except OSError:  # a folder without permission has no checkpoint to name
        return []
