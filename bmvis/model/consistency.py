"""Validate a model from an untrusted source: a reply of the worker process, a snapshot, a cache entry.

The decoder checks types. This module checks that the parts of a model are consistent, so that other code can rely on a
parent for each module, and on limits for all numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from bmvis.model.dataflow import Dataflow
from bmvis.model.optimizer import ParameterGroup
from bmvis.model.tree import Buffer, Model, Module, Parameter

MAX_MODULES = 1_000_000
MAX_DEPTH = 10_000
"""Maximum number of levels."""
MAX_LETTERS = 500_000_000
"""Maximum number of characters of all paths together, since each module has its full path."""
MAX_CALLS = 400
"""Maximum number of calls inside each other."""
MAX_NUMBER = 2**63 - 1


def inconsistency(model: Model) -> str:
    """Return the first problem of a model; '' if it has none."""
    return next(_problems(model), "")


def _problems(model: Model) -> Iterator[str]:
    if not model.modules:
        yield "it has no module"
        return
    if len(model.modules) > MAX_MODULES:
        yield f"it has more than {MAX_MODULES:,} modules"
        return
    yield from _misplaced(model)
    yield from _duplicate_names(model)
    yield from _unknown_places(model)
    if not 0 <= model.active <= MAX_NUMBER:
        yield f"it has {model.active} active parameters"
    groups = [group for optimizer in model.optimizers for group in optimizer.groups]
    for number, group in enumerate(groups):
        yield from _wrong_group(group, number)
    for module in model.modules:
        yield from _wrong_numbers(module, len(groups))
    if model.dataflow:
        yield from _wrong_dataflow(model.dataflow)
    try:
        msgspec.msgpack.encode(model)
    except (ValueError, OverflowError):
        yield "it has text that cannot be encoded in UTF-8"


def _misplaced(model: Model) -> Iterator[str]:
    """Yield modules without a parent, and too deep or too long paths."""
    above, letters = -1, 0
    lengths: list[int] = []
    for index, module in enumerate(model.modules):
        if module.depth > above + 1 or module.depth < min(index, 1):
            yield f"module {index + 1} is at depth {module.depth}, but has no parent"
            return
        if module.depth > MAX_DEPTH:
            yield f"it is more than {MAX_DEPTH:,} levels deep"
            return
        above = module.depth
        del lengths[module.depth :]
        lengths.append((lengths[-1] + 1 if lengths else 0) + len(module.name))
        letters += lengths[-1]
        if letters > MAX_LETTERS:
            yield f"its paths have more than {MAX_LETTERS:,} characters"
            return


def _duplicate_names(model: Model) -> Iterator[str]:
    """Yield modules and tensors that have the name of a sibling."""
    seen: set[tuple[int, str]] = set()
    for index, (above, module) in enumerate(zip(model.parents, model.modules, strict=True)):
        if (above, module.name) in seen:
            yield f"it has {model.paths[index]!r} twice"
        seen.add((above, module.name))
        names = [parameter.name for parameter in module.parameters] + [buffer.name for buffer in module.buffers]
        if len(set(names)) < len(names):
            yield f"{model.paths[index]!r} has a tensor twice"


def _unknown_places(model: Model) -> Iterator[str]:
    """Yield shared modules whose first occurrence does not precede them."""
    if not model.shared:
        return
    first: dict[str, int] = {}
    for index, path in enumerate(model.paths):
        first.setdefault(path, index)
    for index in model.shared:
        original = model.modules[index].shared_with or ""
        if first.get(original, index) >= index:
            yield f"{model.paths[index]!r} is shared with {original!r}, which does not precede it"


def _wrong_numbers(module: Module, groups: int) -> Iterator[str]:
    for parameter in module.parameters:
        yield from _wrong_tensor(parameter)
        if not 0 <= parameter.count <= MAX_NUMBER:
            yield f"{parameter.name!r} has {parameter.count} elements"
        if parameter.groups and not all(0 <= group < groups for group in parameter.groups):
            yield f"{parameter.name!r} is in a parameter group that does not exist"
    for buffer in module.buffers:
        yield from _wrong_tensor(buffer)
    if call := module.call:
        if not all(0 <= number <= MAX_NUMBER for number in (call.calls, call.order, call.macs, call.bytes)):
            yield f"{module.name!r} has numbers of its call that are out of range"
        if any(size < 0 for output in (*call.outputs, *call.inputs) for size in (*(output.shape or ()), *output.most)):
            yield f"{module.name!r} has a call with a tensor of a negative size"


def _wrong_group(group: ParameterGroup, number: int) -> Iterator[str]:
    count = group.tensors
    if group.order and not (len(group.order) == count and all(-1 <= index < count for index in group.order)):
        yield f"its parameter group {number} has an order of other tensors"
    if not 0 <= group.foreign <= count <= MAX_NUMBER:
        yield f"its parameter group {number} has {group.foreign} of {count} tensors that are not the model's"


def _wrong_tensor(tensor: Parameter | Buffer) -> Iterator[str]:
    if not 0 <= tensor.stored_bytes <= MAX_NUMBER:
        yield f"{tensor.name!r} has {tensor.stored_bytes} bytes"
    if tensor.shape and not all(-1 <= size <= MAX_NUMBER for size in tensor.shape):
        yield f"{tensor.name!r} has the shape {list(tensor.shape)}"


def _wrong_dataflow(flow: Dataflow) -> Iterator[str]:
    """Yield references to what does not exist or comes later, and calls that are not one inside the other."""
    depths: list[int] = []
    for number, call in enumerate(flow.calls):
        if not min(number - 1, 0) <= call.parent < number or (number and call.parent < 0):
            yield f"call {number + 1} of its dataflow is made by no call before it"
            return
        depths.append(depths[call.parent] + 1 if number else 0)
        if depths[-1] > MAX_CALLS:
            yield f"its dataflow has more than {MAX_CALLS} calls inside each other"
            return
    if not flow.calls:
        yield "its dataflow has no calls"
    values = -len(flow.values)
    for number, operation in enumerate(flow.operations):
        if not all(values <= source < number for source in operation.sources):
            yield f"operation {number + 1} of its dataflow uses a value that does not exist"
        if not 0 <= operation.call < len(flow.calls):
            yield f"operation {number + 1} of its dataflow has no call"
    if not all(values <= source < len(flow.operations) for result in flow.results for source in result.sources):
        yield "an output of its dataflow does not exist"
    shapes = [*(one.shape for one in flow.operations), *(one.shape for one in flow.values)]
    if not all(0 <= size <= MAX_NUMBER for shape in shapes for size in shape or ()):
        yield "its dataflow has a shape with an invalid size"
