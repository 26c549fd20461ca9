"""A module that is imported is a source, whose comments do not count. A module that is read as text is a file."""

from pathlib import Path

import pytest

from bmvis.source.source import Source

ZOO = """
from torch import nn
import helper

def build():
    return nn.Linear(helper.WIDTH, 1)

def build_from_text():
    return nn.Linear(len(open(helper.__file__).read()), 1)
"""


@pytest.mark.parametrize(("name", "kind"), [("build", "source"), ("build_from_text", "file")])
def test_imported_module_counts_by_its_syntax_tree(tmp_path: Path, name: str, kind: str) -> None:
    tmp_path.joinpath("zoo.py").write_text(ZOO)
    tmp_path.joinpath("helper.py").write_text("WIDTH = 3\n")
    with Source(tmp_path, path=["."], cache=tmp_path / "cache") as source:
        dependencies = source.resolve(f"zoo:{name}").dependencies
    kinds = {Path(one.path).name: (one.kind, bool(one.of)) for one in dependencies if one.value}
    assert kinds["helper.py"] == (kind, kind == "source")
    assert kinds["zoo.py"] == ("source", True)
