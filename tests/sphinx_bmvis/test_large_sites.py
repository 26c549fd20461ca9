"""What a build does not repeat: layouts of named trees, and models whose cache is gone."""

import os
import pickle
import shutil
import time
from copy import deepcopy
from types import SimpleNamespace

import msgspec
import pytest
from networks import resnet

from bmvis.options.definitions import Options
from bmvis.view.layout import layout
from bmvis.worker.protocol import Built, Dependency, ModelRequest
from sphinx_bmvis import kept_models
from sphinx_bmvis.domain import BmvisDomain
from sphinx_bmvis.requests import PageContent, TreeRequest

PAGES = {
    "index.rst": "Start\n=====\n\n:module:`first:1.dense`\n\n.. toctree::\n\n   trees\n   more\n",
    "trees.rst": "Trees\n=====\n\n.. model-structure:: zoo:tiny\n   :name: first\n",
    "more.rst": "More\n====\n\n.. model-structure:: zoo:tiny\n   :name: second\n   :caption: Again\n",
}


@pytest.fixture(scope="module")
def site(make_site):
    site = make_site(PAGES)
    site.build()
    return site


@pytest.fixture
def laid_out(monkeypatch):
    """Return the models that the domain lays out."""
    found = []

    def note(model, *rest):
        found.append(model)
        return layout(model, *rest)

    monkeypatch.setattr("bmvis.view.layout.layout", note)
    return found


def edit(file, text):
    """Write a file with a modification time after the end of the last build."""
    file.write_text(text, encoding="utf-8")
    os.utime(file, (time.time() + 10,) * 2)


@pytest.mark.parametrize("jobs", [0, 2])
def test_build_without_changes_lays_out_nothing_and_keeps_the_inventory(site, laid_out, jobs):
    inventory = site.build().folder.joinpath("objects.inv").read_bytes()
    laid_out.clear()
    again = site.build(jobs=jobs)
    assert laid_out == []
    assert again.folder.joinpath("objects.inv").read_bytes() == inventory


def test_trees_that_differ_in_name_and_caption_share_a_layout(make_site, laid_out):
    built = make_site(PAGES).build()
    assert len(laid_out) == 1
    assert [len(built.trees(page)) for page in ("trees.html", "more.html")] == [1, 1]
    assert "Again" in built.trees("more.html")[0].get_text()
    assert "Again" not in built.trees("trees.html")[0].get_text()
    assert built.page("more.html").find(id="second.0.dense")


@pytest.mark.parametrize("loss", ["deleted", "damaged"])
def test_written_page_needs_no_cache(site, loss):
    built = site.build()
    page, text = built.folder / "trees.html", built.read("trees.html")
    page.unlink()
    cache = site.folder / "_build" / "docs" / "doctrees" / "bmvis"
    if loss == "deleted":
        shutil.rmtree(cache, ignore_errors=True)
    for file in cache.glob("*.bmvis"):
        file.write_bytes(b"")
    again = site.build()
    assert not again.worker_ran
    assert again.read("trees.html") == text


def test_site_without_cache_builds_no_model_again(make_site):
    site = make_site({"index.rst": PAGES["trees.rst"]})
    text = site.build(bmvis_cache=False).read("index.html")
    assert not (site.folder / "_build" / "docs" / "doctrees" / "bmvis").exists()
    again = site.build(bmvis_cache=False)
    assert not again.worker_ran
    assert again.read("index.html") == text


def test_references_follow_a_row_that_an_option_hides(make_site):
    """The page that refers to the row is not edited."""
    site = make_site(PAGES)
    assert "trees.html#first.0.dense" in site.build().read("index.html")
    edit(site.folder / "trees.rst", f"{PAGES['trees.rst']}   :depth: 1\n")
    hidden = site.build()
    assert hidden.warnings == ""
    [link] = hidden.page("index.html").select("p > a.internal")
    assert hidden.page("trees.html").find(id=link["href"].partition("#")[2])


def test_removed_page_leaves_no_rows(make_site):
    site = make_site(PAGES)
    site.build()
    site.folder.joinpath("more.rst").unlink()
    edit(site.folder / "index.rst", PAGES["index.rst"].replace("   more\n", ""))
    names = site.build().inventory
    assert "first:1.dense" in names
    assert "second" not in names


def test_environment_keeps_a_fraction_of_a_model():
    model = resnet()
    built = Built(model, ("zoo.py",))
    kept = kept_models.pack(built)
    assert len(kept) * 5 < len(msgspec.msgpack.encode(built))
    layouts = kept_models.Layouts()
    assert layouts.model(kept) == Built(model, ())
    assert layouts.page(kept, Options(name="a", depth=2)) == layout(model, Options(name="a", depth=2))


def test_equal_dependencies_and_options_are_kept_once():
    requests = [ModelRequest(f"zoo:{name}") for name in "abc"]
    files = [[Dependency("source", file, "digest") for file in ("zoo.py", "blocks.py")] for _ in requests]
    options = [Options(depth=2) for _ in requests]
    copies = [ModelRequest(f"zoo:{name}") for name in "abc"]
    data = {
        "dependencies": dict(zip(requests, map(tuple, [*files[:2], files[2][:1]]), strict=True)),
        "listed": {"index": tuple(files[1])},
        "read": {},
        "packed": dict.fromkeys(copies, b""),
        "ids": dict.fromkeys(zip(copies, options, strict=True), b""),
    }
    before = deepcopy(data)
    kept_models.share(data)
    assert data == before
    found = [*data["dependencies"].values(), *data["listed"].values()]
    assert len({id(of) for of in found}) == 2
    assert len({id(one) for of in found for one in of}) == 2
    assert len({id(options) for _, options in data["ids"]}) == 1
    keys = [*data["dependencies"], *data["packed"], *(request for request, _ in data["ids"])]
    assert len({id(key) for key in keys}) == 3


def test_pickled_options_have_no_defaults():
    options = Options(depth=2, name="net", classes=("wide",), flow=0)
    pickled = pickle.dumps(options)
    assert pickle.loads(pickled) == options
    assert b"caption" not in pickled


def test_build_without_changes_does_not_compare_targets_again(site, monkeypatch):
    site.build()
    monkeypatch.setattr("sphinx_bmvis.models.pages_with_moved_targets", None)
    site.build()


def test_named_trees_are_listed_once_until_a_page_changes():
    domain = BmvisDomain(SimpleNamespace(domaindata={}))

    def note(page, name):
        request = TreeRequest("zoo:tiny", Options(name=name), name, f"{page}:1")
        domain.records.note_page(page, PageContent([request], {}, set(), {}, {}))

    note("a", "first")
    assert domain.records.named_trees() is domain.records.named_trees()
    assert domain.records.named_trees().find("second") is None
    note("b", "second")
    assert domain.records.named_trees().find("second") == ("b", "second")
    domain.clear_doc("a")
    assert domain.records.named_trees().find("first") is None
    other = BmvisDomain(SimpleNamespace(domaindata={}))
    other.records.requests["c"] = domain.records.requests["b"]
    domain.merge_domaindata({"c"}, other.data)
    assert [page for page, _ in domain.records.named_trees()] == ["b", "c"]
