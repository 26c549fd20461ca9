"""The texts of the option `inputs`."""

from __future__ import annotations

import pytest

from bmvis.errors import OptionError
from bmvis.options.parsing import parse_options


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("input_ids", "invalid tensor 'input_ids'"),
        ("x: flaot16[1]", "did you mean 'float16'"),
        ("float[1, 3]", "did you mean 'float32'"),
        ("ids: int[1]", "did you mean 'int64'"),
        ("[1, 3, 32, 32]", "add the data type: float32[1, 3, 32, 32], or int64[1, 3, 32, 32] for token ids"),
        ("(1, 128)", "add the data type: float32[1, 128]"),
        ("x: 1, 128", "add the data type: x: float32[1, 128], or x: int64[1, 128]"),
        ("1x3x32", "add the data type: float32[1, 3, 32], or int64[1, 3, 32] for token ids"),
        ("x = 1, 128", "add the data type: x: float32[1, 128], or x: int64[1, 128]"),
        ("x=float32[1, 3]", "did you mean 'x: float32[1, 3]'?"),
        ("float32(1, 3)", "did you mean 'float32[1, 3]'?"),
        ("int64[1 x 128]", "did you mean 'int64[1, 128]'?"),
        ("x: float32[1], y: float32[2]", "(write ; between tensors)"),
        ("x: float32[1, 3", "write input_ids: int64[1, 128]"),
        ("'x: float32[1, 3]; y: int64[1]'", "(remove the quotes)"),
        ('"zoo:make_inputs"', "(remove the quotes)"),
        ("x: float32", "invalid tensor 'x: float32'"),
        ("x: float32[-1]", "invalid tensor"),
        ("x: float32[1 2]", "shape"),
        ("x: float32[1]; x: float32[2]", "duplicate name"),
        ("float32[99999999999]", "too large"),
        ("float32[1,1,1,1,1,1,1,1,1]", "too large"),
        (";".join(["int64[1]"] * 33), "33 tensors"),
        ("x" * 5000, "5,000 characters"),
        ("zoo:make(open('x'))", "cannot parse option 'inputs'"),
        ("", "expected tensors"),
    ],
)
def test_invalid_inputs_are_rejected(written: str, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_options({"inputs": written})
    assert message in str(caught.value)
