"""Find the models in a folder of several: a pipeline of diffusers, or a model of sentence-transformers. Internal.

- `model_index.json` of diffusers maps names of components to `[library, class]`, each with a folder of its own:
  https://huggingface.co/docs/diffusers/using-diffusers/loading
- `modules.json` of sentence-transformers lists modules with their name, class and folder, '' for the folder itself:
  https://sbert.net/docs/sentence_transformer/usage/custom_models.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bmvis.errors import CheckpointError
from bmvis.source.other_formats import PICKLED, READABLE
from bmvis.source.tensor_file import MAX_HEADER, quoted, read_bytes

PIPELINE, MODULES = "model_index.json", "modules.json"
_NAME = re.compile(r"[\w-]+")


class CheckpointPart(msgspec.Struct, frozen=True):
    """A model in a folder of several."""

    name: str
    folder: Path
    type: str
    """The class that the list of the folder names."""


class PartList(msgspec.Struct, frozen=True):
    """The models that a folder lists."""

    file: Path
    """The list."""
    type: str
    """The class of the whole."""
    parts: tuple[CheckpointPart, ...]
    """Those that have weights; none if that is only a model in the folder itself."""
    folders: tuple[Path, ...]
    """The folders of all."""
    notes: tuple[str, ...] = ()


def find_parts(folder: Path, names: list[str]) -> PartList | None:
    """Return the models that a folder lists; None if it has no list.

    Args:
        folder: the path of the folder.
        names: the names of the files in it.

    Raises:
        CheckpointError: the list is damaged, or names a folder elsewhere.
    """
    if PIPELINE in names:
        file = folder / PIPELINE
        kind, listed = _of_pipeline(file)
    elif MODULES in names:
        file = folder / MODULES
        kind, listed = "SentenceTransformer", _of_modules(file)
    else:
        return None
    names_of_parts = [name for name, _, _ in listed]
    for number, name in enumerate(names_of_parts):
        if not _NAME.fullmatch(name):
            raise CheckpointError(f"{file} lists the module {quoted(name)}", hint="a name has no dots")
        if name in names_of_parts[:number]:
            raise CheckpointError(f"{file} lists the module {quoted(name)} twice")
    parts = [CheckpointPart(name, _inside(folder, path, file), cls) for name, path, cls in listed]
    folders = tuple(part.folder for part in parts)
    found = tuple(part for part in parts if _has_weights(part.folder))
    if [part.folder for part in found] in ([], [folder]):
        return PartList(file, kind, (), folders)
    return PartList(file, kind, found, folders, tuple(_missing(parts)) if file.name == PIPELINE else ())


def _of_pipeline(file: Path) -> tuple[str, list[tuple[str, str, str]]]:
    content = _read(file)
    if not isinstance(content, dict):
        raise CheckpointError(f"{file} is not the index of a pipeline of diffusers")
    listed = [
        (name, name, value[1])
        for name, value in content.items()
        if isinstance(value, list) and len(value) == 2 and isinstance(value[1], str)
    ]
    kind = content.get("_class_name")
    return kind if isinstance(kind, str) else "", listed


def _of_modules(file: Path) -> list[tuple[str, str, str]]:
    content = _read(file)
    try:
        return [(str(one["name"]), str(one["path"]), str(one["type"]).rpartition(".")[2]) for one in content]
    except (KeyError, TypeError):
        raise CheckpointError(f"{file} is not the list of modules of sentence-transformers") from None


def _read(file: Path) -> Any:
    try:
        return json.loads(read_bytes(file, MAX_HEADER))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{file} is damaged: {error}") from None


def _inside(folder: Path, path: str, file: Path) -> Path:
    """Return the folder of a part, which is in the folder of the list."""
    if path and not _NAME.fullmatch(path):
        raise CheckpointError(
            f"{file} lists the folder {quoted(path)}", hint="a part must be a folder next to the list"
        )
    return folder / path


def _has_weights(folder: Path) -> bool:
    return folder.is_dir() and any(file.name.endswith((*READABLE, *PICKLED)) for file in folder.iterdir())


def _missing(parts: list[CheckpointPart]) -> Iterator[str]:
    """Yield a note for each component of a pipeline that lacks its folder, or its weights if it has a config.json.

    A tokenizer or scheduler has no weights, and no config.json.
    """
    for part in parts:
        if not part.folder.is_dir():
            yield f"{PIPELINE} lists {part.name} ({part.type}), whose folder is missing: not shown"
        elif (part.folder / "config.json").is_file() and not _has_weights(part.folder):
            yield f"{PIPELINE} lists {part.name} ({part.type}), whose weights are missing: not shown"
