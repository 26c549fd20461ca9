"""HTML that is kept between builds: what makes it out of date, and what is not taken from a cache."""

from types import SimpleNamespace

import pytest

from bmvis.options.definitions import Options
from bmvis.source.cache import Cache, KeptHtml
from bmvis.source.facts import file_facts
from mkdocs_bmvis import drawings as drawings_of
from mkdocs_bmvis.drawings import Drawings, FactRecorder
from mkdocs_bmvis.settings import Settings

KEY = ("zoo:tiny", "options", "tree")
HTML = '<div class="bmvis" id="tree"><a href="#tree.0">0</a></div>'


@pytest.fixture
def opened(tmp_path):
    (tmp_path / "zoo.py").write_text("a")

    def opened(**settings):
        cache = Cache(tmp_path / ".cache", tmp_path, lambda folder: "installed")
        source = SimpleNamespace(
            drawings=lambda: cache, project=SimpleNamespace(file=tmp_path / "pyproject.toml"), cache=cache
        )
        return Drawings(source, Settings(cwd=str(tmp_path), **settings))

    return opened


@pytest.fixture
def kept(opened, tmp_path):
    recorder = FactRecorder(None)
    recorder.add(file_facts([str(tmp_path / "zoo.py")]))
    opened().keep(recorder, HTML, *KEY)


@pytest.mark.usefixtures("kept")
def test_unchanged_drawing_is_found(opened):
    assert opened().find(*KEY).html == HTML


@pytest.mark.usefixtures("kept")
def test_edit_of_a_model_or_of_the_project_makes_it_out_of_date(opened, tmp_path):
    (tmp_path / "zoo.py").write_text("b")
    assert opened().find(*KEY) is None
    (tmp_path / "zoo.py").write_text("a")
    (tmp_path / "pyproject.toml").write_text("[tool.bmvis]\n")
    assert opened().find(*KEY) is None


@pytest.mark.usefixtures("kept")
def test_other_key_setting_or_code_has_another_drawing(opened, monkeypatch):
    assert opened().find("zoo:tiny", "other options", "tree") is None
    assert opened(options=Options(depth=2)).find(*KEY) is None
    assert opened(allow=("zoo:big",)).find(*KEY) is None
    monkeypatch.setattr(drawings_of, "_code", lambda: "other code")
    assert opened().find(*KEY) is None


@pytest.mark.usefixtures("kept")
def test_other_code_of_bmvis_has_another_drawing(opened, monkeypatch):
    monkeypatch.setattr("bmvis.source.fingerprint.of_bmvis", lambda: "other code")
    assert opened().find(*KEY) is None


def test_drawing_with_a_problem_is_not_kept(opened):
    recorder = FactRecorder(None)
    recorder.reporting(lambda problem: None)("problem")
    opened().keep(recorder, HTML, *KEY)
    assert opened().find(*KEY) is None


@pytest.mark.parametrize(
    "html",
    [
        "<script>run()</script>",
        '<p onclick="run()">a</p>',
        '<a href="javascript:run()">a</a>',
        '<a href="//example.org">a</a>',
        '<p style="position:fixed">a</p>',
        '<img src="https://example.org"/>',
        "<!-- a",
        "a \x02wzxhzdk:0\x03",
    ],
)
def test_hostile_html_is_not_taken_from_the_cache(opened, html):
    opened()._open().put(KeptHtml(html), *opened()._key(KEY))
    assert opened().find(*KEY) is None


@pytest.mark.usefixtures("kept")
def test_damaged_drawing_is_not_taken(opened, tmp_path):
    for entry in (tmp_path / ".cache").glob("*.bmvis"):
        entry.write_bytes(entry.read_bytes()[:-1] + b"?")
    assert opened().find(*KEY) is None
