"""Paths of mapping files in the option `common`."""

from pathlib import Path

import pytest

from bmvis.options.parsing import parse_options, resolve_mapping_file


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        pytest.param("names.toml", "/site/names.toml", id="file"),
        pytest.param("maps/names.toml", "/site/maps/names.toml", id="file in a folder"),
        pytest.param("/shared/names.toml", "/shared/names.toml", id="absolute path"),
        pytest.param("", "auto", id="no value"),
        pytest.param("bert", "bert", id="architecture"),
    ],
)
def test_mapping_file_is_relative_to_the_folder_of_the_configuration(written: str, resolved: str) -> None:
    options = resolve_mapping_file(parse_options({"common": written}), Path("/site"))
    assert options.common == resolved
    assert options.mapping_file == (resolved if resolved.endswith(".toml") else "")
