"""Columns from pyproject.toml and a data file, and the files that a page with them depends on."""

import pytest

from bmvis.errors import OptionError
from bmvis.source.column_sources import column_sources
from bmvis.source.pyproject import read_project

MODELS = '[tool.bmvis.models]\nbert = {reference = "zoo:bert", columns = {GLUE = 79.6}}\n'


@pytest.mark.parametrize(
    ("files", "data", "columns", "noted"),
    [
        ({}, "", ({}, {}), []),
        ({"pyproject.toml": MODELS}, "", ({"bert": {"GLUE": "79.6"}, "zoo:bert": {"GLUE": "79.6"}}, {}), [0]),
        ({"own.csv": "model,year\nbert,2018\n"}, "own.csv", ({}, {"bert": {"year": "2018"}}), [0]),
    ],
    ids=["no files", "pyproject.toml", "data file"],
)
def test_files_with_columns_are_noted(tmp_path, files, data, columns, noted):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = list[str]()
    assert column_sources(read_project(tmp_path), tmp_path, data, found.append) == columns
    assert found == [str(tmp_path / list(files)[index]) for index in noted]


def test_missing_data_file_is_noted_because_a_build_can_add_it(tmp_path):
    found = list[str]()
    with pytest.raises(OptionError, match="cannot read the data file"):
        column_sources(read_project(tmp_path), tmp_path, "own.csv", found.append)
    assert found == [str(tmp_path / "own.csv")]
