"""The inventory and the index page of a site: written when they change, and complete in every build."""

import os

import pytest
import sphinx

TREE = ".. model-structure:: zoo:tiny\n   :name: {name}\n"
PAGES = {
    "index.rst": "Start\n=====\n\n.. toctree::\n\n   net\n",
    "net.rst": "Net\n===\n\n" + TREE.format(name="net"),
}
OLD = b"# from an older build\n"
finishes_all_builds = pytest.mark.skipif(
    sphinx.version_info < (8,), reason="Sphinx 7 writes no inventory in a build that read no page"
)


@pytest.fixture(scope="module")
def site(make_site):
    site = make_site(PAGES)
    site.build()
    return site


@pytest.fixture
def output(site):
    """Return the folder of the last build."""
    site.build()
    return site.folder / "_build" / "docs" / "html"


@pytest.fixture
def inventory(output):
    return output / "objects.inv"


@pytest.fixture
def index(output):
    return output / "bmvis-models.html"


@pytest.mark.parametrize("name", ["objects.inv", "bmvis-models.html"])
def test_build_without_changes_does_not_write_the_lists(site, output, name):
    file = output / name
    before = file.stat()
    file.write_bytes(OLD)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    site.build()
    assert file.read_bytes() == OLD
    file.unlink()


def test_read_page_is_in_the_inventory(site):
    site.write("index.rst", PAGES["index.rst"] + "\n" + TREE.format(name="again"))
    built = site.build()
    assert "again:0.dense bmvis:module -1 index.html#again.0.dense" in built.inventory
    assert "index.html#again" in built.read("bmvis-models.html")


@finishes_all_builds
def test_removed_page_is_not_in_the_inventory(site):
    site.write("other.rst", ":orphan:\n\nOther\n=====\n\n" + TREE.format(name="other"))
    assert "other:0.dense" in site.build().inventory
    site.folder.joinpath("other.rst").unlink()
    built = site.build()
    assert "other" not in built.inventory
    assert "other" not in built.read("bmvis-models.html")


def test_inventory_has_the_suffix_of_links(site):
    assert "net:0.dense bmvis:module -1 net#net.0.dense" in site.build(html_link_suffix="").inventory


@finishes_all_builds
@pytest.mark.parametrize("loss", ["deleted", "older than the environment"])
def test_inventory_that_was_not_written_is_written(site, inventory, loss):
    """A build can end after it has written all pages, and another builder can change the environment."""
    before = inventory.read_bytes()
    inventory.write_bytes(OLD)
    if loss == "deleted":
        inventory.unlink()
    else:
        environment = next(site.folder.rglob("environment.pickle")).stat()
        os.utime(inventory, ns=(environment.st_mtime_ns,) * 2)
    site.build()
    assert inventory.read_bytes() == before


@finishes_all_builds
@pytest.mark.parametrize("loss", ["deleted", "older than the environment", "older than a page"])
def test_index_page_that_was_not_written_is_written(site, output, index, loss):
    """A build can end after it has written a page, because of a changed template for example."""
    before = index.read_bytes()
    index.write_bytes(OLD)
    if loss == "deleted":
        index.unlink()
    elif loss == "older than a page":
        page = output / "net.html"
        newer = index.stat().st_mtime_ns + 1
        os.utime(page, ns=(newer, newer))
    else:
        environment = next(site.folder.rglob("environment.pickle")).stat()
        os.utime(index, ns=(environment.st_mtime_ns,) * 2)
    site.build()
    assert index.read_bytes() == before


@finishes_all_builds
def test_index_page_has_the_template_of_the_other_pages(site, index):
    site.folder.joinpath("_templates").mkdir()
    site.write("_templates/layout.html", "{% extends '!layout.html' %}{% block footer %}New footer{% endblock %}")
    site.build(templates_path=["_templates"])
    assert "New footer" in index.read_text(encoding="utf-8")


@pytest.mark.parametrize(("builder", "name"), [("dirhtml", "bmvis-models/index.html"), ("json", "bmvis-models.fjson")])
def test_other_builders_write_their_index_page(site, builder, name):
    assert "net" in site.build(builder).read(name)


@pytest.mark.parametrize("builder", ["dirhtml", "singlehtml", "json"])
def test_other_builders_write_their_inventory(site, builder):
    assert "net:0.dense" in site.build(builder).inventory


def test_search_index_has_modules_of_searched_trees_only(make_site):
    pages = {"index.rst": "Start\n=====\n\n" + TREE.format(name="found") + "   :search:\n\n" + TREE.format(name="net")}
    built = make_site(pages).build()
    index = built.read("searchindex.js")
    assert '"found.0.dense"' in index
    assert "net.0.dense" not in index
    assert "net:0.dense" in built.inventory


def test_page_with_a_changed_model_is_in_the_inventory(site):
    models = site.folder / "src" / "zoo.py"
    text = models.read_text(encoding="utf-8")
    models.write_text(text.replace("dense", "thick"), encoding="utf-8")
    assert "net:0.thick" in site.build().inventory
