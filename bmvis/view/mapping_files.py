"""Mapping files: common names for the modules of an architecture.

A mapping is a TOML file. It maps module paths, relative to the model, to paths in the common structure. `$` matches
any single name, which is copied to the result:

```toml
models = ["BertModel"]  # the classes that the paths are relative to

[names]
"encoder.layer.$.attention.self.query" = "encoder.block.$.attn.q"

[optional]  # modules that not every such model has
"pooler" = "pooler"

[heads]  # also optional: siblings of the model, relative to its parent
"cls.predictions.decoder" = "lm_head.proj"
```

`extends = "bert"` extends a built-in mapping. The common names are those of OpenDelta's `CommonStructureMap`:
https://github.com/thunlp/OpenDelta/blob/main/opendelta/utils/structure_mapping.py. Rows have the order of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from bmvis.errors import CommonStructureError, nearest
from bmvis.untrusted.toml_text import parse_toml

FOLDER = Path(__file__).parent / "mappings"
ANY = "$"
LARGEST = 1_000_000
"""Maximum size of a mapping file, in bytes. The largest built-in one has 3,000."""
DEEPEST = 64
"""Maximum number of names in a path of a mapping."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    models: tuple[str, ...]
    names: dict[str, str] = {}
    optional: dict[str, str] = {}
    heads: dict[str, str] = {}
    extends: str = ""


class NameMapping(msgspec.Struct, frozen=True):
    """A parsed mapping."""

    name: str
    models: tuple[str, ...]
    """Names of the classes that the paths in `names` are relative to."""
    names: Mapping[str, str]
    required: frozenset[str]
    """Common paths that every matching model has."""
    heads: Mapping[str, str]


def mapping_for(types: Iterable[str]) -> NameMapping | None:
    """Return the built-in mapping for the first class name that has one; None if there is none."""
    known = {model: name for name in own_names() for model in read_own(name).models}
    return next((read_own(known[type_]) for type_ in types if type_ in known), None)


def own_names() -> list[str]:
    """Return the names of the built-in mappings."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def read_mapping(written: str) -> NameMapping:
    """Read a built-in mapping by its name, or a `.toml` file.

    Raises:
        CommonStructureError: the mapping does not exist, or cannot be read.
    """
    if not written.endswith(".toml"):
        return read_own(written)
    file = Path(written)
    try:
        if file.stat().st_size > LARGEST:
            raise CommonStructureError(f"the mapping {file.name} has more than {LARGEST:,} bytes")
        return _parse_mapping(file.name, file.read_bytes())
    except OSError as error:
        raise CommonStructureError(f"cannot read the mapping {file}: {error.strerror}") from None


@cache
def read_own(name: str) -> NameMapping:
    """Read a built-in mapping.

    Raises:
        CommonStructureError: there is no built-in mapping of this name.
    """
    if name not in own_names():
        raise CommonStructureError(
            f"unknown mapping {name!r}", hint=f"{nearest(name, own_names())}; or set the path of a .toml file"
        )
    return _parse_mapping(name, (FOLDER / f"{name}.toml").read_bytes())


def from_opendelta(written: Mapping[str, Any], model: str) -> NameMapping:
    """Convert a mapping in the format of OpenDelta and bigmodelvis: nested dictionaries with `__name__`."""
    names: dict[str, str] = {}
    pending: list[tuple[str, str, Mapping[str, Any]]] = [("", "", written)]
    while pending:
        path, common, level = pending.pop()
        for key, below in level.items():
            if not isinstance(below, Mapping):
                continue
            here = f"{path}.{key}" if path else key
            # An empty name: the module has no common name.
            there = f"{common}.{below['__name__']}".lstrip(".") if below.get("__name__") else ""
            if there:
                names[here] = there
                pending.append((here, there, below))
    return NameMapping("given", (model,), names, frozenset(), {})


def _parse_mapping(name: str, content: bytes) -> NameMapping:
    try:
        file = msgspec.convert(parse_toml(content.decode()), _File)
    except msgspec.ValidationError as error:
        raise CommonStructureError(
            f"the mapping {name} is invalid: {error}", hint="the keys are models, extends, names, optional, heads"
        ) from None
    except (ValueError, RecursionError) as error:
        raise CommonStructureError(f"cannot parse the mapping {name}: {error}") from None
    _check(name, file)
    base = read_own(file.extends) if file.extends else NameMapping("", (), {}, frozenset(), {})
    return NameMapping(
        name=name,
        models=file.models,
        names={**base.names, **file.names, **file.optional},
        required=base.required | frozenset(file.names.values()),
        heads={**base.heads, **file.heads},
    )


def _check(name: str, file: _File) -> None:
    """Check that all paths are valid, and that both paths of each pair have the same number of `$`.

    Raises:
        CommonStructureError: a path is invalid, or the numbers differ.
    """
    for table, names in (("names", file.names), ("optional", file.optional), ("heads", file.heads)):
        for path, common in names.items():
            problem = f"the mapping {name} has, below [{table}], {path!r} = {common!r}"
            for text in (path, common):
                if not all(text.split(".")) or text.count(".") >= DEEPEST:
                    raise CommonStructureError(
                        problem, hint=f"{text!r} is not a valid path; write names separated by dots"
                    )
            if path.split(".").count(ANY) != common.split(".").count(ANY):
                raise CommonStructureError(problem, hint=f"both need the same number of {ANY}")
