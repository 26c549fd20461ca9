"""The tree of a safetensors checkpoint, from the headers of its files: no torch, no code, no weights are read.

A checkpoint knows the names, shapes and data types of tensors. It knows no class of a module, which tensors are
parameters and which buffers, what is trained, and what is tied.

A file of the format has eight bytes with the length of its header, the header in JSON, and the bytes of the tensors.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby, takewhile
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec

from bmvis.errors import CheckpointError
from bmvis.gc_pause import paused_gc
from bmvis.model.tree import Model, Module, Parameter
from bmvis.source import fingerprint
from bmvis.worker.protocol import Built

MAX_HEADER = 100_000_000
"""Bytes; the format's own limit."""
MAX_MODULES = 1_000_000
"""A name of a thousand dots is a thousand modules: what a header of the largest size may grow to has a limit too."""
MAX_DEPTH = 10_000
"""Levels; a module deeper than that was not written by a program that trains."""
MAX_LETTERS = 500_000_000
"""Characters of all paths together: a path is written out for each module."""
MAX_DIMENSIONS = 64
"""PyTorch's own limit."""

_DTYPES: Mapping[str, tuple[str, int]] = {
    "BOOL": ("bool", 8),
    "U8": ("uint8", 8),
    "I8": ("int8", 8),
    "U16": ("uint16", 16),
    "I16": ("int16", 16),
    "U32": ("uint32", 32),
    "I32": ("int32", 32),
    "U64": ("uint64", 64),
    "I64": ("int64", 64),
    "F16": ("float16", 16),
    "BF16": ("bfloat16", 16),
    "F32": ("float32", 32),
    "F64": ("float64", 64),
    "C64": ("complex64", 64),
    "F4": ("float4_e2m1fn", 4),
    "F6_E2M3": ("float6_e2m3fn", 6),
    "F6_E3M2": ("float6_e3m2fn", 6),
    "F8_E4M3": ("float8_e4m3fn", 8),
    "F8_E5M2": ("float8_e5m2", 8),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", 8),
    "F8_E5M2FNUZ": ("float8_e5m2fnuz", 8),
    "F8_E8M0": ("float8_e8m0fnu", 8),
}
"""What PyTorch calls the format's data types, and the bits of an element."""
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_WEIGHTS = ("model.safetensors", "adapter_model.safetensors", "diffusion_pytorch_model.safetensors")
_INDEX = ".safetensors.index.json"
_SAVE = "save it with safetensors.torch.save_model, or save_pretrained"
_DIGITS = re.compile(r"([0-9]+)")

_Size = Annotated[int, msgspec.Meta(ge=0)]
_HEADER = msgspec.json.Decoder(dict[str, dict[str, str | list[_Size]]])
"""Tensors, and `__metadata__`. Typed, so that a hostile header is refused before it takes memory."""


class _Tensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dtype: str
    shape: Annotated[tuple[_Size, ...], msgspec.Meta(max_length=MAX_DIMENSIONS)]
    data_offsets: tuple[_Size, _Size]


class _Index(msgspec.Struct, frozen=True):
    weight_map: msgspec.Raw
    """The file, beside the index, that holds each tensor."""


def read(path: Path) -> Built:
    """Return the tree of a checkpoint: a file, the index of its parts, or the folder that has one of them.

    Raises:
        CheckpointError: there is none, it is damaged, or it is of a kind that only running its code can read.
    """
    with paused_gc():
        return _read(path)


def _read(path: Path) -> Built:
    place = _in_folder(path) if os.path.isdir(path) else path  # noqa: PTH112  # it may be any text
    config = place.parent / "config.json"
    files = [place]
    tensors = _of_parts(place, files) if place.name.endswith(".json") else _of_file(place)
    _require_fits(tensors, path)
    kind = ""
    if config.is_file():
        files.append(config)
        kind = _architecture(config)
    sources = tuple(os.path.abspath(file) for file in files)
    modules = tuple(_modules(tensors, kind, path))
    return Built(Model(modules, is_checkpoint=True), sources, tuple(map(fingerprint.of_file, sources)))


def _in_folder(folder: Path) -> Path:
    """Return the file of a folder that holds the weights, or names those that do."""
    names = sorted(file.name for file in folder.iterdir() if file.is_file())
    for name in (n for weights in _WEIGHTS for n in (weights, f"{weights}.index.json")):
        if name in names:
            return folder / name
    found = [n for n in names if n.endswith(_INDEX)] or [n for n in names if n.endswith(".safetensors")]
    if len(found) == 1:
        return folder / found[0]
    if found:
        raise CheckpointError(f"{folder} has {len(found)} checkpoints", hint=f"name one: {', '.join(found[:5])}")
    pickled = next((name for name in names if name.endswith(_PICKLED)), "")
    if pickled:
        _refuse_pickle(folder / pickled)
    raise CheckpointError(f"no .safetensors file in {folder}", hint="name a file, or the folder that holds it")


def _refuse_pickle(file: Path) -> NoReturn:
    raise CheckpointError(f"{file} is pickled: to read it is to run whatever code it holds", hint=_SAVE)


def _of_parts(index: Path, files: list[Path]) -> dict[str, _Tensor]:
    """Return the tensors of a checkpoint in parts, and add these to `files`."""
    content = _bytes(index, MAX_HEADER)
    try:
        written = msgspec.json.decode(content, type=_Index).weight_map
        weights = msgspec.json.decode(written, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CheckpointError(f"{index} is no index of a checkpoint: {error}") from None
    _refuse_duplicates(bytes(written), index)
    parts: dict[str, dict[str, _Tensor]] = {}
    for name in sorted(set(weights.values())):
        if name in (".", "..") or re.search(r"[/\\:\0]", name) or not name.endswith(".safetensors"):
            raise CheckpointError(
                f"{index} names the part {_quoted(name)}", hint="a part is a .safetensors file beside its index"
            )
        files.append(index.parent / name)
        parts[name] = _of_file(files[-1])
    for tensor, name in weights.items():
        if tensor not in parts[name]:
            raise CheckpointError(
                f"{index.parent / name} does not hold {_quoted(tensor)}", hint=f"{index} says that it does"
            )
    return {tensor: parts[name][tensor] for tensor, name in weights.items()}


def _of_file(file: Path) -> dict[str, _Tensor]:
    """Return the tensors that the header of a file tells of, none of which it may lack."""
    content, rest = _header(file)
    try:
        written = _HEADER.decode(content)
        metadata = written.pop("__metadata__", {})
        tensors = msgspec.convert(written, dict[str, _Tensor])
        msgspec.convert(metadata, dict[str, str])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CheckpointError(f"the header of {file} is damaged: {error}", hint="get the file anew") from None
    if not _has_once(content, (b"data_offsets", b"dtype", b"shape"), len(tensors)):
        _refuse_duplicates(content, file)
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1].data_offsets):
        start, stop = tensor.data_offsets
        if start != end or stop - start != _size(name, tensor, file):
            raise CheckpointError(f"{_quoted(name)} is not where the header of {file} says", hint="get the file anew")
        end = stop
    if end != rest:
        what = "is cut short" if rest < end else "is longer than its header says"
        raise CheckpointError(f"{file} {what}: {rest:,} bytes of {end:,} follow the header", hint="get the file anew")
    return tensors


def _header(file: Path) -> tuple[bytes, int]:
    """Return the header of a file, and how many bytes follow it."""
    start = _bytes(file, None, 8)
    if start == b"version ":
        raise CheckpointError(f"{file} is a pointer of Git LFS, not the file itself", hint="run `git lfs pull`")
    if start.startswith(_PICKLES) or file.name.endswith(_PICKLED):
        _refuse_pickle(file)
    whole, length = file.stat().st_size, int.from_bytes(start, "little")
    if len(start) < 8:
        raise CheckpointError(f"{file} is cut short: it has {whole} bytes", hint="get the file anew")
    if length > MAX_HEADER:
        raise CheckpointError(
            f"{file} is no safetensors file, or damaged: its header would have {length:,} bytes", hint=_SAVE
        )
    if 8 + length > whole:
        raise CheckpointError(
            f"{file} is cut short: its header has {length:,} bytes, the file {whole:,}", hint="get the file anew"
        )
    return _bytes(file, None, 8 + length)[8:], whole - 8 - length


def _bytes(file: Path, limit: int | None, length: int = -1) -> bytes:
    """Return the first bytes of a file, or all of one that has no more than `limit`."""
    try:
        if not os.path.isfile(file):
            raise CheckpointError(f"no file {file}", hint="a path starts at the project's folder")
        if limit is not None and file.stat().st_size > limit:
            raise CheckpointError(f"{file} has more than {limit:,} bytes")
        with file.open("rb") as opened:
            return opened.read(length)
    except OSError as error:
        raise CheckpointError(f"{file} cannot be read: {error.strerror}") from None


def _has_once(content: bytes, keys: Sequence[bytes], count: int) -> bool:
    """Return whether JSON has each key as often as there are objects that need it: then no object is there twice.

    That one is there more often may also come of a text, and an escape may hide one: then this says nothing.
    """
    return b"\\" not in content and all(content.count(b'"%b"' % key) == count for key in keys)


def _refuse_duplicates(content: bytes, file: Path) -> None:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
            raise CheckpointError(f"{file} has {_quoted(twice)} twice", hint="one would hide the other; save it anew")
        return found

    json.loads(content, object_pairs_hook=once)


def _size(name: str, tensor: _Tensor, file: Path) -> int:
    if tensor.dtype not in _DTYPES:
        raise CheckpointError(f"{_quoted(name)} in {file} has an unknown data type, {tensor.dtype!r}")
    return -(-_count(tensor) * _DTYPES[tensor.dtype][1] // 8)


def _count(tensor: _Tensor) -> int:
    count = 1
    for size in tensor.shape:
        count *= size
    return count


def _architecture(config: Path) -> str:
    """Return the class that a config.json names; '' if none. What else it says, or fails to say, is not needed."""
    try:
        classes = json.loads(_bytes(config, MAX_HEADER)).get("architectures")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return classes[0] if isinstance(classes, list) and classes and isinstance(classes[0], str) else ""


def _modules(tensors: Mapping[str, _Tensor], kind: str, path: Path) -> Iterator[Module]:
    """Yield the modules that the names imply, in preorder, numbered ones in the order of their numbers.

    A file keeps no order that a model has: it is sorted by names.
    """
    placed = sorted((_place(name, path) for name in tensors), key=_order)
    root = tuple(_parameter(place[-1], tensors[place[-1]]) for place in placed if len(place) == 1)
    yield Module("", 0, kind, parameters=root)
    trail: list[str] = []
    for above, group in groupby((place for place in placed if len(place) > 1), lambda place: place[:-1]):
        shared = sum(1 for _ in takewhile(lambda names: names[0] == names[1], zip(trail, above, strict=False)))
        for depth in range(shared, len(above) - 1):
            yield Module(above[depth], depth + 1, "")
        parameters = tuple(_parameter(place[-1], tensors[".".join(place)]) for place in group)
        yield Module(above[-1], len(above), "", parameters=parameters)
        trail = above


def _require_fits(tensors: Iterable[str], path: Path) -> None:
    """Require, before anything is sorted or made, that the modules which names imply have a reasonable size."""
    deep = next((name for name in tensors if name.count(".") > MAX_DEPTH), None)
    if deep is not None:
        raise CheckpointError(f"{_quoted(deep)} in {path} is more than {MAX_DEPTH:,} levels deep")
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
        raise CheckpointError(f"{_quoted(name)} in {path} has no place in a tree of modules")
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


def _parameter(name: str, tensor: _Tensor) -> Parameter:
    start, stop = tensor.data_offsets
    return Parameter(name, tensor.shape, _DTYPES[tensor.dtype][0], _count(tensor), stop - start)


def _quoted(name: str) -> str:
    return repr(name if len(name) <= 80 else f"{name[:79]}…")
