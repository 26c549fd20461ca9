"""Parse the inputs of a model, as the option `inputs` gives them: `input_ids: int64[1, 128]; float32[1, 3, 224, 224]`.

The option can also be a reference to a function that returns the inputs: `package.module:make_inputs`. Parsing
evaluates no code.
"""

from __future__ import annotations

import math
import re

import msgspec

from bmvis.errors import InvalidReferenceError, OptionError, did_you_mean, nearest
from bmvis.lazy_regex import lazy_regex
from bmvis.reference import Reference, parse_reference

DTYPES = (
    *("float32", "float16", "bfloat16", "float64"),
    *("int64", "int32", "int16", "int8", "uint8", "bool", "complex64", "complex128"),
)
MAX_LENGTH, MAX_TENSORS, MAX_DIMENSIONS, MAX_ELEMENTS = 4096, 32, 8, 2**31

_OTHER_NAMES = {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "long": "int64",
    "int": "int64",
    "integer": "int64",
    "boolean": "bool",
}
"""Other names of data types, each with the one that is probably intended."""
_TENSOR = lazy_regex(r"(?:([^\W\d]\w*)\s*:)?\s*(\w+)\s*\[([\d\s,_]*)\]")
_SHAPE = lazy_regex(r"(?:([^\W\d]\w*)\s*:)?\s*[\[(]?\s*(\d[\d\s,]*?),?\s*[\])]?")
"""A shape without a data type, as tools that take one data type write it: `[1, 3, 224, 224]`, `(1, 128)`."""
_COMMA = lazy_regex(r"[\])]\s*,\s*\w")
_REFERENCE = lazy_regex(r"[\w.]+\s*:\s*[\w.]+\s*(\(.*\))?", re.DOTALL)
_QUOTES = ("'", '"')
_EXAMPLE = "write input_ids: int64[1, 128]; attention_mask: int64[1, 128], or package.module:make_inputs"


class TensorInput(msgspec.Struct, frozen=True):
    """One tensor. A tensor without a name is passed as a positional argument."""

    name: str
    dtype: str
    shape: tuple[int, ...]


def parse_inputs(text: str) -> tuple[TensorInput, ...] | Reference:
    """Parse the value of the option `inputs`.

    Raises:
        OptionError: the text is neither a list of tensors nor a reference, or exceeds a limit.
    """
    if len(text) > MAX_LENGTH:
        raise OptionError(f"option 'inputs' is {len(text):,} characters long", hint=f"the limit is {MAX_LENGTH:,}")
    if _REFERENCE.fullmatch(text) and text.partition(":")[2].strip() not in DTYPES:
        try:
            return parse_reference(text)
        except InvalidReferenceError as error:
            raise OptionError(f"cannot parse option 'inputs': {error.message}", hint=_EXAMPLE) from None
    parts = [part.strip() for part in text.split(";") if part.strip()]
    if not parts or len(parts) > MAX_TENSORS:
        raise OptionError(
            f"option 'inputs' has {len(parts)} tensors", hint=f"{_EXAMPLE}; the limit is {MAX_TENSORS} tensors"
        )
    found = tuple(map(_tensor, parts))
    names = [tensor.name for tensor in found if tensor.name]
    if len(set(names)) < len(names):
        raise OptionError("option 'inputs' has a duplicate name", hint=f"the names are {', '.join(names)}")
    return found


def checked_inputs(text: str) -> str:
    """Return the value of `inputs` on one line, if it can be parsed.

    Raises:
        ValueError: the text is empty.
        OptionError: as from `parse_inputs`.
    """
    if not text:
        raise ValueError
    parse_inputs(text)
    return " ".join(text.split())


def canonical_text(text: str) -> str:
    """Return the inputs in one spelling, so that equal ones are equal texts.

    Raises:
        OptionError: as from `parse_inputs`.

    Examples:
        >>> canonical_text("ids:int64[1,128] ;float32[ 2 ];")
        'ids: int64[1, 128]; float32[2]'
    """
    found = parse_inputs(text)
    if isinstance(found, Reference):
        return found.text
    named = ((f"{one.name}: " if one.name else "", one) for one in found)
    return "; ".join(f"{name}{one.dtype}[{', '.join(map(str, one.shape))}]" for name, one in named)


def _tensor(text: str) -> TensorInput:
    match = _TENSOR.fullmatch(text)
    if match is None:
        raise OptionError(f"option 'inputs': invalid tensor {text!r}", hint=_tensor_hint(text))
    name, dtype, sizes = match[1] or "", match[2], match[3]
    if dtype not in DTYPES:
        raise OptionError(f"option 'inputs': unknown data type {dtype!r}", hint=_dtype_hint(dtype))
    try:
        shape = tuple(int(size) for size in sizes.split(",")) if sizes.strip() else ()
    except ValueError:
        raise OptionError(f"option 'inputs': invalid shape in {text!r}", hint=_EXAMPLE) from None
    if len(shape) > MAX_DIMENSIONS or math.prod(shape) > MAX_ELEMENTS:
        raise OptionError(
            f"option 'inputs': tensor {text!r} is too large",
            hint=f"the limits are {MAX_DIMENSIONS} dimensions and {MAX_ELEMENTS:,} elements",
        )
    return TensorInput(name, dtype, shape)


def _tensor_hint(text: str) -> str:
    """Return a hint for an invalid tensor: its quotes and signs, the data type that a shape lacks, or an example."""
    if text.startswith(_QUOTES) or text.endswith(_QUOTES):
        return "remove the quotes"
    if _COMMA.search(text):
        return "write ; between tensors"
    if (intended := _with_usual_signs(text)) != text and _TENSOR.fullmatch(intended):
        return did_you_mean([intended])
    shape = _SHAPE.fullmatch(intended)
    if shape is None:
        return _EXAMPLE
    name = f"{shape[1]}: " if shape[1] else ""
    return f"add the data type: {name}float32[{shape[2]}], or {name}int64[{shape[2]}] for token ids"


def _with_usual_signs(text: str) -> str:
    """Return a tensor with `:` after its name, brackets around its shape, and commas between its sizes.

    Examples:
        >>> _with_usual_signs("x=float32(1x8)")
        'x: float32[1, 8]'
    """
    text = re.sub(r"^(\w+)\s*=\s*", r"\1: ", text)
    text = re.sub(r"(?<=\d)\s*[x×*]\s*(?=\d)", ", ", text)
    return re.sub(r"(\w)\s*\(([^()]*)\)$", r"\1[\2]", text)


def _dtype_hint(name: str) -> str:
    """Return a hint for an unknown data type."""
    intended = _OTHER_NAMES.get(name.lower())
    return did_you_mean([intended]) if intended else nearest(name, DTYPES)
