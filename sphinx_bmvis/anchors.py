"""Names as ids: what an author calls a tree or a gallery is its anchor, to the letter."""

from __future__ import annotations

from docutils import nodes


def give_name(document: nodes.document, node: nodes.Element, name: str) -> None:
    """Make `name` the node's id, and the node a target of that name.

    A section above that is titled alike gets another id: its own came of its title, and nobody wrote it.
    """
    section = document.ids.get(name)
    if isinstance(section, nodes.section) and not any(document.nametypes.get(title) for title in section["names"]):
        _move(document, section, name)
    node["ids"].append(name)
    node["names"].append(nodes.fully_normalize_name(name))
    document.note_explicit_target(node, node)


def _move(document: nodes.document, section: nodes.section, name: str) -> None:
    """Give a section another id in place of `name`."""
    number = 1
    while (free := f"{name}-{number}") in document.ids:
        number += 1
    section["ids"][section["ids"].index(name)] = free
    document.ids[free] = document.ids.pop(name)
    document.nameids.update(dict.fromkeys(section["names"], free))
