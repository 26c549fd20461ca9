"""Repeated builds: what is built again, by which process, and with what result."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from pythons import TORCH_PYTHON
from sphinx.errors import ConfigError, VersionRequirementError

from bmvis.source import digest_memo
from bmvis.worker.interpreter import is_this_python
from sphinx_bmvis.records import Records


@pytest.fixture
def site(make_site):
    return make_site(
        {
            "index.rst": "Start\n=====\n\n.. model-structure:: zoo:tiny\n\n.. toctree::\n\n   other\n",
            "other.rst": "Other\n=====\n\nNo model.\n",
        }
    )


def sphinx_build(folder, *arguments, **environment):
    """Run `sphinx-build` in its own process."""
    command = [sys.executable, "-m", "sphinx", *arguments, str(folder), str(folder / "_build" / "html")]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, check=False)


def touch_later(file: Path, text: str) -> None:
    """Write a file with a modification time after the end of the last build."""
    later = time.time() + 10
    file.write_text(text, encoding="utf-8")
    os.utime(file, (later, later))


def test_unchanged_site_builds_no_model(site):
    assert site.build().worker_ran
    again = site.build()
    assert not again.worker_ran
    assert len(again.trees("index.html")) == 1


def test_change_of_an_unrelated_file_builds_no_model(site):
    site.build()
    touch_later(site.folder / "other.rst", "Other\n=====\n\nChanged.\n")
    again = site.build()
    assert "Changed." in again.read("other.html")
    assert not again.worker_ran


def test_changed_source_of_a_model_builds_its_page_again(site):
    site.build()
    touch_later(site.folder / "src" / "shapes.py", "WIDTH = 6\n")
    assert "[6, 6]" in site.build().trees("index.html")[0].get_text()


def test_references_follow_a_moved_row(site):
    """Layer 2 has its own row only after a layer differs, but the page that refers to it is not edited."""
    zoo = site.folder / "src" / "layers.py"
    zoo.write_text("from zoo import tiny\n\ndef net():\n    return tiny()\n")
    site.write(
        "index.rst", "Start\n=====\n\n.. model-structure:: layers:net\n   :name: net\n\n.. toctree::\n\n   other\n"
    )
    site.write("other.rst", "Other\n=====\n\n:module:`net:2.dense`, :any:`net`\n")
    row = [link["href"] for link in site.build().page("other.html").select("p > a.internal")]
    assert row == ["index.html#net.0.dense", "index.html#net"]
    touch_later(
        zoo, "from zoo import tiny\n\ndef net():\n    model = tiny()\n    del model[2].norm\n    return model\n"
    )
    moved = [link["href"] for link in site.build().page("other.html").select("p > a.internal")]
    assert moved == ["index.html#net.2.dense", "index.html#net"]


@pytest.mark.parametrize(
    ("link", "before"),
    [
        pytest.param(link, before, marks=() if is_usual else pytest.mark.builds, id=name)
        for name, link, before, is_usual in (
            ("module", ":module:`net:2`", "", True),
            ("model", ":model:`net`", "", False),
            ("table", ".. model-table::\n\n   zoo:tiny", "", False),
            ("module, after a build that writes nothing", ":module:`net:2`", "dummy", False),
            ("model, after a build that writes nothing", ":model:`net`", "dummy", True),
            ("table, after a build that writes nothing", ".. model-table::\n\n   zoo:tiny", "dummy", True),
        )
    ],
)
def test_links_follow_a_tree_to_another_page(site, link, before):
    site.write("trees.rst", ":orphan:\n\nTrees\n=====\n\n.. model-structure:: zoo:tiny\n   :name: net\n")
    site.write("index.rst", "Start\n=====\n\n.. toctree::\n\n   other\n")
    site.write("other.rst", f"Other\n=====\n\n{link}\n")

    def build():
        if before:
            site.build(before)
        return site.build()

    def target():
        (found,) = build().page("other.html").select("a.internal[href*=net]")
        return found["href"].partition("#")[0]

    assert target() == "trees.html"
    (site.folder / "trees.rst").rename(site.folder / "moved.rst")
    assert target() == "moved.html"
    (site.folder / "moved.rst").unlink()
    gone = build()
    assert not gone.page("other.html").select("a.internal[href*=net]")
    assert ("no tree is named 'net'" in gone.warnings) is ("table" not in link)
    assert site.build().status.count("no targets are out of date") == 1


def test_builders_with_shared_doctrees_follow_a_changed_model(site):
    builders = {"html": "index.html", "dirhtml": "index.html", "text": "index.txt", "singlehtml": "index.html"}
    for builder in builders:
        assert "[4, 4]" in site.build(builder).read(builders[builder])
    site.write("src/shapes.py", "WIDTH = 6\n")
    for builder in builders:
        assert "[6, 6]" in site.build(builder).read(builders[builder]), builder


def test_failed_model_is_built_again(site):
    site.write("index.rst", "Start\n=====\n\n.. model-structure:: later:net\n\n.. toctree::\n\n   other\n")
    failed = site.build()
    assert "no module named 'later'" in failed.warnings
    assert len(failed.boxes("index.html")) == 1
    site.write("src/later.py", "from torch import nn\n\ndef net():\n    return nn.Linear(2, 2)\n")
    fixed = site.build()
    assert fixed.warnings == ""
    assert len(fixed.trees("index.html")) == 1


@pytest.mark.parametrize("was_built", [False, True], ids=["new", "built before"])
def test_page_of_a_failed_model_is_written_again_only_if_the_error_changes(was_built, site):
    site.write("index.rst", "Start\n=====\n\n.. model-structure:: later:net\n\n.. toctree::\n\n   other\n")
    if was_built:
        site.write("src/later.py", "from torch import nn\n\ndef net():\n    return nn.Linear(4, 4)\n")
        site.build()
    site.write("src/later.py", "def net():\n    raise ValueError('no weights')\n")
    site.build()
    again = site.build()
    assert re.search(r"index\.rst:4: WARNING: .*no weights", again.warnings)
    assert "no targets are out of date" in again.status
    assert len(again.boxes("index.html")) == 1
    site.write("src/later.py", "def net():\n    raise ValueError('no configuration')\n")
    changed = site.build()
    assert "no configuration" in changed.warnings
    assert "no configuration" in changed.boxes("index.html")[0].get_text()
    site.write("src/later.py", "from torch import nn\n\ndef net():\n    return nn.Linear(2, 2)\n")
    assert len(site.build().trees("index.html")) == 1


def test_unchanged_failure_costs_no_second_look_at_what_is_installed(site, monkeypatch):
    """In a build without changes, nothing is settled again, and each group of files is looked up once."""
    site.write("index.rst", "Start\n=====\n\n.. model-structure:: zoo:tiny\n\n.. model-structure:: later:net\n")
    site.build()
    looked_up = []
    state = digest_memo.state_of
    monkeypatch.setattr(digest_memo, "state_of", lambda files: looked_up.append(files[0]) or state(files))
    monkeypatch.setattr(Records, "settle", lambda records: pytest.fail("the data are settled again"))
    assert "no module named 'later'" in site.build().warnings
    assert looked_up
    assert len(looked_up) == len(set(looked_up))


def test_removed_page_leaves_no_data(site):
    site.write("other.rst", "Other\n=====\n\n.. model-structure:: zoo:missing\n")
    assert site.build().warnings.count("zoo:missing") <= 1
    site.write("other.rst", "Other\n=====\n\nNo model.\n")
    os.utime(site.folder / "other.rst", (time.time() + 10,) * 2)
    assert site.build().warnings == ""
    assert not site.build().worker_ran


def digests(folder):
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != ".buildinfo")
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_clean_builds_are_identical(make_site, html):
    assert digests(make_site().build().folder) == digests(html.folder)


NOTING = """
import os

def look(app, *rest):
    with open(os.environ["SEEN"], "a") as seen:
        print("torch" in sys.modules, os.getpid(), file=seen)

def setup(app):
    for event in ("doctree-read", "env-updated", "html-page-context", "build-finished"):
        app.connect(event, look, priority=999)
"""
"""Records, for each process that reads, builds or writes, whether it imported torch."""


@pytest.fixture(scope="module")
def strict(make_site):
    """Return the folder of the small site that `sphinx-build -W -j 2` built, after recording its processes."""
    site = make_site()
    with site.folder.joinpath("conf.py").open("a", encoding="utf-8") as conf:
        conf.write(NOTING)
    done = sphinx_build(site.folder, "-q", "-W", "-n", "-j", "2", SEEN=str(site.folder / "seen.txt"))
    assert (done.returncode, done.stderr) == (0, "")
    return site.folder


@pytest.mark.builds
def test_strict_build_in_two_processes_passes_without_torch_in_any_of_them(strict):
    lines = [line.split() for line in strict.joinpath("seen.txt").read_text().splitlines()]
    assert {has_torch for has_torch, _ in lines} == {"False"}
    assert len({process for _, process in lines}) > 1


def test_parallel_build_gives_the_same_pages(strict, html):
    for name in ("index.html", "myst.html", "places.html", "figures.html"):
        assert strict.joinpath("_build", "html", name).read_text() == html.read(name)


def test_site_with_mocked_torch_shows_the_real_model(site):
    mocked = site.build(extensions=["sphinx_bmvis", "sphinx.ext.autodoc"], autodoc_mock_imports=["torch"])
    assert "weight:[4, 4]" in mocked.trees("index.html")[0].get_text()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bmvis_options": {"dept": 2}}, "bmvis_options in conf.py: unknown option 'dept' (did you mean 'depth'?)"),
        ({"bmvis_options": {"depth": "deep"}}, "invalid value 'deep' for option 'depth'"),
        ({"bmvis_options": {"name": "x"}}, "option 'name' applies to a single tree"),
        ({"bmvis_timeout": 0}, "bmvis_timeout in conf.py must be greater than 0, not 0"),
    ],
    ids=["unknown option", "wrong value", "of one tree", "time-out"],
)
def test_invalid_setting_names_conf_py(site, settings, message):
    with pytest.raises(Exception, match=r"conf\.py") as raised:
        site.build(**settings)
    assert message in str(raised.value)


@pytest.fixture(scope="module")
def empty_site(make_site):
    return make_site({"index.rst": "Start\n=====\n"})


def with_settings(site, text):
    """Build a site with more lines in conf.py; with `confoverrides`, Sphinx converts the types of values."""
    conf = site.folder / "conf.py"
    before = conf.read_text()
    conf.write_text(f"{before}\n{text}\n")
    try:
        return site.build()
    finally:
        conf.write_text(before)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bmvis_timeout = '60'", "bmvis_timeout in conf.py must be a number of seconds, not '60'"),
        ("bmvis_memory = True", "bmvis_memory in conf.py must be a number of bytes, not True"),
        ("bmvis_path = None", "bmvis_path in conf.py must be a list of folders, not None"),
        ("bmvis_allow = [1]", "bmvis_allow in conf.py must be a list of references, and 1 is not a string"),
        ("bmvis_options = ['depth']", "bmvis_options in conf.py must be a dictionary of options, not ['depth']"),
    ],
    ids=["string", "flag", "none", "item", "list"],
)
def test_setting_of_the_wrong_type_names_what_it_must_be(empty_site, text, message):
    with pytest.raises(ConfigError) as raised:
        with_settings(empty_site, text)
    assert str(raised.value) == message


def test_string_is_a_list_of_one_setting_and_misspelled_ones_are_reported(empty_site):
    text = "from pathlib import Path\nbmvis_path = '.'\nbmvis_allow = 'zoo:*'\nbmvis_cache = Path('kept')"
    text += "\nbmvis_python = Path(__import__('sys').executable)\nbmvis_root_folder = 1"
    assert with_settings(empty_site, text).warnings == ""
    assert with_settings(empty_site, "bmvis_paths = ['.']\nbmvis_flow_open = 2").warnings.splitlines() == [
        "WARNING: unknown setting 'bmvis_flow_open' in conf.py (write bmvis_options = {'flow-open': …}) [bmvis.option]",
        "WARNING: unknown setting 'bmvis_paths' in conf.py (did you mean 'bmvis_path'?) [bmvis.option]",
    ]


@pytest.mark.parametrize(
    ("settings", "met"),
    [
        ({"needs_sphinx": "7.4"}, True),
        ({"needs_sphinx": "99.0"}, False),
        ({"needs_extensions": {"sphinx_bmvis": "0.0.1"}}, True),
        ({"needs_extensions": {"sphinx_bmvis": "99.0"}}, False),
    ],
    ids=["sphinx", "newer-sphinx", "bmvis", "newer-bmvis"],
)
def test_site_can_require_a_version(make_site, settings, met):
    site = make_site({"index.rst": "Start\n=====\n"})
    if met:
        assert site.build(**settings).warnings == ""
    else:
        with pytest.raises(VersionRequirementError, match=r"needs .*99\.0"):
            site.build(**settings)


@pytest.mark.builds
@pytest.mark.skipif(not find_spec("torch"), reason="this Python has no torch for conf.py to run")
def test_conf_py_can_run_torch(make_site, strict):
    """The threads of torch do not survive the forks of `-j`, so no page can need them. Models are in the cache."""
    site = make_site()
    cache = Path("_build", "html", ".doctrees", "bmvis")
    shutil.copytree(strict / cache, site.folder / cache)
    with site.folder.joinpath("conf.py").open("a", encoding="utf-8") as conf:
        conf.write("\nimport torch\n\nassert (torch.ones(512, 512) @ torch.ones(512, 512)).sum() > 0\n")
    done = sphinx_build(site.folder, "-q", "-W", "-j", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert digests(site.folder / "_build" / "html")["index.html"] == digests(strict / "_build" / "html")["index.html"]


def test_site_options_are_defaults_for_pages(site):
    site.write(
        "index.rst",
        "Start\n=====\n\n.. model-structure:: zoo:tiny\n\n"
        ".. model-structure:: zoo:tiny\n   :root-name: here\n\n.. toctree::\n\n   other\n",
    )
    first, second = site.build(bmvis_options={"root-name": "site", "depth": 1}).trees("index.html")
    assert first.select_one("summary").get_text().startswith("site (Sequential) ")
    assert second.select_one("summary").get_text().startswith("here (Sequential) ")
    assert "2 modules below" in first.get_text()


def test_changed_setting_builds_all_pages_again(site):
    site.build()
    assert "2 modules below" in site.build(bmvis_options={"depth": 1}).trees("index.html")[0].get_text()


def test_bmvis_path_is_searched(site):
    site.folder.joinpath("more").mkdir()
    site.write("more/extra.py", "from torch import nn\n\ndef net():\n    return nn.Linear(3, 2)\n")
    site.write("index.rst", "Start\n=====\n\n.. model-structure:: extra:net\n\n.. toctree::\n\n   other\n")
    assert "weight:[2, 3]" in site.build(bmvis_path=["more"]).trees("index.html")[0].get_text()


def test_missing_folder_of_bmvis_path_is_reported(site):
    built = site.build(bmvis_path=["src", "more"])
    assert f"WARNING: bmvis_path in conf.py: folder {site.folder / 'more'} does not exist" in built.warnings
    assert "[bmvis.option]" in built.warnings
    assert built.trees("index.html")


def test_search_option_includes_the_text_of_a_tree(site):
    assert "layernorm" not in site.build().read("searchindex.js")
    assert "layernorm" in site.build(bmvis_options={"search": True}).read("searchindex.js")


def test_cache_that_cannot_be_written_is_a_warning(site):
    site.write("cache", "a file where the folder should be")
    built = site.build(bmvis_cache="cache")
    assert "cannot be written" in built.warnings
    assert "[bmvis.cache]" in built.warnings
    assert len(built.trees("index.html")) == 1


INCLUDED = ".. model-structure:: zoo:tiny\n   :name: shared\n   :caption: Shared\n\n:ref:`shared`\n"


def test_captions_of_one_file_on_two_pages_cause_no_warning(make_site):
    pages = dict.fromkeys(("one.rst", "two.rst"), "Page\n====\n\n.. include:: shared.inc\n")
    start = "Start\n=====\n\n.. toctree::\n\n   one\n   two\n"
    site = make_site({"index.rst": start, "shared.inc": INCLUDED, **pages})
    built = site.build()
    assert built.warnings == ""
    for page in ("one.html", "two.html"):
        assert built.page(page).select_one("#shared .bmvis-tree")
        assert built.page(page).select_one("p > a.internal").get_text() == "Shared"
    site.write("two.rst", pages["two.rst"] + "\nAgain.\n")
    assert site.build().warnings == ""
    site.write("two.rst", "Page\n====\n\n.. model-structure:: zoo:tiny\n   :name: shared\n   :caption: Other\n")
    assert "duplicate label shared" in site.build().warnings


def test_copies_of_a_tree_on_one_page_have_ids_of_their_own(make_site):
    tree = ".. todo::\n\n   .. model-structure:: zoo:tiny\n      :name: net\n\n   .. model-gallery:: zoo:tiny\n"
    site = make_site({"index.rst": f"Start\n=====\n\n{tree}\n.. todolist::\n"})
    page = site.build(extensions=["sphinx.ext.todo", "sphinx_bmvis"], todo_include_todos=True).page("index.html")
    assert [tree["id"] for tree in page.select(".bmvis")] == ["net", "gallery-index", "net-2", "gallery-index-2"]
    ids = [element["id"] for element in page.select(".bmvis [id]")]
    assert len(ids) == len(set(ids))


@pytest.mark.skipif(not is_this_python(TORCH_PYTHON), reason="another Python takes over no sys.path of conf.py")
def test_another_search_path_in_conf_builds_the_page_again(make_site):
    site = make_site({"index.rst": "T\n=\n\n.. model-structure:: net_of_path:build\n"})
    for name, width in (("a", 3), ("b", 4)):
        folder = site.folder.parent / name
        folder.mkdir()
        (folder / "net_of_path.py").write_text(f"from torch import nn\ndef build(): return nn.Linear({width}, 1)\n")
    conf = site.folder.joinpath("conf.py").read_text()
    for name, width in (("a", 3), ("b", 4), ("b", 4)):
        site.write("conf.py", f"import sys\nsys.path.insert(0, {str(site.folder.parent / name)!r})\n{conf}")
        assert f"weight:[1, {width}]" in site.build().page("index.html").get_text()
