"""References are resolved with the settings of pyproject.toml, on every host and in a terminal."""

import pytest

from bmvis.errors import NoTorchError, ProjectError
from bmvis.source import source
from bmvis.source.source import Source

FACTORY = "from torch import nn\n\n\ndef small():\n    return nn.Linear(2, 3)\n"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "only_on_shared_path.py").write_text(FACTORY)
    (tmp_path / "docs").mkdir()
    return tmp_path


def test_reference_uses_the_path_of_pyproject(project):
    (project / "pyproject.toml").write_text("[tool.bmvis]\npath = ['src']\n")
    with Source(project / "docs") as found:
        built = found.resolve("only_on_shared_path:small")
    assert built.model.root.type == "Linear"
    assert [dependency.of for dependency in built.dependencies if dependency.kind == "entry"] == [":", ":arguments"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("lrge", "did you mean 'large'?"),
        ("smal", "did you mean 'small'?"),
        ("pack.zoo.net", "did you mean 'pack.zoo:net'?"),
        ("zoo.py", "write zoo:factory"),
        ("not-here", "known: large"),
    ],
)
def test_name_that_a_pattern_gives_to_no_model_is_unknown(project, name, hint):
    models = "[tool.bmvis.models]\nlarge = 'only_on_shared_path:small'\n'only_on_shared_path:s*' = {}\n"
    models += "'only_on_shared_path:l*' = {}\n"
    (project / "pyproject.toml").write_text(f"[tool.bmvis]\npath = ['src']\n{models}")
    with pytest.raises(ProjectError) as caught, Source(project) as found:
        found.resolve(name)
    assert caught.value.message.startswith(f"{name!r} is neither a reference")
    assert caught.value.hint == hint


COMMIT = "run `bmvis snapshot` where PyTorch is installed, and commit the result; or install PyTorch"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("small", COMMIT),
        ("zoo:other", f"name the model in [tool.bmvis.models] of pyproject.toml, {COMMIT}"),
        ("zoo:*", f"name the model in [tool.bmvis.models] of pyproject.toml, {COMMIT}"),
    ],
    ids=["named", "unnamed", "pattern"],
)
def test_model_without_snapshot_and_torch_is_named(project, monkeypatch, text, hint):
    monkeypatch.setattr(source, "has_torch", lambda _: False)
    (project / "pyproject.toml").write_text("[tool.bmvis.models]\nsmall = 'other:small'\n")
    with pytest.raises(NoTorchError) as caught, Source(project, mode="auto") as found:
        found.find_all(text) if "*" in text else found.resolve(text)
    assert caught.value.message == f"{text!r} has no snapshot, and PyTorch is not installed in this environment"
    assert caught.value.hint == hint
