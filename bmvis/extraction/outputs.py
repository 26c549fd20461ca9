"""Read the tensors in the return value of a module, inside any containers."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import _disable_current_modes

from bmvis.extraction import introspection
from bmvis.model.call import Output
from bmvis.untrusted import user_text

MAX_OUTPUTS = 32
"""Maximum number of tensors of one output that are recorded."""
MAX_NESTING = 8
"""Maximum nesting of lists and dictionaries in an output."""
MAX_OBJECTS = 10_000
"""Maximum number of objects in which tensors are looked for."""
NamePath = tuple[str, ...]
"""The names of the dictionaries and fields that lead to a tensor."""
Located = tuple[NamePath, torch.Tensor]


def read_outputs(output: Any) -> tuple[Output, ...]:
    """Return the tensors of an output. Those in dictionaries, named tuples and data classes have a name."""
    return tuple(_output(name, tensor) for name, tensor in islice(named_tensors(output), MAX_OUTPUTS))


def _output(name: str, tensor: torch.Tensor) -> Output:
    if not tensor.is_nested:
        return Output(name, tuple(map(int, tensor.shape)))
    sides = list(zip(*_part_sizes(tensor), strict=True))
    if not sides:
        return Output(name, None)
    least, most = tuple(map(min, sides)), tuple(map(max, sides))
    return Output(name, least, most if most != least else ())


def _part_sizes(tensor: Any) -> list[list[int]]:
    """Return the sizes of a nested tensor with those of each part; none on the meta device, which has no lengths."""
    with _disable_current_modes():
        if tensor.layout is not torch.jagged:
            parts = tensor._nested_tensor_size().tolist()
            return [[len(parts), *part] for part in parts]
        ends = tensor.offsets()
        if ends.is_meta:
            return []
        lengths = ends.diff() if tensor.lengths() is None else tensor.lengths()
        return [[side if type(side) is int else length for side in tensor.shape] for length in lengths.tolist()]


def named_tensors(output: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield each tensor of an output with the innermost name on its path; '' if there is none."""
    return ((names[-1] if names else "", tensor) for names, tensor in tensors_with_paths(output))


def tensors_with_paths(output: Any, names: NamePath = (), levels: int = MAX_NESTING) -> Iterator[Located]:
    """Yield each tensor in an object with the names that lead to it. A tensor that occurs twice is yielded twice."""
    if isinstance(output, torch.Tensor):
        yield names, output
        return
    if not levels:
        return
    for key, value in _fields(output, is_whole=levels == MAX_NESTING):
        inner = names if key is None else (*names, user_text.safe_text(str(key)))
        yield from tensors_with_paths(value, inner, levels - 1)


def tensors_in_objects(output: Any) -> Iterator[Located]:
    """Yield the tensors in the attributes of objects of any class, also of those in lists."""
    waiting: list[tuple[NamePath, Any]] = [((), output)]
    met: set[int] = set()
    for names, thing in waiting:
        if isinstance(thing, torch.Tensor):
            yield names, thing
        elif id(thing) not in met and len(names) < MAX_NESTING and len(waiting) < MAX_OBJECTS:
            met.add(id(thing))
            for key, value in _fields(thing, is_whole=True):
                waiting.append((names if key is None else (*names, user_text.safe_text(str(key))), value))


def distinct_names(paths: Collection[NamePath]) -> dict[NamePath, str]:
    """Return a name for each path: its last names, as many as no other path ends with."""
    distinct = set(paths)
    ends = Counter(path[-count:] for path in distinct for count in range(1, len(path) + 1))
    found = {}
    for path in distinct:
        count = next((count for count in range(1, len(path)) if ends[path[-count:]] == 1), len(path))
        found[path] = ".".join(path[-count:]) if path else ""
    return found


def _fields(output: Any, *, is_whole: bool) -> Iterator[tuple[Any, Any]]:
    """Yield the items of an output with their names. The items of a tuple or list have None.

    Objects of other classes are read if one is the whole output. Others can be caches, such as `past_key_values`.
    """
    if isinstance(output, Mapping):
        yield from output.items()
    elif isinstance(output, tuple) and (names := getattr(output, "_fields", ())):
        yield from zip(names, output, strict=False)
    elif isinstance(output, tuple | list):
        yield from ((None, value) for value in output)
    elif (is_whole or dataclasses.is_dataclass(output)) and not isinstance(output, nn.Module | type):
        yield from introspection.attributes_of(output).items()
