"""Convert a model to the rows of a snapshot, one for each run of equal siblings, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import msgspec

from bmvis.model.call import Call
from bmvis.model.call_text import read_call, write_call
from bmvis.model.consistency import MAX_LETTERS, MAX_MODULES
from bmvis.model.setting_runs import Written, join_settings, read_runs, split_settings, write_runs
from bmvis.model.tensor_text import absolute, read_tensor, refuse_unknown_keys, relative, write_tensor
from bmvis.model.tree import Buffer, Model, Module, Parameter, join

MAX_RECORDS = 1_000_000
"""Maximum number of modules and tensors that all rows together represent."""
Row = dict[str, Any]
_PLACE = ("depth", "name", "names", "like")
_OF_EACH = ("settings", "varies", "extra_repr", "extra_reprs", "call", "call_varies")
"""What a row has for each module that it represents."""


def fold_rows(model: Model) -> Iterator[Row]:
    """Yield the rows of a model: equal neighbors are one row, and refer to an equal sibling before them.

    Settings, `extra_repr` and calls do not keep modules from being equal: a row has those of all modules that it
    represents.
    """
    modules, children = model.modules, model.children
    calls = _call_texts(model)
    rows, numbers = _number(model)
    pending: list[tuple[Row, Sequence[int]]] = [({"depth": 0}, [0])]
    while pending:
        place, members = pending.pop()
        if not members:
            yield place
            continue
        yield (
            place
            | rows[members[0]]
            | _of_each([modules[index] for index in members], [calls[index] for index in members])
        )
        below = children[members[0]]
        positions: dict[int, list[int]] = {}
        for position, child in enumerate(below):
            positions.setdefault(numbers[child], []).append(position)
        found: list[tuple[Row, Sequence[int]]] = []
        for number, group in groupby(enumerate(below), lambda child: numbers[child[1]]):
            run = [position for position, _ in group]
            where: Row = {"depth": modules[below[run[0]]].depth} | _named([modules[below[at]].name for at in run])
            first = positions[number][0]
            if not children[below[run[0]]]:
                represented = run
            elif run[0] == first:
                represented = positions[number]
            else:
                represented, where = [], where | {"like": modules[below[first]].name}
            found.append((where, [children[index][at] for index in members for at in represented]))
        pending += reversed(found)


def _number(model: Model) -> tuple[list[Row], list[int]]:
    """Return what the row of each module has, and numbers that are equal for modules with equal subtrees."""
    modules, children = model.modules, model.children
    rows = [describe(module, path, model.device) for module, path in zip(modules, model.paths, strict=True)]
    numbers = [0] * len(modules)
    known: dict[object, int] = {}
    for index in range(len(modules) - 1, -1, -1):
        below = tuple((modules[child].name, numbers[child]) for child in children[index])
        numbers[index] = known.setdefault((as_json(rows[index]), below), len(known))
    return rows, numbers


def _call_texts(model: Model) -> list[dict[str, str] | None]:
    """Return the text of each module's call."""
    found, rank = [], 0
    for module in model.modules:
        found.append(write_call(module.call, rank))
        rank += _is_ranked(module.call)
    return found


def _is_ranked(call: Call | None) -> bool:
    return call is not None and call.calls > 0


def _of_each(members: Sequence[Module], calls: Sequence[dict[str, str] | None]) -> Row:
    """Return the settings, `extra_repr` and calls of the modules that a row represents."""
    common, varies = split_settings([module.settings for module in members])
    extra_reprs = dict.fromkeys(module.extra_repr for module in members)
    row: Row = {"extra_repr": members[0].extra_repr} if len(extra_reprs) == 1 and members[0].extra_repr else {}
    row |= {"extra_reprs": write_runs([module.extra_repr for module in members])} if len(extra_reprs) > 1 else {}
    row |= ({"settings": common} if common else {}) | ({"varies": varies} if varies else {})
    common, varies = split_settings(calls)
    return row | ({"call": common} if common else {}) | ({"call_varies": varies} if varies else {})


def _named(names: Sequence[str]) -> Row:
    if len(names) == 1:
        return {"name": names[0]}
    if all(name.isascii() and name.isdecimal() and str(int(name)) == name for name in names):
        numbers = [int(name) for name in names]
        if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return {"names": f"{names[0]}-{names[-1]}"}
    return {"names": list(names)}


def unfold_rows(rows: Sequence[Row], device: str) -> Iterator[Module]:
    """Yield the modules that the rows of a file represent."""
    children = _named_children(rows)
    _require_fits(rows, children)
    facts = _each_facts(rows, children)
    pending = [(0, "", "", 0)]
    letters = rank = 0
    while pending:
        depth, name, above, index = pending.pop()
        path = join(above, name)
        letters += len(path)
        if letters > MAX_LETTERS:
            raise ValueError(f"the paths of its modules have more than {MAX_LETTERS:,} characters")
        own, extra_repr, texts = next(facts[index])
        module, call = _module(rows[index], name, depth, path, device), read_call(texts, rank)
        rank += _is_ranked(call)
        yield msgspec.structs.replace(module, settings=own, extra_repr=extra_repr, call=call)
        pending += [(depth + 1, child_name, path, child) for child_name, child in reversed(children[index])]


_Facts = tuple[dict[str, str] | None, str, dict[str, str] | None]
"""The settings, `extra_repr` and call of one module."""


def _each_facts(rows: Sequence[Row], children: Sequence[Sequence[tuple[str, int]]]) -> list[Iterator[_Facts]]:
    """Return for each row the facts of the modules that it represents, in their order."""
    counts = [1] + [0] * (len(rows) - 1)
    for index, below in enumerate(children):  # a row comes after the row above it
        for _, child in below:
            counts[child] += counts[index]
    found: list[Iterator[_Facts]] = []
    for row, count in zip(rows, counts, strict=True):
        own, calls = _joined(row, "settings", "varies", count), _joined(row, "call", "call_varies", count)
        texts = [msgspec.convert(row.get("extra_repr", ""), str)] * count
        if "extra_reprs" in row:
            texts = read_runs(msgspec.convert(row["extra_reprs"], Written), count, "extra_reprs")
        found.append(iter(zip(own, texts, calls, strict=True)))
    return found


def _joined(row: Row, common: str, varies: str, count: int) -> Sequence[dict[str, str] | None]:
    return join_settings(
        msgspec.convert(row.get(common, {}), dict[str, str]),
        msgspec.convert(row.get(varies, {}), dict[str, Written]),
        count,
    )


def _named_children(rows: Sequence[Row]) -> list[list[tuple[str, int]]]:
    """Return the names of the children of each row, each with the row that has its content."""
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


def _require_fits(rows: Sequence[Row], children: Sequence[Sequence[tuple[str, int]]]) -> None:
    """Check the number of modules and tensors that the rows represent, before any row is expanded."""
    sizes = [1 + len(row.get("parameters", ())) + len(row.get("buffers", ())) for row in rows]
    for index in range(len(children) - 1, -1, -1):  # a row follows its parent
        sizes[index] += sum(sizes[child] for _, child in children[index])
        if sizes[index] > MAX_RECORDS:
            raise ValueError(f"it has more than {MAX_RECORDS:,} modules and tensors")


def _children(rows: Sequence[Row]) -> list[list[int]]:
    """Return the child rows of each row."""
    found: list[list[int]] = [[] for _ in rows]
    trail: list[int] = []
    for index, row in enumerate(rows):
        depth = row["depth"]
        if not 0 <= depth <= len(trail) or (depth == 0) != (index == 0):
            raise ValueError(f"row {index + 1} is at depth {depth}, but has no parent")
        del trail[depth:]
        if trail:
            found[trail[-1]].append(index)
        trail.append(index)
    return found


def _names(row: Row, limit: int) -> list[str]:
    if "name" in row:
        return [msgspec.convert(row["name"], str)]
    if isinstance(row["names"], list):
        return msgspec.convert(row["names"], list[str])
    first, _, last = row["names"].partition("-")
    if int(last) - int(first) >= limit:
        raise ValueError(f"{row['names']} is too many modules")
    return [str(number) for number in range(int(first), int(last) + 1)]


def _module(row: Row, name: str, depth: int, path: str, device: str) -> Module:
    refuse_unknown_keys(row, (*_PLACE, *_OF_EACH, *Module.__struct_fields__))
    fields = {key: value for key, value in row.items() if key not in (*_PLACE, *_OF_EACH)}
    fields |= {"name": name, "depth": depth}
    parameters = tuple(read_tensor(Parameter, n, w, path, device) for n, w in fields.pop("parameters", {}).items())
    buffers = tuple(read_tensor(Buffer, n, w, path, device) for n, w in fields.pop("buffers", {}).items())
    if fields.get("shared_with") is not None:
        fields["shared_with"] = absolute(path, fields["shared_with"])
    return msgspec.structs.replace(msgspec.convert(fields, Module), parameters=parameters, buffers=buffers)


def describe(module: Module, path: str, device: str) -> Row:
    """Return the fields of a row besides its place and its settings: what two equal modules have in common."""
    row: Row = msgspec.to_builtins(module)
    for name in ("name", "depth", "parameters", "buffers", "call", "settings", "extra_repr"):
        row.pop(name, None)
    if module.shared_with is not None:
        row["shared_with"] = relative(path, module.shared_with)
    if module.parameters:
        row["parameters"] = {p.name: write_tensor(p, path, device) for p in module.parameters}
    if module.buffers:
        row["buffers"] = {b.name: write_tensor(b, path, device) for b in module.buffers}
    return row


def as_json(value: object) -> str:
    """Return a value as JSON on one line."""
    return json.dumps(value, ensure_ascii=False)
