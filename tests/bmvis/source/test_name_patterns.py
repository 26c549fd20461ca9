"""`"zoo:*" = {}` in pyproject.toml: names for all models of a module."""

import pytest

from bmvis.errors import BmvisError, ProjectError
from bmvis.source.pyproject import read_project
from bmvis.source.source import Source

ZOO = """
from torch import nn
def bert_small(): return nn.Linear(2, 2)
def bert_large(): return nn.Linear(4, 4)
def cnn(size=3): return nn.Linear(size, 1)
def load(path): return nn.Linear(1, 1)
def _hidden(): return nn.Linear(1, 1)
"""


def project(folder, models):
    (folder / "pyproject.toml").write_text(f"[tool.bmvis.models]\n{models}\n")
    (folder / "zoo.py").write_text(ZOO)
    (folder / "more.py").write_text(ZOO.replace("bert_small", "Bert_small"))
    return folder


def names(folder, **options):
    with Source(folder, path=["."], **options) as source:
        return source.find_all("*").references


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ('"zoo:*" = {}', ["bert_small", "bert_large", "cnn"]),
        ('"zoo:bert_*" = {}', ["bert_small", "bert_large"]),
        ('"zoo:*" = {exclude = ["bert_*"]}', ["cnn"]),
        ('"zoo:*" = {name = "{module}.{factory}-net"}', ["zoo.bert_small-net", "zoo.bert_large-net", "zoo.cnn-net"]),
        ('own = "zoo:cnn"\n"zoo:*" = {}', ["own", "bert_small", "bert_large"]),
        ('five = "zoo:cnn(size=5)"\n"zoo:c*" = {}', ["five", "cnn"]),
        ('"zoo:bert_*" = {}\n"zoo:*_large" = {}', ["bert_small", "bert_large"]),
    ],
    ids=["all", "some", "exclude", "rule", "own name", "with arguments", "overlap"],
)
def test_a_pattern_names_the_models_of_a_module(tmp_path, models, expected):
    assert names(project(tmp_path, models)) == tuple(expected)


@pytest.mark.parametrize(
    ("models", "reason"),
    [
        (
            '"zoo:*" = {}\n"more:*" = {}',
            "the name 'Bert_small' can be that of 'zoo:Bert_small' and of 'more:Bert_small'",
        ),
        ('cnn = "zoo:load"\n"zoo:c*" = {}', "the name 'cnn' can be that of 'zoo:load' and of 'zoo:cnn'"),
        ('"zoo:bert_s*" = {}\n"more:Bert*" = {name = "{factory}"}', "the same file name on some systems"),
    ],
    ids=["two modules", "own name", "case"],
)
def test_two_models_with_one_name_are_an_error(tmp_path, models, reason):
    with pytest.raises(ProjectError, match=reason):
        names(project(tmp_path, models))


@pytest.mark.parametrize(
    ("models", "reason"),
    [
        ('"zoo:*" = "zoo:cnn"', "Expected `object`, got `str`"),
        ('"zoo:*" = {title = "x"}', "unknown field `title`"),
        ('"zoo:*" = {name = "bert"}', "needs {factory} once"),
        ('"../zoo:*" = {}', "not a valid pattern"),
        ('"zoo:a(b)" = {}', "not a valid pattern"),
    ],
    ids=["text", "key", "rule", "module", "call"],
)
def test_wrong_patterns_are_reported(tmp_path, models, reason):
    with pytest.raises(ProjectError, match=reason) as caught:
        read_project(project(tmp_path, models))
    assert "pyproject.toml" in str(caught.value)


def test_a_name_finds_its_model_without_an_import(tmp_path):
    folder = project(tmp_path, '"zoo:bert_*" = {name = "z-{factory}", device = "cpu", timeout = 5.0}')
    (folder / "zoo.py").unlink()
    found = read_project(folder)
    model = found.find("z-bert_small")
    assert (model.reference, model.device, model.timeout) == ("zoo:bert_small", "cpu", 5.0)
    assert found.name_of("zoo:bert_small", "auto") == "z-bert_small"
    assert found.name_of("zoo:bert_small(1)", "auto") == found.name_of("zoo:cnn", "auto") == ""
    for name in ("bert_small", "z-cnn", "z-bert_a.b", "z-bert_../x"):
        with pytest.raises(BmvisError, match="is neither a reference"):
            found.find(name)


def test_a_module_that_cannot_be_imported_is_an_error(tmp_path):
    folder = project(tmp_path, '"zoo:*" = {}')
    (folder / "zoo.py").write_text("1 / 0")
    with pytest.raises(BmvisError, match="ZeroDivisionError"):
        names(folder)
