"""What the schema of an operation shows: which arguments it writes to, and whether its result depends on values."""

from __future__ import annotations

from typing import Any, NamedTuple

from bmvis.extraction.dataflow.host_values import FROM_HOST
from bmvis.extraction.dataflow.operation_names import operation_name

_SHAPE_ONLY = ("new_", "empty", "zeros", "ones", "full", "rand", "arange")
"""Beginnings of the names of operations whose results do not depend on the values of their arguments."""
_RANDOM = frozenset(("zero_", "normal_", "uniform_", "random_", "exponential_", "geometric_", "cauchy_", "log_normal_"))
"""Operations in place that do not depend on the values of their arguments."""
_OVERWRITING = frozenset(("copy_", "fill_", "set_"))
"""Operations in place that do not read the tensor that they write to."""
COPIES = frozenset(("to_copy", "clone"))
"""Operations whose results have the values of their argument."""


class OperationTraits(NamedTuple):
    """What the schema of an operation shows about its results."""

    name: str
    """What it does, in the words of a figure."""
    is_view: bool = False
    is_constant: bool = False
    written: tuple[int | str, ...] = ()
    """Positions or names of the arguments that it writes to."""
    overwritten: tuple[int | str, ...] = ()
    """Those of them that it does not read: arguments such as `out`, and that of `copy_`."""
    is_plain: bool = False
    """Whether it makes a tensor and changes none, and the result is not just a copy."""


def traits_of(func: Any) -> OperationTraits:
    """Return what the schema of an operation shows about its results."""
    schema = getattr(func, "_schema", None)
    if schema is None:  # a higher-order operator
        return OperationTraits(operation_name(getattr(func, "__name__", "")))
    name = schema.name.rpartition("::")[2]
    written: list[int | str] = []
    for position, argument in enumerate(schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            written.append(argument.name if argument.kwarg_only else position)
    is_view = not written and name != FROM_HOST and any(out.alias_info is not None for out in schema.returns)
    is_constant = name.startswith(_SHAPE_ONLY) or name in _RANDOM
    overwritten = tuple(place for place in written if isinstance(place, str) or name in _OVERWRITING)
    is_constant = is_constant and not is_view
    word = operation_name(name)
    is_plain = not is_view and not is_constant and not written and word not in COPIES
    return OperationTraits(word, is_view, is_constant, tuple(written), overwritten, is_plain)
