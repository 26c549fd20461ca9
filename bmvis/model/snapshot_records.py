"""Convert a model to the records of a snapshot, one for each run of equal siblings, and back.

A snapshot file has them in its list `rows`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import msgspec

from bmvis.model.call import Call
from bmvis.model.call_text import read_call, write_call
from bmvis.model.consistency import MAX_LETTERS, MAX_MODULES
from bmvis.model.preorder import child_path
from bmvis.model.setting_runs import Written, join_settings, read_runs, split_settings, write_runs
from bmvis.model.tensor_text import absolute, read_tensor, refuse_unknown_keys, relative, write_tensor
from bmvis.model.tree import Buffer, Model, Module, Parameter

MAX_RECORDS = 1_000_000
"""Maximum number of modules and tensors that all records together represent."""
Record = dict[str, Any]
_POSITION = ("depth", "name", "names", "like")
_OF_EACH = ("settings", "varies", "extra_repr", "extra_reprs", "call", "call_varies")
"""What a record has for each module that it represents."""


def write_records(model: Model) -> Iterator[Record]:
    """Yield the records of a model: equal neighbors have one record, which can refer to an equal sibling before them.

    Settings, `extra_repr` and calls do not keep modules from being equal: a record has those of all its modules.
    """
    contents, numbers = _number(model)
    calls = _call_texts(model)
    pending: list[_Run] = [({"depth": 0}, [0])]
    while pending:
        position, members = pending.pop()
        if not members:
            yield position
            continue
        each = _of_each([model.modules[index] for index in members], [calls[index] for index in members])
        yield position | contents[members[0]] | each
        pending += reversed(list(_runs_below(model, numbers, members)))


_Run = tuple[Record, Sequence[int]]
"""The position of a record, and the modules whose settings it has; none if it refers to an equal sibling."""


def _runs_below(model: Model, numbers: Sequence[int], members: Sequence[int]) -> Iterator[_Run]:
    """Yield a run for each series of equal neighbors among the children of equal modules."""
    children = model.children
    below = children[members[0]]
    positions: dict[int, list[int]] = {}
    for position, child in enumerate(below):
        positions.setdefault(numbers[child], []).append(position)
    for number, group in groupby(enumerate(below), lambda child: numbers[child[1]]):
        run = [position for position, _ in group]
        names = [model.modules[below[position]].name for position in run]
        where: Record = {"depth": model.modules[below[run[0]]].depth} | _named(names)
        equal, first = positions[number], positions[number][0]
        if not children[below[run[0]]]:
            equal = run  # a leaf is written again: a reference would not be shorter
        elif run[0] != first:
            equal, where = [], where | {"like": model.modules[below[first]].name}
        yield where, [children[index][position] for index in members for position in equal]


def _number(model: Model) -> tuple[list[Record], list[int]]:
    """Return what the record of each module has, and numbers that are equal for modules with equal subtrees."""
    modules, children = model.modules, model.children
    records = [describe(module, path, model.device) for module, path in zip(modules, model.paths, strict=True)]
    numbers = [0] * len(modules)
    known: dict[object, int] = {}
    for index in range(len(modules) - 1, -1, -1):
        below = tuple((modules[child].name, numbers[child]) for child in children[index])
        numbers[index] = known.setdefault((as_json(records[index]), below), len(known))
    return records, numbers


def _call_texts(model: Model) -> list[dict[str, str] | None]:
    """Return the text of each module's call."""
    found, rank = [], 0
    for module in model.modules:
        found.append(write_call(module.call, rank))
        rank += _is_ranked(module.call)
    return found


def _is_ranked(call: Call | None) -> bool:
    return call is not None and call.calls > 0


def _of_each(members: Sequence[Module], calls: Sequence[dict[str, str] | None]) -> Record:
    """Return the settings, `extra_repr` and calls of the modules that a record represents."""
    common, varies = split_settings([module.settings for module in members])
    extra_reprs = dict.fromkeys(module.extra_repr for module in members)
    record: Record = {"extra_repr": members[0].extra_repr} if len(extra_reprs) == 1 and members[0].extra_repr else {}
    record |= {"extra_reprs": write_runs([module.extra_repr for module in members])} if len(extra_reprs) > 1 else {}
    record |= ({"settings": common} if common else {}) | ({"varies": varies} if varies else {})
    common, varies = split_settings(calls)
    return record | ({"call": common} if common else {}) | ({"call_varies": varies} if varies else {})


def _named(names: Sequence[str]) -> Record:
    if len(names) == 1:
        return {"name": names[0]}
    if all(name.isascii() and name.isdecimal() and str(int(name)) == name for name in names):
        numbers = [int(name) for name in names]
        if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return {"names": f"{names[0]}-{names[-1]}"}
    return {"names": list(names)}


def read_records(records: Sequence[Record], device: str) -> Iterator[Module]:
    """Yield the modules that the records of a file represent."""
    children = _named_children(records)
    _require_fits(records, children)
    facts = _each_facts(records, children)
    pending = [(0, "", "", 0)]
    letters = rank = 0
    while pending:
        depth, name, above, index = pending.pop()
        path = child_path(above, name)
        letters += len(path)
        if letters > MAX_LETTERS:
            raise ValueError(f"the paths of its modules have more than {MAX_LETTERS:,} characters")
        own, extra_repr, texts = next(facts[index])
        module, call = _module(records[index], name, depth, path, device), read_call(texts, rank)
        rank += _is_ranked(call)
        yield msgspec.structs.replace(module, settings=own, extra_repr=extra_repr, call=call)
        pending += [(depth + 1, child_name, path, child) for child_name, child in reversed(children[index])]


_Facts = tuple[dict[str, str] | None, str, dict[str, str] | None]
"""The settings, `extra_repr` and call of one module."""


def _each_facts(records: Sequence[Record], children: Sequence[Sequence[tuple[str, int]]]) -> list[Iterator[_Facts]]:
    """Return for each record the facts of the modules that it represents, in their order."""
    counts = [1] + [0] * (len(records) - 1)
    for index, below in enumerate(children):  # a record comes after the record above it
        for _, child in below:
            counts[child] += counts[index]
    found: list[Iterator[_Facts]] = []
    for record, count in zip(records, counts, strict=True):
        own, calls = _joined(record, "settings", "varies", count), _joined(record, "call", "call_varies", count)
        texts = [msgspec.convert(record.get("extra_repr", ""), str)] * count
        if "extra_reprs" in record:
            texts = read_runs(msgspec.convert(record["extra_reprs"], Written), count, "extra_reprs")
        found.append(iter(zip(own, texts, calls, strict=True)))
    return found


def _joined(record: Record, common: str, varies: str, count: int) -> Sequence[dict[str, str] | None]:
    return join_settings(
        msgspec.convert(record.get(common, {}), dict[str, str]),
        msgspec.convert(record.get(varies, {}), dict[str, Written]),
        count,
    )


def _named_children(records: Sequence[Record]) -> list[list[tuple[str, int]]]:
    """Return the names of the children of each record, each with the record that has its content."""
    found = []
    left = MAX_MODULES
    for below in _children(records):
        named: dict[str, int] = {}
        for child in below:
            names = _names(records[child], left)
            left -= len(names)
            named |= dict.fromkeys(names, child)
        found.append([(name, named[records[c]["like"]] if "like" in records[c] else c) for name, c in named.items()])
    return found


def _require_fits(records: Sequence[Record], children: Sequence[Sequence[tuple[str, int]]]) -> None:
    """Check the number of modules and tensors that the records represent, before any record is expanded."""
    sizes = [1 + len(record.get("parameters", ())) + len(record.get("buffers", ())) for record in records]
    for index in range(len(children) - 1, -1, -1):  # a record follows its parent
        sizes[index] += sum(sizes[child] for _, child in children[index])
        if sizes[index] > MAX_RECORDS:
            raise ValueError(f"it has more than {MAX_RECORDS:,} modules and tensors")


def _children(records: Sequence[Record]) -> list[list[int]]:
    """Return the child records of each record."""
    found: list[list[int]] = [[] for _ in records]
    trail: list[int] = []
    for index, record in enumerate(records):
        depth = record["depth"]
        if not 0 <= depth <= len(trail) or (depth == 0) != (index == 0):
            raise ValueError(f"row {index + 1} is at depth {depth}, but has no parent")
        del trail[depth:]
        if trail:
            found[trail[-1]].append(index)
        trail.append(index)
    return found


def _names(record: Record, limit: int) -> list[str]:
    if "name" in record:
        return [msgspec.convert(record["name"], str)]
    if isinstance(record["names"], list):
        return msgspec.convert(record["names"], list[str])
    first, _, last = record["names"].partition("-")
    if int(last) - int(first) >= limit:
        raise ValueError(f"{record['names']} is too many modules")
    return [str(number) for number in range(int(first), int(last) + 1)]


def _module(record: Record, name: str, depth: int, path: str, device: str) -> Module:
    refuse_unknown_keys(record, (*_POSITION, *_OF_EACH, *Module.__struct_fields__))
    fields = {key: value for key, value in record.items() if key not in (*_POSITION, *_OF_EACH)}
    fields |= {"name": name, "depth": depth}
    parameters = tuple(read_tensor(Parameter, n, w, path, device) for n, w in fields.pop("parameters", {}).items())
    buffers = tuple(read_tensor(Buffer, n, w, path, device) for n, w in fields.pop("buffers", {}).items())
    if fields.get("shared_with") is not None:
        fields["shared_with"] = absolute(path, fields["shared_with"])
    return msgspec.structs.replace(msgspec.convert(fields, Module), parameters=parameters, buffers=buffers)


def describe(module: Module, path: str, device: str) -> Record:
    """Return the fields of a record besides its position and its settings: what two equal modules have in common."""
    record: Record = msgspec.to_builtins(module)
    for name in ("name", "depth", "parameters", "buffers", "call", "settings", "extra_repr"):
        record.pop(name, None)
    if module.shared_with is not None:
        record["shared_with"] = relative(path, module.shared_with)
    if module.parameters:
        record["parameters"] = {p.name: write_tensor(p, path, device) for p in module.parameters}
    if module.buffers:
        record["buffers"] = {b.name: write_tensor(b, path, device) for b in module.buffers}
    return record


def as_json(value: object) -> str:
    """Return a value as JSON on one line."""
    return json.dumps(value, ensure_ascii=False)
