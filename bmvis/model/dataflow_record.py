"""Convert a dataflow to the lines of a snapshot, and back.

A *wiring* is what a call does: its operations and calls, in order. Equal blocks have the same wiring, which is written
once. An operation is `[name, sources, shape]`, and a call is `[path, wiring, arguments]`. The path is relative to the
module that makes the call; that of a module elsewhere is absolute, in a list. Sources and arguments are references:

| Reference | Value |
|---|---|
| `2` | the result of the operation 2 of the call, where calls count with all their operations |
| `-1` | the first value from outside; for the model, its first input |
| `["weight"]`, `["weight", "head.proj"]` | a parameter of the module, or of the one at a path |
| `["~weight"]` | a buffer |

A wiring refers to earlier ones only, and the last one is that of the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from bmvis.model.dataflow import Dataflow, Dims, FlowOperation, FlowResult, FlowValue, ModuleCall
from bmvis.model.preorder import child_path
from bmvis.model.snapshot_records import as_json

MAX_OPERATIONS = 1_000_000
"""Maximum number of operations and calls of a record."""
_BUFFER = "~"
_Reference = int | list[str]


def write_dataflow(flow: Dataflow) -> Iterator[str]:
    """Yield the lines of a dataflow in a snapshot."""
    inputs = [[value.name, value.shape] for value in flow.values if value.kind == "input"]
    writer = _RecordWriter(flow)
    results = [[one.name, writer.references(one.sources)] for one in flow.results]
    yield '"dataflow": {'
    yield f'"called_with": {as_json(flow.called_with)},'
    if flow.unseen:
        yield f'"unseen": {as_json(flow.unseen)},'
    yield f'"inputs": {as_json(inputs)},'
    yield f'"results": {as_json(results)},'
    yield '"wirings": ['
    yield ",\n".join(writer.wirings())
    yield "]},"


class _RecordWriter:
    """The wirings of a dataflow, by their text."""

    def __init__(self, flow: Dataflow) -> None:
        self.flow = flow
        self.found: dict[str, int] = {}
        self.at = 0
        """The operation to write next."""
        self.inputs = {-1 - at: at for at, value in enumerate(flow.values) if value.kind == "input"}
        self.depths = [0]
        for call in flow.calls[1:]:
            self.depths.append(self.depths[call.parent] + 1)

    def wirings(self) -> list[str]:
        """Return the text of each wiring."""
        self._write(0, dict(self.inputs))
        return list(self.found)

    def references(self, sources: Sequence[int]) -> list[_Reference]:
        """Return references to values from outside of all calls."""
        return [self._reference(source, 0, "", self.inputs) for source in sources]

    def _write(self, call: int, outside: dict[int, int]) -> int:
        """Write the operations of a call, and return the number of its wiring. Values from outside are added."""
        start, path = self.at, self.flow.calls[call].path
        depth = self.depths[call]
        items: list[list[object]] = []
        while self.at < len(self.flow.operations):
            operation = self.flow.operations[self.at]
            inner = operation.call
            if inner == call:
                self.at += 1
                shape = [] if operation.shape is None else [operation.shape]
                items.append(
                    [operation.name, [self._reference(r, start, path, outside) for r in operation.sources], *shape]
                )
                continue
            while self.depths[inner] > depth + 1:
                inner = self.flow.calls[inner].parent
            if self.depths[inner] <= depth or self.flow.calls[inner].parent != call:
                break
            given: dict[int, int] = {}
            wiring = self._write(inner, given)
            arguments = [self._reference(source, start, path, outside) for source in given]
            items.append([_relative(path, self.flow.calls[inner].path), wiring, arguments])
        return self.found.setdefault(as_json(items), len(self.found))

    def _reference(self, source: int, start: int, path: str, outside: dict[int, int]) -> _Reference:
        value = self.flow.values[-1 - source] if source < 0 else None
        if value is not None and value.kind != "input":
            name = value.name if value.kind == "parameter" else _BUFFER + value.name
            return [name] if value.path == path else [name, value.path]
        return source - start if source >= start else -1 - outside.setdefault(source, len(outside))


def _relative(path: str, inner: str) -> str | list[str]:
    prefix = f"{path}." if path else ""
    return inner.removeprefix(prefix) if inner.startswith(prefix) and inner != prefix else [inner]


def read_dataflow(written: object) -> Dataflow:
    """Return the dataflow of a snapshot.

    Raises:
        ValueError: it is not valid.
    """
    return _Reader(msgspec.convert(written, _Record)).dataflow()


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dataflow as it is written."""

    called_with: str
    inputs: tuple[tuple[str, Dims | None], ...]
    results: tuple[tuple[str, tuple[_Reference, ...]], ...]
    wirings: tuple[tuple[list[Any], ...], ...]
    unseen: tuple[str, ...] = ()


class _Reader:
    """Expands the wirings of a record."""

    def __init__(self, record: _Record) -> None:
        self.record = record
        self.values = [FlowValue("input", name, "", shape) for name, shape in record.inputs]
        self.tensors: dict[FlowValue, int] = {}
        """The references to parameters and buffers."""
        self.calls: list[ModuleCall] = []
        self.operations: list[FlowOperation] = []

    def dataflow(self) -> Dataflow:
        """Return the dataflow."""
        record = self.record
        _require_fits(record.wirings)
        inputs = range(-1, -1 - len(record.inputs), -1)
        self._expand(len(record.wirings) - 1, "", -1, inputs)
        results = tuple(
            FlowResult(name, tuple(self._value(reference, 0, "", inputs) for reference in references))
            for name, references in record.results
        )
        return Dataflow(
            tuple(self.values),
            tuple(self.calls),
            tuple(self.operations),
            results,
            record.called_with,
            record.unseen,
        )

    def _expand(self, wiring: int, path: str, parent: int, outside: Sequence[int]) -> None:
        """Add a call, with all its operations and calls."""
        call, start = len(self.calls), len(self.operations)
        self.calls.append(ModuleCall(path, parent))
        for first, second, *third in self.record.wirings[wiring]:
            if isinstance(second, int):
                arguments = msgspec.convert(third, tuple[tuple[_Reference, ...]])[0]
                values = [self._value(reference, start, path, outside) for reference in arguments]
                self._expand(second, _absolute(path, first), call, values)
                continue
            sources = msgspec.convert(second, tuple[_Reference, ...])
            shape = msgspec.convert(third, tuple[Dims])[0] if third else None
            values = [self._value(reference, start, path, outside) for reference in sources]
            self.operations.append(FlowOperation(call, msgspec.convert(first, str), tuple(values), shape))

    def _value(self, reference: _Reference, start: int, path: str, outside: Sequence[int]) -> int:
        if isinstance(reference, int):
            found = start + reference if reference >= 0 else outside[-1 - reference]
            if found >= len(self.operations):
                raise ValueError(f"the reference {reference} of its dataflow is to a later operation")
            return found
        name, *owner = reference
        kind: Literal["buffer", "parameter"] = "buffer" if name.startswith(_BUFFER) else "parameter"
        value = FlowValue(kind, name.removeprefix(_BUFFER), msgspec.convert([*owner, path][0], str))
        if value not in self.tensors:
            self.values.append(value)
            self.tensors[value] = -len(self.values)
        return self.tensors[value]


def _require_fits(wirings: Sequence[Sequence[Sequence[Any]]]) -> None:
    """Check that wirings use earlier ones, and the number of operations and calls, before they are expanded."""
    sizes: list[int] = []
    for items in wirings:
        inner = [item[1] for item in items if isinstance(item[1], int)]
        if any(not 0 <= wiring < len(sizes) or not wirings[wiring] for wiring in inner):
            raise ValueError("a call of its dataflow has no wiring")
        sizes.append(1 + len(items) - len(inner) + sum(sizes[wiring] for wiring in inner))
        if sizes[-1] > MAX_OPERATIONS:
            raise ValueError(f"its dataflow has more than {MAX_OPERATIONS:,} operations and calls")
    if not wirings:
        raise ValueError("its dataflow has no wirings")


def _absolute(path: str, written: object) -> str:
    """Return the path of a module that is called."""
    if isinstance(written, str):
        return child_path(path, written)
    return msgspec.convert(written, tuple[str])[0]
