"""HTML that is kept between builds: what makes it out of date, and what is not taken from a cache."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from bmvis.errors import FigureError, HighlightError, OptionError
from bmvis.options.definitions import Options
from bmvis.source.cache import Cache, CachedHtml
from bmvis.source.cache_folder import CacheFolder
from bmvis.source.dependencies import file_dependencies
from bmvis.source.pyproject import read_project
from bmvis.worker.protocol import Listed
from mkdocs_bmvis import html_cache
from mkdocs_bmvis.html_cache import DependencyRecorder, HtmlCache, problems_of
from mkdocs_bmvis.settings import Settings

KEY = ("zoo:tiny", "options", "tree")
HTML = '<div class="bmvis" id="tree"><a href="#tree.0">0</a></div>'


@pytest.fixture
def opened(tmp_path):
    (tmp_path / "zoo.py").write_text("a")

    def opened(installed="installed", **settings):
        cache = Cache(CacheFolder(tmp_path / ".cache"), tmp_path, lambda folder: installed)
        source = SimpleNamespace(html_cache=lambda: cache, project=read_project(tmp_path), cache=cache)
        return HtmlCache(source, Settings(cwd=str(tmp_path), **settings))

    return opened


@pytest.fixture
def kept(opened, tmp_path):
    recorder = DependencyRecorder(None, Path())
    recorder.add(file_dependencies([str(tmp_path / "zoo.py")]))
    opened().store(recorder, HTML, *KEY)


@pytest.mark.usefixtures("kept")
def test_unchanged_drawing_is_found(opened):
    assert opened().find(*KEY).html == HTML


@pytest.mark.usefixtures("kept")
def test_edit_of_a_model_or_of_the_project_makes_it_out_of_date(opened, tmp_path):
    (tmp_path / "zoo.py").write_text("b")
    assert opened().find(*KEY) is None
    (tmp_path / "zoo.py").write_text("a")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    assert opened().find(*KEY)
    (tmp_path / "pyproject.toml").write_text('[tool.bmvis.models]\na = "zoo:a"\n')
    assert opened().find(*KEY) is None


@pytest.mark.usefixtures("kept")
def test_edit_of_the_project_during_a_build_makes_it_out_of_date(opened, tmp_path):
    running = opened()
    (tmp_path / "pyproject.toml").write_text('[tool.bmvis.models]\na = "zoo:a"\n')
    running.store(DependencyRecorder(None, Path()), HTML, "old")
    assert opened().find("old") is None


@pytest.mark.usefixtures("kept")
def test_other_key_setting_or_code_has_another_drawing(opened, monkeypatch):
    assert opened().find("zoo:tiny", "other options", "tree") is None
    assert opened(options=Options(depth=2)).find(*KEY) is None
    assert opened(allow=("zoo:big",)).find(*KEY) is None
    monkeypatch.setattr(html_cache, "_code", lambda: "other code")
    assert opened().find(*KEY) is None


@pytest.mark.usefixtures("kept")
def test_other_code_of_bmvis_has_another_drawing(opened, monkeypatch):
    monkeypatch.setattr("bmvis.source.fingerprint.of_bmvis", lambda: "other code")
    assert opened().find(*KEY) is None


def test_problems_are_kept_with_their_locations(opened, tmp_path):
    recorder = DependencyRecorder(None, tmp_path)
    reported = []
    report = recorder.reporting(lambda *problem: reported.append(problem))
    report(FigureError(f"no figure of {tmp_path}/zoo.py", hint="add inputs", detail="line\nline"))
    report(OptionError("misspelled \udcff"), "page.md:7")
    opened().store(recorder, HTML, *KEY)
    found = list(problems_of(opened().find(*KEY)))
    assert [(type(error), error.report, location) for error, location in found] == [
        (FigureError, "no figure of zoo.py (add inputs)\n    line\n    line", ""),
        (OptionError, "misspelled \\xff", "page.md:7"),
    ]
    assert len(reported) == 2


def test_drawing_with_a_problem_that_may_be_gone_is_not_kept(opened):
    recorder = DependencyRecorder(None, Path())
    slow = HighlightError("takes longer than 2 seconds")
    slow.is_transient = True
    recorder.reporting(lambda *problem: None)(slow)
    opened().store(recorder, HTML, *KEY)
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
    opened()._open().put(CachedHtml(html), *opened()._key(KEY))
    assert opened().find(*KEY) is None


@pytest.mark.parametrize(("anchor", "is_found"), [("tree", True), ("elsewhere", False)])
def test_targets_of_references_are_ids_of_the_drawing(opened, anchor, is_found):
    recorder = DependencyRecorder(None, Path())
    recorder.targets = {"name": anchor}
    opened().store(recorder, '<div id="tree"></div>', *KEY)
    found = opened().find(*KEY)
    assert (found.targets if found else None) == ({"name": "tree"} if is_found else None)


def test_names_that_a_pattern_skips_are_logged_once_in_each_build(opened, caplog):
    caplog.set_level("INFO", "mkdocs.plugins.bmvis")
    listed = Listed(("zoo:a",), passed_over=("load (returns int)",))
    recorder = DependencyRecorder(SimpleNamespace(find_all=lambda pattern: listed), Path())
    recorder.find_all("zoo:*")
    opened().store(recorder, HTML, "first")
    opened().store(recorder, HTML, "second")
    for build in (opened(), opened()):
        assert build.find("first")
        assert build.find("second")
    assert caplog.messages == ["'zoo:*' skips 1 name: load (returns int)"] * 2


def test_other_distributions_where_a_pattern_looked_make_it_out_of_date(opened):
    recorder = DependencyRecorder(
        SimpleNamespace(find_all=lambda pattern: Listed(("zoo:a",), installed=("site-packages",))), Path()
    )
    recorder.find_all("zoo:*")
    opened().store(recorder, HTML, *KEY)
    assert opened().find(*KEY)
    assert opened(installed="other").find(*KEY) is None


@pytest.mark.usefixtures("kept")
def test_damaged_drawing_is_not_taken(opened, tmp_path):
    for entry in (tmp_path / ".cache").glob("*.bmvis"):
        entry.write_bytes(entry.read_bytes()[:-1] + b"?")
    assert opened().find(*KEY) is None
