"""The nodes for trees, galleries, tables and facts, and which visitors write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from sphinx_bmvis.translation import TranslatedOptions

TYPE_OF = "bmvis_type"
"""The attribute with the target of a type reference in a tree, such as `torch.nn.Linear`."""


class model_structure(TranslatedOptions, nodes.General):  # noqa: N801  # the naming convention of docutils
    """One tree.

    Attributes: `location` (`file:line`), `reference` and `options` (`Options`). A transform adds `page` (`Page`), or
    `error` (`BmvisError`) if the model failed. Only the HTML and LaTeX writers see this node: for other formats, a
    transform replaces it by standard nodes.
    """


class captioned_structure(model_structure):  # noqa: N801
    """A tree with a caption, which is numbered as a figure (`numfig`) and a target of `:numref:`.

    The caption is its only child, so that Sphinx finds, indexes and translates it.
    """


class model_gallery(TranslatedOptions, nodes.General):  # noqa: N801
    """A gallery, with a card for each model.

    Attributes: `location`, `docname`, `entries` (the `Entry` objects, with patterns) and `options` (`GalleryOptions`),
    or `error`. A transform adds `cards`. Only the HTML writer sees this node: for other formats, a transform replaces
    it by a list.
    """


class captioned_gallery(model_gallery):  # noqa: N801
    """A gallery with a caption, its only child. It is numbered as a figure."""


class gallery_caption(nodes.General, nodes.Element):  # noqa: N801
    """The caption of a gallery in LaTeX. It precedes the list that replaces the gallery."""


class model_table(TranslatedOptions, nodes.table):  # noqa: N801
    """A table of models, until its rows are known: then it becomes a table of docutils.

    Attributes: `location`, `docname`, `key`, `entries` (as written), `options` (`TableOptions`), and `own`, the columns
    that bmvis can't compute. Its only child is the title, so that Sphinx numbers, indexes and translates it.
    """


class table_box(nodes.container):  # noqa: N801
    """What scrolls sideways around a table of models; `label` is its accessible name."""


class table_value(nodes.inline):  # noqa: N801
    """The content of a cell with a number: `cell` is a `bmvis.overviews.table.Cell`."""


class model_fact(nodes.inline):  # noqa: N801
    """A fact about a model, until the models are built.

    Attributes: `location`, `written` (the text of the role), and `fact` (`FactRequest`) or `error` (`BmvisError`).
    """


class fact_value(nodes.inline):  # noqa: N801
    """A fact that is known: `fact` is a `FactText`."""


class fact_unknown(nodes.strong):  # noqa: N801
    """What is in place of a fact that is not known. `error` is the text of the error."""


def titles_with_facts(document: nodes.document) -> Iterator[nodes.TextElement]:
    """Yield the titles and captions on a page that have a fact."""
    titles = [*document.findall(nodes.title), *document.findall(nodes.caption)]
    yield from (title for title in titles if any(title.findall(model_fact)))


def search_text(text: str) -> nodes.literal_block:
    """Return a node for the search index, which no writer draws.

    It is a literal block, which extensions that summarize a page, such as sphinxext-opengraph, ignore.
    """
    return nodes.literal_block("", text)


def setup(app: Sphinx) -> None:
    """Register the nodes. Formats that never see a node skip it."""
    unseen = (leave_out, None)
    visitors: dict[str, Any] = {"html": (_visitor("visit_html"), None), "latex": (_visitor("visit_latex"), None)}
    visitors |= {"text": unseen, "man": unseen, "texinfo": unseen}
    app.add_node(model_structure, **visitors)
    app.add_enumerable_node(captioned_structure, "figure", **visitors)
    visitors = {
        "html": (_visitor("visit_gallery"), None),
        "latex": unseen,
        "text": unseen,
        "man": unseen,
        "texinfo": unseen,
    }
    app.add_node(model_gallery, **visitors)
    app.add_enumerable_node(captioned_gallery, "figure", **visitors)
    app.add_enumerable_node(model_table, "table")
    app.add_node(table_box, html=(_visitor("visit_table_box"), _visitor("depart_table_box")))
    app.add_node(table_value, html=(_visitor("visit_value"), None))
    app.add_node(model_fact)
    app.add_node(fact_value, html=(_visitor("visit_fact"), None))
    app.add_node(fact_unknown, html=(_visitor("visit_unknown"), None))
    app.add_node(gallery_caption, latex=(_visitor("visit_caption"), None))


def leave_out(translator: nodes.NodeVisitor, node: model_structure) -> None:
    """Write nothing."""
    raise nodes.SkipNode


def _visitor(name: str) -> Callable[[nodes.NodeVisitor, nodes.Element], None]:
    """Return a visitor that imports `sphinx_bmvis.visitors` when a page first needs it."""

    def visit(translator: nodes.NodeVisitor, node: nodes.Element) -> None:
        getattr(import_module("sphinx_bmvis.visitors"), name)(translator, node)

    return visit
