"""`"zoo:*" = {}` in pyproject.toml: names for all models of a module."""

import pytest

from bmvis.errors import BmvisError, ProjectError
from bmvis.model.totals import subtree_totals
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
        ('"zoo:*(size=5)" = {}', ["cnn"]),
    ],
    ids=["all", "some", "exclude", "rule", "own name", "with arguments", "overlap", "shared arguments"],
)
def test_a_pattern_names_the_models_of_a_module(tmp_path, models, expected):
    assert names(project(tmp_path, models)) == tuple(expected)


@pytest.mark.parametrize(
    ("models", "reason"),
    [
        (
            '"zoo:*" = {}\n"more:*" = {}',
            "the name 'Bert_small' matches both 'zoo:Bert_small' and 'more:Bert_small'",
        ),
        ('cnn = "zoo:load"\n"zoo:c*" = {}', "the name 'cnn' matches both 'zoo:load' and 'zoo:cnn'"),
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
        ('"zoo:*" = "zoo:cnn"', "'zoo:cnn' is not a table"),
        ('"zoo:*" = {title = "x"}', "unknown key 'title'"),
        ('"zoo:*" = {name = "bert"}', "needs {factory} once"),
        ('"../zoo:*" = {}', "not a valid pattern"),
        ('"zoo:a(b c)" = {}', "cannot parse the call"),
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


def test_shared_arguments_of_a_pattern_build_its_models(tmp_path):
    folder = project(tmp_path, '"zoo:*(size=5)" = {}')
    with Source(folder, path=["."]) as source:
        assert subtree_totals(source.build("cnn").model)[0].count == 6
        assert source.project.name_of("zoo:cnn(size=5)", "auto") == "cnn"
        assert source.project.name_of("zoo:cnn", "auto") == ""


REGISTRY = """
from torch import nn
SIZES = {"small": 2, "large": 4}
NETS = [nn.Linear(1, 1), nn.Linear(2, 2)]
def list_models(filter="*", pretrained=False): return [name for name in SIZES if filter in ("*", name)]
def create_model(name, pretrained=True):
    assert not pretrained
    return nn.Linear(SIZES[name], 1)
def broken(): raise ValueError("no registry")
"""


@pytest.fixture
def registry(tmp_path):
    (tmp_path / "registry.py").write_text(REGISTRY)
    return tmp_path


def test_models_that_a_function_lists_are_built(registry):
    with Source(registry, path=["."]) as source:
        found = source.find_all('registry:create_model(*list_models("small"), pretrained=False)').references
        assert found == ("registry:create_model('small', pretrained=False)",)
        assert subtree_totals(source.resolve(found[0]).model)[0].count == 3
        assert len(source.find_all("registry:create_model(*list_models())").references) == 2


def test_models_of_a_list_are_built(registry):
    with Source(registry, path=["."]) as source:
        assert source.find_all("registry:NETS[*]").references == ("registry:NETS[0]", "registry:NETS[1]")
        assert subtree_totals(source.resolve("registry:NETS[1]").model)[0].count == 6
        with pytest.raises(BmvisError, match=r"'registry.NETS' has no index 5") as caught:
            source.resolve("registry:NETS[5]")
        assert caught.value.hint == "it has 2 items"


def test_function_that_lists_models_must_be_allowed(registry):
    pattern = "registry:create_model(*list_models())"
    with Source(registry, path=["."], allow=["registry:create_model"]) as source, pytest.raises(BmvisError) as caught:
        source.find_all(pattern)
    assert caught.value.message == "'registry:list_models' is not allowed by `allow`"
    with Source(registry, path=["."], allow=["registry:create_model", "registry:list_*"]) as source:
        assert len(source.find_all(pattern).references) == 2


def test_function_that_lists_models_and_raises_is_an_error(registry):
    with Source(registry, path=["."]) as source, pytest.raises(BmvisError, match="raised ValueError: no registry"):
        source.find_all("registry:create_model(*broken())")


def test_names_that_a_pattern_passes_over_are_logged(tmp_path, caplog):
    caplog.set_level("INFO", "bmvis")
    folder = project(tmp_path, "")
    with Source(folder, path=["."]) as source:
        source.find_all("zoo:*")
        with pytest.raises(BmvisError) as caught:
            source.find_all("zoo:lo*")
    expected = "'zoo:*' skips 1 name: load (missing a required argument: 'path')"
    assert [r.getMessage() for r in caplog.records if r.name.startswith("bmvis")] == [expected]
    assert caught.value.hint == "'zoo:lo*' skips 1 name: load (missing a required argument: 'path')"


def test_values_are_found_by_names_and_references(tmp_path):
    names = project(tmp_path, 'own = "zoo:cnn"\nother = "zoo:cnn"\n"zoo:bert_*" = {}')
    found = read_project(names).by_names_and_references(
        {"own": 1, "zoo:bert_small": 2, "bert_large": 3, "bert_small": 4}
    )
    assert found == {
        "own": 1, "other": 1, "zoo:cnn": 1, "zoo:bert_small": 2, "bert_small": 4, "bert_large": 3, "zoo:bert_large": 3
    }  # fmt: skip
