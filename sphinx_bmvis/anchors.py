"""The ids of trees and galleries: their names, unchanged; and which formats have ids for rows."""

from __future__ import annotations

from collections.abc import Mapping

from docutils import nodes
from sphinx.builders import Builder
from sphinx.util.nodes import make_refnode

from sphinx_bmvis.requests import TreeRequest

EPUB = "epub"
"""The builder whose pages have no SVG: EPUB requires that a package file declares such pages, and Sphinx does not."""


def give_name(document: nodes.document, node: nodes.Element, name: str) -> None:
    """Make `name` the node's id, and the node a target of that name.

    If an enclosing section got the same id from its title, the section gets another id.
    """
    section = document.ids.get(name)
    if isinstance(section, nodes.section) and not any(document.nametypes.get(title) for title in section["names"]):
        _move(document, section, name)
    node["ids"].append(name)
    node["names"].append(nodes.fully_normalize_name(name))
    document.note_explicit_target(node, node)


def _move(document: nodes.document, section: nodes.section, name: str) -> None:
    """Replace the id `name` of a section by a free one."""
    number = 1
    while (free := f"{name}-{number}") in document.ids:
        number += 1
    section["ids"][section["ids"].index(name)] = free
    document.ids[free] = document.ids.pop(name)
    document.nameids.update(dict.fromkeys(section["names"], free))


def shown_id(node: nodes.Element) -> str:
    """Return the id of a tree or a gallery on an HTML page."""
    shown: str = node.get("shown_id") or node["ids"][0]
    return shown


def link_to(
    target: tuple[str, str],
    fromdocname: str,
    text: nodes.Element,
    builder: Builder,
    names: Mapping[str, str],
    title: str | None = None,
) -> nodes.reference:
    """Return a link to a document and an id on it.

    Args:
        target: the document and the id; '' for the document itself.
        fromdocname: the document with the link.
        text: the text of the link.
        builder: the builder.
        names: the ids of trees that have another id on the one page of singlehtml.
        title: the tooltip.
    """
    docname, anchor = target[0], _renamed(target[1], names)
    if builder.name == "singlehtml":  # all documents are one page, so links between two documents do not work
        fromdocname = docname
    return make_refnode(builder, fromdocname, docname, anchor or None, text, title)


def _renamed(anchor: str, names: Mapping[str, str]) -> str:
    """Return the id of a tree or a row, after some trees have another id."""
    old = next((name for name in names if f"{anchor}.".startswith(f"{name}.")), None)
    return anchor if old is None else names[old] + anchor.removeprefix(old)


def has_row_anchors(builder: Builder, found: tuple[str, TreeRequest] | None) -> bool:
    """Return whether the format has anchors for the rows of a tree, or for the boxes of the figure that replaces it.

    In an EPUB file, that is a list of connections.
    """
    is_list = builder.name == EPUB and found is not None and found[1].options.flow == "only"
    return builder.format in ("html", "latex") and not is_list
