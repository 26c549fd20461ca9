"""The inventory of a site: written when it changes, and complete in every build."""

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
def inventory(site):
    """Return the inventory of the last build."""
    site.build()
    return site.folder / "_build" / "docs" / "html" / "objects.inv"


def test_build_without_changes_does_not_write_the_inventory(site, inventory):
    before = inventory.stat()
    inventory.write_bytes(OLD)
    os.utime(inventory, ns=(before.st_atime_ns, before.st_mtime_ns))
    site.build()
    assert inventory.read_bytes() == OLD
    inventory.unlink()


def test_read_page_is_in_the_inventory(site):
    site.write("index.rst", PAGES["index.rst"] + "\n" + TREE.format(name="again"))
    assert "again:0.dense bmvis:module -1 index.html#again.0.dense" in site.build().inventory


@finishes_all_builds
def test_removed_page_is_not_in_the_inventory(site):
    site.write("other.rst", ":orphan:\n\nOther\n=====\n\n" + TREE.format(name="other"))
    assert "other:0.dense" in site.build().inventory
    site.folder.joinpath("other.rst").unlink()
    assert "other" not in site.build().inventory


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
