"""What a model is called with, as a page writes it: `input_ids: int64[1, 128]; float32[1, 3, 224, 224]`.

Or a reference to a function that returns the inputs: `package.module:make_inputs`. Nothing is evaluated.
"""

from __future__ import annotations

import math
import re

import msgspec

from bmvis.errors import InvalidReferenceError, OptionError, nearest
from bmvis.reference import Reference, parse_reference

DTYPES = (
    *("float32", "float16", "bfloat16", "float64"),
    *("int64", "int32", "int16", "int8", "uint8", "bool", "complex64", "complex128"),
)
MAX_LENGTH, MAX_TENSORS, MAX_DIMENSIONS, MAX_ELEMENTS = 4096, 32, 8, 2**31

_TENSOR = re.compile(r"(?:([^\W\d]\w*)\s*:)?\s*(\w+)\s*\[([\d\s,_]*)\]")
_REFERENCE = re.compile(r"[\w.]+\s*:\s*[\w.]+\s*(\(.*\))?", re.DOTALL)
_EXAMPLE = "write input_ids: int64[1, 128]; attention_mask: int64[1, 128], or package.module:make_inputs"


class TensorInput(msgspec.Struct, frozen=True):
    """One tensor; without a name it is passed by its position."""

    name: str
    dtype: str
    shape: tuple[int, ...]


def parse_inputs(text: str) -> tuple[TensorInput, ...] | Reference:
    """Read what the option `inputs` holds.

    Raises:
        OptionError: it is neither tensors nor a reference, or more than a person would write.
    """
    if len(text) > MAX_LENGTH:
        raise OptionError(f"option 'inputs' is {len(text):,} characters long", hint=f"at most {MAX_LENGTH:,} are taken")
    if _REFERENCE.fullmatch(text) and text.partition(":")[2].strip() not in DTYPES:
        try:
            return parse_reference(text)
        except InvalidReferenceError as error:
            raise OptionError(f"option 'inputs' cannot be read: {error.message}", hint=_EXAMPLE) from None
    parts = [part.strip() for part in text.split(";") if part.strip()]
    if not parts or len(parts) > MAX_TENSORS:
        raise OptionError(f"option 'inputs' has {len(parts)} tensors", hint=f"{_EXAMPLE}; at most {MAX_TENSORS}")
    found = tuple(map(_tensor, parts))
    names = [tensor.name for tensor in found if tensor.name]
    if len(set(names)) < len(names):
        raise OptionError("option 'inputs' has one name twice", hint=f"the names are {', '.join(names)}")
    return found


def checked_inputs(text: str) -> str:
    """Return what `inputs` holds, on one line, if it can be read."""
    if not text:
        raise ValueError
    parse_inputs(text)
    return " ".join(text.split())


def _tensor(text: str) -> TensorInput:
    match = _TENSOR.fullmatch(text)
    if match is None:
        raise OptionError(f"option 'inputs' does not take {text!r}", hint=_EXAMPLE)
    name, dtype, sizes = match[1] or "", match[2], match[3]
    if dtype not in DTYPES:
        raise OptionError(f"option 'inputs' names an unknown data type {dtype!r}", hint=nearest(dtype, DTYPES))
    try:
        shape = tuple(int(size) for size in sizes.split(",")) if sizes.strip() else ()
    except ValueError:
        raise OptionError(f"option 'inputs' does not take the shape in {text!r}", hint=_EXAMPLE) from None
    if len(shape) > MAX_DIMENSIONS or math.prod(shape) > MAX_ELEMENTS:
        raise OptionError(
            f"the tensor {text!r} in option 'inputs' is too large",
            hint=f"at most {MAX_DIMENSIONS} dimensions and {MAX_ELEMENTS:,} elements are taken",
        )
    return TensorInput(name, dtype, shape)
