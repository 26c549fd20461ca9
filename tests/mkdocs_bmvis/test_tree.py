"""What an element of a tree needs before its model is built."""

from mkdocs_bmvis.element import read_element
from mkdocs_bmvis.page import HostPage
from mkdocs_bmvis.settings import Settings
from mkdocs_bmvis.tree import kept_anchor, place_tree
from mkdocs_bmvis.watch_list import WatchList


def test_preview_server_watches_the_mapping_file_of_a_tree(tmp_path):
    element = read_element('<model-structure factory="zoo:net" common="names.toml" />')
    sources = WatchList()
    tree = place_tree(element, HostPage(""), Settings(cwd=str(tmp_path)), sources)
    assert tree.options.mapping_file == str(tmp_path / "names.toml")
    assert str(tmp_path / "names.toml") in sources.files


def test_tree_that_failed_keeps_its_anchor_once():
    page = HostPage("")
    element = read_element('<model-structure factory="zoo:net" name="net" />')
    assert kept_anchor(element, page) == '<span id="net"></span>'
    assert (page.anchors, page.targets) == ({"net"}, {"net": "net"})
    assert kept_anchor(element, page) is None
