"""The tree of a checkpoint, from the headers of its files: no torch, no code, no weights are read.

A checkpoint knows the names, shapes and data types of tensors. It knows no class of a module, which tensors are
parameters and which buffers, and what is trained.
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

from bmvis.errors import CheckpointError
from bmvis.gc_pause import paused_gc
from bmvis.model.tree import Buffer, Model, Module, Parameter
from bmvis.source import gguf, safetensors
from bmvis.source.facts import file_facts
from bmvis.source.packed_weights import unpack
from bmvis.source.tensor_file import MAX_HEADER, PICKLED, StoredTensor, TensorFile, quoted, read_bytes, refuse_pickle
from bmvis.worker.protocol import Built

MAX_MODULES = 1_000_000
"""A name of a thousand dots is a thousand modules: what a header of the largest size may grow to has a limit too."""
MAX_DEPTH = 10_000
"""Levels; a module deeper than that was not written by a program that trains."""
MAX_LETTERS = 500_000_000
"""Characters of all paths together: a path is written out for each module."""
_WEIGHTS = ("model.safetensors", "adapter_model.safetensors", "diffusion_pytorch_model.safetensors")
_INDEX = ".safetensors.index.json"
_DIGITS = re.compile(r"([0-9]+)")


def read(path: Path) -> Built:
    """Return the tree of a checkpoint: a file, the index of its parts, or the folder that has one of them.

    Args:
        path: a safetensors or GGUF file, an index of parts, or a folder.

    Raises:
        CheckpointError: there is none, it is damaged, or it is of a kind that only running its code can read.
    """
    with paused_gc():
        return _read(path)


def _read(path: Path) -> Built:
    found = _open(path)
    _require_fits(found.tensors, path)
    config = found.files[0].parent / "config.json"
    files = [*found.files, config] if config.is_file() else found.files
    written = _read_config(config) if config.is_file() else {}
    tensors = unpack(found.tensors, written)
    sources = tuple(os.path.abspath(file) for file in files)
    modules = tuple(_modules(tensors, found.type or _architecture(written), path))
    model = Model(modules, is_checkpoint=True, notes=found.notes)
    return Built(model, sources, file_facts(sources))


def _open(path: Path) -> TensorFile:
    """Return what the files hold that a path names."""
    if os.path.isdir(path):  # noqa: PTH112  # it may be any text
        return _open_folder(path)
    if path.name.endswith(".json"):
        return safetensors.read_index(path)
    if gguf.is_gguf(read_bytes(path, None, 8)):
        return gguf.read_file(path)
    return safetensors.read_file(path)


def _open_folder(folder: Path) -> TensorFile:
    """Return what the one checkpoint of a folder holds."""
    names = sorted(file.name for file in folder.iterdir() if file.is_file())
    for name in (n for weights in _WEIGHTS for n in (weights, f"{weights}.index.json")):
        if name in names:
            return _open(folder / name)
    files = [n for n in names if n.endswith(".safetensors")]
    found = [n for n in names if n.endswith(_INDEX)] or files or [n for n in names if n.endswith(".gguf")]
    if len(found) == 1 and not safetensors.parts_of(found):
        return _open(folder / found[0])
    if parts := safetensors.parts_of(found):
        return safetensors.read_parts([folder / name for name in parts])
    if found:
        raise CheckpointError(f"{folder} has {len(found)} checkpoints", hint=f"name one: {', '.join(found[:5])}")
    pickled = next((name for name in names if name.endswith(PICKLED)), "")
    if pickled:
        refuse_pickle(folder / pickled)
    raise CheckpointError(f"no .safetensors or .gguf file in {folder}", hint="name a file, or the folder that holds it")


def _read_config(config: Path) -> Mapping[str, Any]:
    """Return what a config.json says; {} if it is no object. What it fails to say is not needed."""
    try:
        found = json.loads(read_bytes(config, MAX_HEADER))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _architecture(config: Mapping[str, Any]) -> str:
    """Return the class that a config.json names; '' if none."""
    classes = config.get("architectures")
    return classes[0] if isinstance(classes, list) and classes and isinstance(classes[0], str) else ""


def _modules(tensors: Mapping[str, StoredTensor], kind: str, path: Path) -> Iterator[Module]:
    """Yield the modules that the names imply, in preorder, numbered ones in the order of their numbers.

    A file keeps no order that a model has: it is sorted by names.
    """
    placed = sorted((_place(name, path) for name in tensors), key=_order)
    ties = _ties(tensors, placed)

    def holding(name: str, depth: int, kind: str, places: Iterable[Sequence[str]]) -> Module:
        keys = [".".join(place) for place in places]
        return Module(
            name,
            depth,
            kind,
            parameters=tuple(
                _parameter(key, tensors[key], ties.get(key, ())) for key in keys if not tensors[key].is_bookkeeping
            ),
            buffers=tuple(_buffer(key, tensors[key]) for key in keys if tensors[key].is_bookkeeping),
        )

    yield holding("", 0, kind, [place for place in placed if len(place) == 1])
    trail: list[str] = []
    for above, group in groupby((place for place in placed if len(place) > 1), lambda place: place[:-1]):
        shared = sum(1 for _ in takewhile(lambda names: names[0] == names[1], zip(trail, above, strict=False)))
        for depth in range(shared, len(above) - 1):
            yield Module(above[depth], depth + 1, "")
        yield holding(above[-1], len(above), "", group)
        trail = above


def _ties(tensors: Mapping[str, StoredTensor], placed: Iterable[Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return for each tensor that has several names all of these, in the tree's order."""
    names: dict[str, tuple[str, ...]] = {}
    kept = {tensor.tied_to for tensor in tensors.values()}
    for name in map(".".join, placed):
        key = tensors[name].tied_to or name
        if key in kept:
            names[key] = (*names.get(key, ()), name)
    return {name: together for together in names.values() for name in together}


def _require_fits(tensors: Iterable[str], path: Path) -> None:
    """Require, before anything is sorted or made, that the modules which names imply have a reasonable size."""
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
        raise CheckpointError(f"{quoted(name)} in {path} has no place in a tree of modules")
    return parts


def _order(place: Sequence[str]) -> tuple[object, ...]:
    """Return what to sort by: modules by their names, of a module's own tensors `weight` before all others."""
    *above, name = place
    return (tuple(map(_natural, above)), name != "weight", _natural(name))


@lru_cache(maxsize=4096)
def _natural(name: str) -> tuple[tuple[str, int, str], ...]:
    """Return a key by which `layer10` comes after `layer9`."""
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
