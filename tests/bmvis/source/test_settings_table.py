"""Errors of the tables in pyproject.toml name the key, the value, and what it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmvis.errors import ProjectError
from bmvis.source.name_patterns import NamedModel, PatternSettings
from bmvis.source.pyproject import _BmvisTable, read_project
from bmvis.source.settings_table import EXPECTED

MODEL = '[tool.bmvis.models]\nx = {reference = "zoo:net", '


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[tool.bmvis]\npath = "src"',
            """invalid value 'src' for 'path' (expected a list of folders, such as ["src"])""",
        ),
        ("[tool.bmvis]\nmodls = {}", "unknown key 'modls' (did you mean 'models'?)"),
        ("[tool.bmvis.models]\nx = 3", "'x': 3 is not a table (the keys are device, python, "),
        ("[tool.bmvis.models]\nx = {}", "'x': the key 'reference' is missing (set it to text, such as package.module"),
        ('[tool.bmvis.models]\nx = {inputz = "x"}', "unknown key 'inputz' (did you mean 'inputs'?)"),
        (MODEL + 'device = "gpu"}', "'x': invalid value 'gpu' for 'device' (expected auto, meta or cpu)"),
        (MODEL + 'timeout = "long"}', "invalid value 'long' for 'timeout' (expected a number of seconds)"),
        (MODEL + "flow = 1}", "invalid value 1 for 'flow' (expected true or false)"),
        (MODEL + "python = true}", "invalid value true for 'python' (expected the path of a Python interpreter)"),
        (
            MODEL + 'inputs = "[1, 3]"}',
            "'x': option 'inputs': invalid tensor '[1, 3]' (add the data type: float32[1, 3]",
        ),
        (MODEL + f'memory = "{"x" * 99}"}}', f"invalid value '{'x' * 58}… for 'memory'"),
        (
            '[tool.bmvis.models]\n"zoo:*" = {exclude = "load"}',
            "invalid value 'load' for 'exclude' (expected a list of pat",
        ),
    ],
)
def test_wrong_value_is_reported_with_what_its_key_takes(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ProjectError) as caught:
        read_project(tmp_path)
    assert message in str(caught.value)
    assert "pyproject.toml" in str(caught.value)


def test_expected_values_describe_all_keys() -> None:
    kinds = (_BmvisTable, NamedModel, PatternSettings)
    assert set(EXPECTED) == {name for kind in kinds for name in kind.__struct_fields__}
