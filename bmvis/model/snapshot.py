"""Snapshots: the committed record of a model's structure, as JSON made for review.

One row a line, in the model's order. A run of equal siblings is one row (`"names": "0-11"`), and a
sibling equal to an earlier one that is no neighbour says so (`"like": "0"`) in place of its subtree, so the file is
small and still exact: `load` gives back the `Model` that `dump` was given. Ties are written relative to
the module (`..embeddings.weight`: two levels up, then down), for only so are tied blocks alike.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar

import msgspec

from bmvis.errors import SnapshotError
from bmvis.model.consistency import MAX_LETTERS, MAX_MODULES, inconsistency
from bmvis.model.totals import Totals, subtree_totals
from bmvis.model.tree import Buffer, Model, Module, Optimizer, Parameter, join

MAX_RECORDS = 5_000_000
"""Modules and tensors that all rows together are."""
MAX_DIMENSIONS = 64
"""PyTorch's own limit."""
FORMAT = 3
"""Version of the file that is written."""
UNRECORDED: Mapping[int, tuple[str, ...]] = {2: ("state_code",), FORMAT: ()}
"""The versions that are read, with the facts that they do not record."""
_Record = TypeVar("_Record", Parameter, Buffer)
_Row = dict[str, Any]
_COMPACT = re.compile(
    r"(?P<dtype>\w+)\[(?P<shape>\?|(?:-?\d+(?:, -?\d+)*)?)\]"
    r"(?P<frozen> frozen)?(?P<delta> delta)?(?P<temporary> not saved)?"
)
_BITS = re.compile(r"\d+")
_HEAD = ("bmvis-snapshot", "reference", "device", "notes", "checkpoint", "unrecorded", "totals", "optimizers", "rows")
_PLACE = ("depth", "name", "names", "like")


class Snapshot(msgspec.Struct, frozen=True):
    """A model, and the reference it was built from."""

    reference: str
    model: Model


def dump(snapshot: Snapshot) -> str:
    """Return the text of a snapshot file."""
    model = snapshot.model
    head = {
        "bmvis-snapshot": FORMAT,
        "reference": snapshot.reference,
        "device": model.device,
        "notes": list(model.notes),
        **({"checkpoint": True} if model.is_checkpoint else {}),
        **({"unrecorded": list(model.unrecorded)} if model.unrecorded else {}),
        "totals": msgspec.to_builtins(subtree_totals(model)[0]),
    }
    lines = [f"{_json(name)}: {_json(value)}," for name, value in head.items()]
    if model.optimizers:
        lines += ['"optimizers": [', ",\n".join(map(_optimizer, model.optimizers)), "],"]
    rows = [f"{'  ' * row['depth']}{_json(row)}" for row in _fold(model)]
    return "\n".join(["{", *lines, '"rows": [', ",\n".join(rows), "]", "}", ""])


def load(text: str) -> Snapshot:
    """Read a snapshot file.

    Raises:
        SnapshotError: it is no snapshot, one of another version, or it does not add up.
    """
    try:
        content = json.loads(text)
        version = content["bmvis-snapshot"]
        if type(version) is not int or version not in UNRECORDED:
            known = " and ".join(map(str, UNRECORDED))
            raise SnapshotError(
                f"the snapshot has format {version!r}; this bmvis reads {known}", hint="run `bmvis snapshot`"
            )
        _refuse_unknown(content, _HEAD)
        model = Model(
            tuple(_unfold(content["rows"], content["device"])),
            content["device"],
            tuple(content["notes"]),
            is_checkpoint=msgspec.convert(content.get("checkpoint", False), bool),
            optimizers=msgspec.convert(content.get("optimizers", []), tuple[Optimizer, ...]),
            unrecorded=msgspec.convert(content.get("unrecorded", UNRECORDED[version]), tuple[str, ...]),
        )
        totals = msgspec.convert(content["totals"], Totals)
        reference = msgspec.convert(content["reference"], str)
        if wrong := inconsistency(model):
            raise ValueError(wrong)
        is_whole = subtree_totals(model)[0] == totals
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError, OverflowError) as error:
        raise SnapshotError(f"not a snapshot: {_reason(error)}", hint="run `bmvis snapshot`") from error
    if not is_whole:
        raise SnapshotError(
            "the snapshot's rows do not add up to its totals", hint="it was edited or merged; run `bmvis snapshot`"
        )
    return Snapshot(reference, model)


def describe(module: Module, path: str, device: str) -> _Row:
    """Return what a row says of a module besides its place: what two equal modules have in common."""
    row: _Row = msgspec.to_builtins(module)
    for name in ("name", "depth", "parameters", "buffers", "call"):
        row.pop(name, None)
    if module.shared_with is not None:
        row["shared_with"] = _relative(path, module.shared_with)
    if module.parameters:
        row["parameters"] = {p.name: _written(p, path, device) for p in module.parameters}
    if module.buffers:
        row["buffers"] = {b.name: _written(b, path, device) for b in module.buffers}
    return row


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _optimizer(optimizer: Optimizer) -> str:
    """Return an optimizer with a line for each group."""
    head = _json({name: value for name, value in msgspec.to_builtins(optimizer).items() if name != "groups"})
    groups = ",\n".join(f"  {_json(msgspec.to_builtins(group))}" for group in optimizer.groups)
    return f'{head[:-1]}, "groups": [\n{groups}]}}'


def _fold(model: Model) -> Iterator[_Row]:
    """Yield the rows of a model: bottom-up each module gets the number of its content, top-down equal runs are one."""
    modules, children, places = model.modules, model.children, model.paths
    rows = [describe(module, path, model.device) for module, path in zip(modules, places, strict=True)]
    numbers = [0] * len(modules)
    known: dict[object, int] = {}
    for index in range(len(modules) - 1, -1, -1):
        below = tuple((modules[child].name, numbers[child]) for child in children[index])
        numbers[index] = known.setdefault((_json(rows[index]), below), len(known))
    pending: list[tuple[_Row, int, bool]] = [({"depth": 0}, 0, True)]
    while pending:
        place, index, is_first = pending.pop()
        yield place | (rows[index] if is_first else {})
        if not is_first:
            continue
        found: list[tuple[_Row, int, bool]] = []
        seen: dict[int, str] = {}
        for number, group in groupby(children[index], numbers.__getitem__):
            run = list(group)
            first = seen.setdefault(number, modules[run[0]].name)
            again = first != modules[run[0]].name and bool(children[run[0]])
            where = {"depth": modules[run[0]].depth} | _named([modules[child].name for child in run])
            found.append((where | ({"like": first} if again else {}), run[0], not again))
        pending += reversed(found)


def _named(names: Sequence[str]) -> _Row:
    if len(names) == 1:
        return {"name": names[0]}
    if all(name.isascii() and name.isdecimal() and str(int(name)) == name for name in names):
        numbers = [int(name) for name in names]
        if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return {"names": f"{names[0]}-{names[-1]}"}
    return {"names": list(names)}


def _unfold(rows: Sequence[_Row], device: str) -> Iterator[Module]:
    """Yield the modules that the rows of a file stand for."""
    children = _named_children(rows)
    _require_fits(rows, children)
    pending = [(0, "", "", 0)]
    letters = 0
    while pending:
        depth, name, above, index = pending.pop()
        path = join(above, name)
        letters += len(path)
        if letters > MAX_LETTERS:
            raise ValueError(f"the paths of its modules have more than {MAX_LETTERS:,} characters")
        yield _module(rows[index], name, depth, path, device)
        pending += [(depth + 1, child_name, path, child) for child_name, child in reversed(children[index])]


def _named_children(rows: Sequence[_Row]) -> list[list[tuple[str, int]]]:
    """Return for each row the names of the modules below it, each with the row that has its content."""
    found = []
    left = MAX_MODULES
    for below in _children(rows):
        named: dict[str, int] = {}
        for child in below:
            names = _names(rows[child], left)
            left -= len(names)
            named |= dict.fromkeys(names, child)
        found.append([(name, named[rows[c]["like"]] if "like" in rows[c] else c) for name, c in named.items()])
    return found


def _require_fits(rows: Sequence[_Row], children: Sequence[Sequence[tuple[str, int]]]) -> None:
    """Require, before anything is expanded, that rows in rows are a reasonable number of modules and tensors."""
    sizes = [1 + len(row.get("parameters", ())) + len(row.get("buffers", ())) for row in rows]
    for index in range(len(children) - 1, -1, -1):  # a row comes after the row above it
        sizes[index] += sum(sizes[child] for _, child in children[index])
        if sizes[index] > MAX_RECORDS:
            raise ValueError(f"its rows are too many: more than {MAX_RECORDS:,} modules and tensors")


def _children(rows: Sequence[_Row]) -> list[list[int]]:
    """Return the rows directly below each row."""
    found: list[list[int]] = [[] for _ in rows]
    trail: list[int] = []
    for index, row in enumerate(rows):
        depth = row["depth"]
        if not 0 <= depth <= len(trail) or (depth == 0) != (index == 0):
            raise ValueError(f"row {index + 1} is at depth {depth}, which no row leads to")
        del trail[depth:]
        if trail:
            found[trail[-1]].append(index)
        trail.append(index)
    return found


def _names(row: _Row, limit: int) -> list[str]:
    if "name" in row:
        return [msgspec.convert(row["name"], str)]
    if isinstance(row["names"], list):
        return msgspec.convert(row["names"], list[str])
    first, _, last = row["names"].partition("-")
    if int(last) - int(first) >= limit:
        raise ValueError(f"{row['names']} is too many modules")
    return [str(number) for number in range(int(first), int(last) + 1)]


def _module(row: _Row, name: str, depth: int, path: str, device: str) -> Module:
    _refuse_unknown(row, (*_PLACE, *Module.__struct_fields__))
    fields = {key: value for key, value in row.items() if key not in _PLACE} | {"name": name, "depth": depth}
    parameters = tuple(_read(Parameter, n, w, path, device) for n, w in fields.pop("parameters", {}).items())
    buffers = tuple(_read(Buffer, n, w, path, device) for n, w in fields.pop("buffers", {}).items())
    if fields.get("shared_with") is not None:
        fields["shared_with"] = _absolute(path, fields["shared_with"])
    return msgspec.structs.replace(msgspec.convert(fields, Module), parameters=parameters, buffers=buffers)


def _written(record: Parameter | Buffer, path: str, device: str) -> str | _Row:
    """Return the compact text of a tensor, with the fields that it does not tell."""
    text = f"{record.dtype}[{'?' if record.shape is None else ', '.join(map(str, record.shape))}]"
    if isinstance(record, Parameter):
        text += ("" if record.trainable else " frozen") + (" delta" if record.delta else "")
    elif not record.persistent:
        text += " not saved"
    kind: type[Any] = type(record)
    told = msgspec.structs.asdict(_parse(kind, record.name, text, device))
    more = {name: value for name, value in msgspec.structs.asdict(record).items() if told[name] != value}
    if "tied_to" in more:
        more["tied_to"] = _relative(path, more["tied_to"])
    if "tied_by" in more:
        more["tied_by"] = [_relative(path, key) for key in more["tied_by"]]
    return {"is": text} | more if more else text


def _read(kind: type[_Record], name: str, written: str | Mapping[str, Any], path: str, device: str) -> _Record:
    if isinstance(written, str):
        return _parse(kind, name, written, device)
    _refuse_unknown(written, ("is", *(field.name for field in msgspec.structs.fields(kind))))
    fields = msgspec.to_builtins(_parse(kind, name, written["is"], device)) | dict(written)
    del fields["is"]
    if "tied_to" in written:
        fields["tied_to"] = _absolute(path, written["tied_to"])
    if "tied_by" in written:
        fields["tied_by"] = [_absolute(path, key) for key in written["tied_by"]]
    return msgspec.convert(fields, kind)


def _parse(kind: type[_Record], name: str, text: str, device: str) -> _Record:
    match = _COMPACT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no tensor")
    dtype, written = match["dtype"], match["shape"]
    shape = None if written == "?" else [int(size) for size in written.split(", ") if size]
    if shape and len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"a tensor has {len(shape)} dimensions")
    count = 0 if shape is None else math.prod(shape)
    fields = {"name": name, "dtype": dtype, "shape": shape, "stored_bytes": count * _bytes(dtype), "device": device}
    if kind is Parameter:
        fields |= {"count": count, "trainable": not match["frozen"], "delta": bool(match["delta"])}
    else:
        fields |= {"persistent": not match["temporary"]}
    return msgspec.convert(fields, kind)


def _bytes(dtype: str) -> int:
    """Return the bytes of an element by the dtype's name: `float32` has 4, `float8_e4m3fn` 1, `bool` 1."""
    bits = _BITS.search(dtype)
    return max(1, int(bits[0]) // 8) if bits else 1


def _relative(origin: str, target: str) -> str:
    here, there = _parts(origin), _parts(target)
    common = 0
    while common < min(len(here), len(there)) and here[common] == there[common]:
        common += 1
    return "." * (len(here) - common) + ".".join(there[common:])


def _absolute(origin: str, target: str) -> str:
    down = target.lstrip(".")
    here = _parts(origin)
    up = len(target) - len(down)
    if up > len(here):
        raise ValueError(f"{target!r} leads out of the model")
    return ".".join([*here[: len(here) - up], *_parts(down)])


def _parts(path: str) -> list[str]:
    return path.split(".") if path else []


def _refuse_unknown(found: Mapping[str, Any], known: Sequence[str]) -> None:
    for name in found:
        if name not in known:
            raise ValueError(f"{name!r} is unknown")


def _reason(error: Exception) -> str:
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
