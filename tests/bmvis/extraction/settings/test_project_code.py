"""Which code is that of the project: it has settings, and other libraries have none."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmvis.errors import BmvisError
from bmvis.model.tree import Model
from bmvis.source.source import Source

CODE = """
from dataclasses import dataclass
from torch import nn
SCALE = 0.5
@dataclass
class NetConfig:
    width: int = 8
class Net(nn.Module):
    factor = 3
    def __init__(self):
        super().__init__()
        self.config, self.layer = NetConfig(), nn.Linear(8, 8)
    def forward(self, x):
        return self.layer(x) * SCALE * self.factor
def build():
    return Net()
"""
SETTINGS = {"factor": "3", "forward.SCALE": "0.5"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "own_nets"\n')
    return folder


def add_package(folder: Path, name: str) -> str:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(CODE)
    return str(folder)


def model_of(project: Path, reference: str, *path: str) -> Model:
    with Source(project, path=path) as models:
        return models.resolve(reference).model


@pytest.mark.parametrize("sources", ["src", ".", "src as a module"])
def test_installed_package_has_the_settings_of_its_sources(sources: str, project: Path, tmp_path: Path) -> None:
    site = add_package(tmp_path / "lib/python3/site-packages", "own_nets")
    if sources == "src as a module":
        (project / "src").mkdir()
        (project / "src/own_nets.py").write_text(CODE)
        source = str(project / "src")
    else:
        source = add_package(project / sources, "own_nets")
    of_sources, installed = (model_of(project, "own_nets:build", path) for path in (source, site))
    assert of_sources.root.settings == installed.root.settings == SETTINGS
    assert [config.type for config in installed.configurations] == ["NetConfig"]
    assert installed.configurations == of_sources.configurations


def test_other_installed_package_has_no_settings(project: Path, tmp_path: Path) -> None:
    add_package(project / "src", "own_nets")
    site = add_package(tmp_path / "lib/python3/site-packages", "other_nets")
    assert not model_of(project, "other_nets:build", site).root.settings


@pytest.mark.usefixtures("own_workers")
def test_failure_does_not_depend_on_the_other_files_of_the_project(project: Path) -> None:
    (project / "zoo.py").write_text("")
    with Source(project, path=["."]) as models, pytest.raises(BmvisError) as caught:
        models.resolve("zoo:missing")
    assert "names" not in {one.kind for one in caught.value.dependencies}
