"""Mapping files: what the modules of an architecture are called in the common structure.

A mapping is a TOML file. Its names are paths below the model that it is for, and their paths in the common
structure; `$` stands for any one name, and is carried over:

```toml
models = ["BertModel"]  # the classes that the paths start from

[names]
"encoder.layer.$.attention.self.query" = "encoder.block.$.attn.q"

[optional]  # what not every such model has
"pooler" = "pooler"

[heads]  # optional too: paths that start where the model stands, beside it
"cls.predictions.decoder" = "lm_head.proj"
```

`extends = "bert"` starts from one of bmvis' own mappings. The common names are those of OpenDelta's
`CommonStructureMap`; the order of the file is that of the rows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from bmvis.errors import CommonStructureError, nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent / "mappings"
ANY = "$"
LARGEST = 1_000_000
"""Bytes of a mapping file; the largest of ours has three thousand."""
DEEPEST = 64
"""Names in a path of a mapping."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    models: tuple[str, ...]
    names: dict[str, str] = {}
    optional: dict[str, str] = {}
    heads: dict[str, str] = {}
    extends: str = ""


class NameMapping(msgspec.Struct, frozen=True):
    """One mapping, read."""

    name: str
    models: tuple[str, ...]
    """Class names of the modules that `names` start from."""
    names: Mapping[str, str]
    required: frozenset[str]
    """Common paths that a model which the mapping fits has."""
    heads: Mapping[str, str]


def mapping_for(types: Iterable[str]) -> NameMapping | None:
    """Return bmvis' own mapping for the first of the class names that has one."""
    known = {model: name for name in own_names() for model in read_own(name).models}
    return next((read_own(known[type_]) for type_ in types if type_ in known), None)


def own_names() -> list[str]:
    """Return what bmvis' own mappings are called."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def read_mapping(written: str) -> NameMapping:
    """Read a mapping: one of bmvis' own by its name, or a `.toml` file.

    Raises:
        MappingError: there is none, or it cannot be read.
    """
    if not written.endswith(".toml"):
        return read_own(written)
    file = Path(written)
    try:
        if file.stat().st_size > LARGEST:
            raise CommonStructureError(f"the mapping {file.name} has more than {LARGEST:,} bytes")
        return _read(file.name, file.read_bytes())
    except OSError as error:
        raise CommonStructureError(f"no mapping can be read from {file}: {error.strerror}") from None


@cache
def read_own(name: str) -> NameMapping:
    """Read one of bmvis' own mappings.

    Raises:
        MappingError: there is none of this name.
    """
    if name not in own_names():
        raise CommonStructureError(
            f"no mapping is called {name!r}", hint=f"{nearest(name, own_names())}; or name a .toml file"
        )
    return _read(name, (FOLDER / f"{name}.toml").read_bytes())


def from_opendelta(written: Mapping[str, Any], model: str) -> NameMapping:
    """Return a mapping as OpenDelta and bigmodelvis write it: nested dictionaries with `__name__`."""
    names: dict[str, str] = {}
    pending: list[tuple[str, str, Mapping[str, Any]]] = [("", "", written)]
    while pending:
        path, common, level = pending.pop()
        for key, below in level.items():
            if not isinstance(below, Mapping):
                continue
            here = f"{path}.{key}" if path else key
            # An empty name says that the common structure has no place for it.
            there = f"{common}.{below['__name__']}".lstrip(".") if below.get("__name__") else ""
            if there:
                names[here] = there
                pending.append((here, there, below))
    return NameMapping("given", (model,), names, frozenset(), {})


def _read(name: str, content: bytes) -> NameMapping:
    try:
        file = msgspec.convert(tomllib.loads(content.decode()), _File)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CommonStructureError(f"the mapping {name} does not parse: {error}") from None
    except msgspec.ValidationError as error:
        raise CommonStructureError(
            f"the mapping {name} is not well formed: {error}", hint="known: models, extends, names, optional, heads"
        ) from None
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
    """Require that paths are paths, and that each `$` of a common name has one to stand for."""
    for table, names in (("names", file.names), ("optional", file.optional), ("heads", file.heads)):
        for path, common in names.items():
            place = f"the mapping {name} has, below [{table}], {path!r} = {common!r}"
            for text in (path, common):
                if not all(text.split(".")) or text.count(".") >= DEEPEST:
                    raise CommonStructureError(place, hint=f"{text!r} is no path: names, with dots between")
            if path.split(".").count(ANY) != common.split(".").count(ANY):
                raise CommonStructureError(place, hint=f"both need the same number of {ANY}")
