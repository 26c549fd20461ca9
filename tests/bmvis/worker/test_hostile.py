"""After a hostile factory of any kind, the next model is correct, and no process or file remains."""

import os
import re
from pathlib import Path

import pytest
from hostile import KINDS
from hostile.kinds import Draws, Fails
from misbehavior import sleepers, write

from bmvis.errors import BmvisError
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.render.text import to_text
from bmvis.source.source import Source
from bmvis.view.layout import layout

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and process groups as POSIX has them")

CASES = {f"{kind.name}: {title}": case for kind in KINDS for title, case in kind.cases.items()}
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def models(workspace, project):
    for number, case in enumerate(CASES.values()):
        write(project, f"case{number}", case.body)
        write(project, f"good{number}", "return nn.Linear(3, 2)")
    write(project, "first", "return nn.Linear(3, 2)")
    with Source(project, path=["."], timeout=300, memory=2_000_000_000) as source:
        yield source


def outcome(source, reference):
    """Return `tree` or `error`, and its text."""
    try:
        model = source.resolve(reference).model
    except BmvisError as error:
        return "error", error.report
    page = layout(model, Options())
    assert not CONTROL.search(to_html(page, "tree"))
    return "tree", to_text(page)


def empty_folders(workspace):
    """Return the folders of a worker that waits for the next model."""
    return {place for folder in workspace.glob("bmvis-*") for place in (folder, folder / "tmp")}


def shared_memory(module):
    """Return the names of the shared memory that a case has listed, and of those that are left."""
    names = module.with_name(f"{module.name}.shared").read_text().split()
    return names, [name for name in names if Path("/dev/shm", name).exists()]


@pytest.mark.parametrize("title", CASES)
def test_hostile_factory_fails_alone(title, models, project, workspace, monkeypatch):
    number, case = list(CASES).index(title), CASES[title]
    if isinstance(case, Fails) and "timed out after" in case.report:
        models.resolve("first:build")
        (worker,) = models._builder._workers.values()
        monkeypatch.setattr(worker, "timeout", 3)
    kind, text = outcome(models, f"case{number}:build")
    monkeypatch.undo()
    after, tree = outcome(models, f"good{number}:build")
    assert after == "tree"
    assert "weight:[2, 3] bias:[2]" in tree
    assert [file for file in workspace.rglob("*") if file not in empty_folders(workspace)] == []
    assert sleepers() == []
    if title.startswith("shared memory"):
        names, left = shared_memory(project / f"case{number}.py")
        assert names
        assert left == []
    if isinstance(case, Draws):
        assert kind == "tree"
        assert re.search(case.text, text)
    else:
        assert kind == "error"
        assert f"case{number}:build" in text
        assert re.search(case.report, text)


def test_each_kind_has_a_source():
    assert len(KINDS) >= 30
    assert len(CASES) >= 120
    assert all(kind.source.startswith("https://") for kind in KINDS)
