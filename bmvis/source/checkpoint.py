"""Read the tree of a checkpoint from the headers of its files, without torch, without code, and without the weights.

A checkpoint has the names, shapes and data types of tensors. It does not have the classes of modules, whether a tensor
is a parameter or a buffer, and which parameters are trained.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any

import msgspec

from bmvis.errors import MAX_CHOICES, CheckpointError, first_of
from bmvis.gc_pause import paused_gc
from bmvis.model.tree import Buffer, Model, Module, Parameter
from bmvis.source import gguf, safetensors
from bmvis.source.checkpoint_parts import find_parts
from bmvis.source.dependencies import file_dependencies, with_value
from bmvis.source.other_formats import READABLE, folder_error, folders_with_checkpoints, subfolders
from bmvis.source.packed_weights import unpack_weights
from bmvis.source.tensor_file import MAX_HEADER, StoredTensor, TensorFile, quoted, read_bytes
from bmvis.worker.protocol import Built, Dependency

MAX_MODULES = 1_000_000
"""Maximum number of modules: a name with 1,000 dots implies 1,000 modules, so a small header can imply many."""
MAX_DEPTH = 10_000
"""Maximum depth of a module in levels; no training program writes deeper ones."""
MAX_LETTERS = 500_000_000
"""Maximum number of characters in all module paths together: each module stores its whole path."""
_WEIGHTS = ("model.safetensors", "adapter_model.safetensors", "diffusion_pytorch_model.safetensors")
_INDEX = ".safetensors.index.json"
_ADAPTER = "adapter_config.json"
"""The file in a folder that PEFT saves: https://huggingface.co/docs/peft/developer_guides/checkpoint"""
_DIGITS = re.compile(r"([0-9]+)")


def read(path: Path) -> Built:
    """Return the tree of a checkpoint.

    Args:
        path: a safetensors or GGUF file, an index of shards (`*.safetensors.index.json`), or a folder with one of them.

    Raises:
        CheckpointError: there is no such file, it is damaged, or its format cannot be read without running code.
    """
    with paused_gc():
        return _read_checkpoint(path)


def _read_checkpoint(path: Path) -> Built:
    found = _read_folder(path) if os.path.isdir(path) else _read_model(path)  # noqa: PTH112  # may be no valid path
    dependencies = [*file_dependencies(map(os.path.abspath, found.files))]
    sources = tuple(file.path for file in dependencies if file.value)
    dependencies += [with_value(Dependency("names", os.path.abspath(folder))) for folder in found.folders]
    modules = tuple(_modules(found.tensors, found.types, path))
    return Built(Model(modules, is_checkpoint=True, notes=found.notes), sources, tuple(dependencies))


class _ReadTensors(msgspec.Struct, frozen=True):
    """The tensors of a checkpoint as the model has them, not as they are packed."""

    tensors: Mapping[str, StoredTensor]
    types: Mapping[str, str]
    """The classes of modules, as far as they are known, by path."""
    files: Sequence[Path]
    folders: Sequence[Path] = ()
    """The folders whose names decide what is read."""
    notes: tuple[str, ...] = ()


def _read_folder(folder: Path) -> _ReadTensors:
    """Return the tensors of the models in a folder: of all in a pipeline, else of the only one."""
    names = _files_in(folder)
    found = find_parts(folder, names)
    if found is None:
        others = subfolders(folder) if _ADAPTER in names else []
        return msgspec.structs.replace(_read_model(folder), folders=[folder, *others])
    if not found.parts:
        read = _read_model(folder)
        return msgspec.structs.replace(read, files=[*read.files, found.file], folders=[folder, *found.folders])
    tensors: dict[str, StoredTensor] = {}
    types, files, notes = {"": found.type}, [found.file], [*found.notes]
    for part in found.parts:
        read = _read_model(part.folder)
        tensors |= {f"{part.name}.{name}": _below(part.name, tensor) for name, tensor in read.tensors.items()}
        types[part.name] = read.types[""] or part.type
        files += read.files
        notes += [f"{part.name}: {note}" for note in read.notes]
    _require_fits(tensors, folder)
    return _ReadTensors(tensors, types, files, [folder, *found.folders], tuple(notes))


def _below(name: str, tensor: StoredTensor) -> StoredTensor:
    return msgspec.structs.replace(tensor, tied_to=f"{name}.{tensor.tied_to}") if tensor.tied_to else tensor


def _read_model(path: Path) -> _ReadTensors:
    """Return the tensors of the file or folder of one model."""
    found = _open(path)
    _require_fits(found.tensors, path)
    config = found.files[0].parent / "config.json"
    written = _read_config(config) if config.is_file() else {}
    tensors, notes = unpack_weights(found.tensors, written)
    kind = found.type or _architecture(written)
    return _ReadTensors(tensors, {"": kind}, [*found.files, config], notes=(*found.notes, *notes))


def _open(path: Path) -> TensorFile:
    """Return the tensors of the files that a path names."""
    if os.path.isdir(path):  # noqa: PTH112  # the text may not be a valid path
        return _open_folder(path)
    if path.name.endswith(".json"):
        return safetensors.read_index(path)
    found = _read_file(path)
    note = safetensors.part_note(path)
    return msgspec.structs.replace(found, notes=(*found.notes, note)) if note else found


def _read_file(file: Path) -> TensorFile:
    return gguf.read_file(file) if gguf.is_gguf(read_bytes(file, None, 8)) else safetensors.read_file(file)


def _open_folder(folder: Path) -> TensorFile:
    """Return the tensors of the only checkpoint in a folder."""
    names = _files_in(folder)
    for name in (n for weights in _WEIGHTS for n in (weights, f"{weights}.index.json")):
        if name in names:
            return _with_others(_open(folder / name), folder, names)
    files = [n for n in names if n.endswith(".safetensors")]
    found = [n for n in names if n.endswith(_INDEX)] or files or [n for n in names if n.endswith(".gguf")]
    if len(found) == 1 and not safetensors.parts_of(found):
        return _open(folder / found[0])
    if parts := safetensors.parts_of(found):
        return safetensors.read_parts([folder / name for name in parts], _read_file)
    if found:
        raise CheckpointError(
            f"{folder} has {len(found)} checkpoints", hint=f"name one of them: {', '.join(found[:5])}"
        )
    raise folder_error(folder, names)


def _files_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if file.is_file())


def _with_others(found: TensorFile, folder: Path, names: Sequence[str]) -> TensorFile:
    """Add a note for other checkpoints in the folder of the one that has the usual name.

    PEFT saves the second adapter of a model in a subfolder.
    """
    shown = {file.name for file in found.files}
    stems = {file.name.partition(".")[0] for file in found.files}
    others = [n for n in names if n.endswith(READABLE) and n not in shown and n.partition(".")[0] not in stems]
    if _ADAPTER in names:
        others += folders_with_checkpoints(folder)
    if not others:
        return found
    note = f"the folder also contains {first_of(others, MAX_CHOICES)}: not shown"
    return msgspec.structs.replace(found, notes=(*found.notes, note))


def _read_config(config: Path) -> Mapping[str, Any]:
    """Return the content of a config.json; {} if it is not a JSON object, because the tree does not need it."""
    try:
        found = json.loads(read_bytes(config, MAX_HEADER))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _architecture(config: Mapping[str, Any]) -> str:
    """Return the first class in `architectures` of a config.json; '' if none."""
    classes = config.get("architectures")
    return classes[0] if isinstance(classes, list) and classes and isinstance(classes[0], str) else ""


def _modules(tensors: Mapping[str, StoredTensor], types: Mapping[str, str], path: Path) -> Iterator[Module]:
    """Yield the modules that the names of tensors imply, in preorder, numbered modules in the order of their numbers.

    The order of modules in the model is unknown: a checkpoint file is sorted by name.
    """
    placed = sorted((_place(name, path) for name in tensors), key=_order)
    ties = _ties(tensors, placed)

    def module_with(place: Sequence[str], keys_in_parts: Iterable[Sequence[str]]) -> Module:
        keys = [".".join(parts) for parts in keys_in_parts]
        return Module(
            place[-1] if place else "",
            len(place),
            types.get(".".join(place), ""),
            parameters=tuple(
                _parameter(key, tensors[key], ties.get(key, ())) for key in keys if not tensors[key].is_bookkeeping
            ),
            buffers=tuple(_buffer(key, tensors[key]) for key in keys if tensors[key].is_bookkeeping),
        )

    yield module_with([], [parts for parts in placed if len(parts) == 1])
    trail: list[str] = []
    for above, group in groupby((parts for parts in placed if len(parts) > 1), lambda parts: parts[:-1]):
        shared = sum(1 for _ in takewhile(lambda names: names[0] == names[1], zip(trail, above, strict=False)))
        for depth in range(shared, len(above) - 1):
            yield module_with(above[: depth + 1], [])
        yield module_with(above, group)
        trail = above


def _ties(tensors: Mapping[str, StoredTensor], placed: Iterable[Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return all names of each tensor that has several names, in the order of the tree."""
    names: dict[str, tuple[str, ...]] = {}
    kept = {tensor.tied_to for tensor in tensors.values()}
    for name in map(".".join, placed):
        key = tensors[name].tied_to or name
        if key in kept:
            names[key] = (*names.get(key, ()), name)
    return {name: together for together in names.values() for name in together}


def _require_fits(tensors: Iterable[str], path: Path) -> None:
    """Check the number, depth and total path length of the implied modules before any are created."""
    deep = next((name for name in tensors if name.count(".") > MAX_DEPTH), None)
    if deep is not None:
        raise CheckpointError(f"{quoted(deep)} in {path} is more than {MAX_DEPTH:,} levels deep")
    met, level, letters = set[str](), set(tensors), 0
    while level := {name.rpartition(".")[0] for name in level} - met - {""}:
        met |= level
        letters += sum(map(len, level))
        if len(met) >= MAX_MODULES:
            raise CheckpointError(f"{path} has more than {MAX_MODULES:,} modules")
        if letters > MAX_LETTERS:
            raise CheckpointError(f"the paths of all modules in {path} have more than {MAX_LETTERS:,} characters")


def _place(name: str, path: Path) -> list[str]:
    parts = name.split(".")
    if not all(parts):
        raise CheckpointError(f"{quoted(name)} in {path} is not a valid state-dict key: a part between dots is empty")
    return parts


def _order(parts: Sequence[str]) -> tuple[object, ...]:
    """Return the sort key of a tensor: by module path, then `weight` before the other tensors of the module."""
    *above, name = parts
    return (tuple(map(_natural, above)), name != "weight", _natural(name))


@lru_cache(maxsize=4096)
def _natural(name: str) -> tuple[tuple[str, int, str], ...]:
    """Return a sort key that puts `layer10` after `layer9`."""
    parts = _DIGITS.split(name)
    return tuple((text, len(digits), digits) for text, digits in zip(parts[::2], [*parts[1::2], ""], strict=True))


def _parameter(key: str, tensor: StoredTensor, tied: Sequence[str]) -> Parameter:
    return Parameter(
        key.rpartition(".")[2],
        tensor.shape,
        tensor.dtype,
        tensor.count,
        tensor.stored_bytes,
        quantization=tensor.quantization,
        tied_to=tied[0] if key in tied[1:] else "",
        tied_by=tuple(tied[1:]) if key in tied[:1] else (),
    )


def _buffer(key: str, tensor: StoredTensor) -> Buffer:
    return Buffer(key.rpartition(".")[2], tensor.shape, tensor.dtype, tensor.stored_bytes)
