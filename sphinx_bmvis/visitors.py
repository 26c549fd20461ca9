"""Write the nodes of trees, galleries, tables and facts as HTML and LaTeX.

A build without changes writes no page, and does not import this module: it would take a fifth of the time of the build.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import msgspec
from docutils import nodes
from sphinx.util.docutils import SphinxTranslator
from sphinx.writers.html5 import HTML5Translator
from sphinx.writers.latex import LaTeXTranslator

from bmvis.model.tree import Module
from bmvis.overviews.cards import Card
from bmvis.render import latex
from bmvis.render.html.cards import to_cards
from bmvis.render.html.error_box import error_box
from bmvis.render.html.fact import to_html_fact, unknown_fact
from bmvis.render.html.markup import Markup, join, prose, tag
from bmvis.render.html.row import TypeLink
from bmvis.render.html.table import value_markup
from bmvis.render.html.tree import row_id, to_html
from bmvis.unique_names import unique_name
from bmvis.view.figure.layout.drawing import DrawnFigure
from bmvis.view.page import Page
from sphinx_bmvis.anchors import EPUB, shown_id
from sphinx_bmvis.captions import drawn_caption
from sphinx_bmvis.errors import shown_location
from sphinx_bmvis.nodes import (
    TYPE_OF,
    captioned_structure,
    fact_unknown,
    fact_value,
    gallery_caption,
    model_gallery,
    model_structure,
    table_box,
    table_value,
)


def visit_html(translator: HTML5Translator, node: model_structure) -> None:
    """Draw the tree, or an error box."""
    if "error" in node:
        anchors = [tag("span", id=shown_id(node))] if node["ids"] else []
        translator.body.append("".join([*anchors, error_box(node["error"], _where(translator, node))]))
    else:
        page: Page = node["page"]
        options = msgspec.structs.replace(page.options, caption=_numbered(translator, node))
        page = _without_svg(translator, msgspec.structs.replace(page, options=options))
        translator.body.append(to_html(page, _new_id(translator, node), type_link=_type_links(node)))
    raise nodes.SkipNode


def _without_svg(translator: HTML5Translator, page: Page) -> Page:
    """Return the page. In EPUB, it has no map, and the architecture figure is a list of connections."""
    if translator.builder.name != EPUB:
        return page
    figure = page.figure and DrawnFigure(page.figure.figure, None)
    return msgspec.structs.replace(page, figure=figure, options=msgspec.structs.replace(page.options, map=False))


def visit_gallery(translator: HTML5Translator, node: model_gallery) -> None:
    """Draw the cards, or an error box."""
    if "error" in node:
        translator.body.append(error_box(node["error"], _where(translator, node)))
    else:
        cards = [_linked(translator, card) for card in node["cards"]]
        options = msgspec.structs.replace(node["options"], caption=_numbered(translator, node))
        pictures = translator.builder.name != EPUB
        translator.body.append(to_cards(cards, _new_id(translator, node), options, pictures=pictures))
    raise nodes.SkipNode


def _new_id(translator: HTML5Translator, node: nodes.Element) -> str:
    """Return the id of a tree or a gallery. Other extensions copy nodes: a `todolist` has the trees of its items."""
    drawn: set[str] = translator.__dict__.setdefault("bmvis_ids", set())
    anchor = unique_name(shown_id(node), drawn.__contains__)
    drawn.add(anchor)
    return anchor


def visit_table_box(translator: HTML5Translator, node: table_box) -> None:
    """Open the element that scrolls."""
    box = tag("div", class_="bmvis-table", role="region", tabindex=0, aria_label=node["label"])
    translator.body.append(box.removesuffix("</div>"))


def depart_table_box(translator: HTML5Translator, node: table_box) -> None:
    """Close it."""
    translator.body.append("</div>\n")


def visit_value(translator: HTML5Translator, node: table_value) -> None:
    """Draw a number, with the exact one for tooltips and screen readers."""
    translator.body.append(value_markup(node.astext(), node["cell"]))
    raise nodes.SkipNode


def visit_fact(translator: HTML5Translator, node: fact_value) -> None:
    """Draw a fact, with the exact number for tooltips."""
    translator.body.append(to_html_fact(node["fact"]))
    raise nodes.SkipNode


def visit_unknown(translator: HTML5Translator, node: fact_unknown) -> None:
    """Draw the mark in place of a fact."""
    translator.body.append(unknown_fact(node.astext(), node["error"]))
    raise nodes.SkipNode


def _linked(translator: HTML5Translator, card: Card) -> Card:
    """Return a card with a link relative to this page."""
    if not card.href:
        return card
    href = translator.builder.get_relative_uri(translator.docnames[-1], card.href)
    return msgspec.structs.replace(card, href=href)


def visit_latex(translator: LaTeXTranslator, node: model_structure) -> None:
    """Draw the tree."""
    unicode = _takes_unicode(translator)
    label = partial(_label, translator, node)
    if "error" in node:
        drawn = latex.error_box(node["error"], _where(translator, node), label, unicode=unicode)
    else:
        caption = "".join(_drawn_in_latex(translator, child) for child in _captions(node))
        drawn = latex.to_latex(node["page"], label, unicode=unicode, caption=caption)
    _add_paragraphs(translator, drawn)
    raise nodes.SkipNode


def visit_caption(translator: LaTeXTranslator, node: gallery_caption) -> None:
    """Draw the caption, with a label for references to its number."""
    label = translator.hypertarget_to(node, anchor=False)
    _add_paragraphs(translator, latex.caption(_drawn_in_latex(translator, node), label))
    raise nodes.SkipNode


def _drawn_in_latex(translator: LaTeXTranslator, caption: nodes.Element) -> str:
    return drawn_caption(caption, translator, partial(latex.escape, unicode=_takes_unicode(translator)))


def _takes_unicode(translator: LaTeXTranslator) -> bool:
    return translator.config.latex_engine in ("xelatex", "lualatex", "uplatex")


def _add_paragraphs(translator: LaTeXTranslator, drawn: str) -> None:
    if translator.table:
        translator.table.has_problematic = True  # the column has paragraphs, not one line
    translator.body.append(f"\n\n{drawn}\n\n")


def _label(translator: LaTeXTranslator, node: model_structure, path: str) -> str:
    """Return the label of the tree, or of a row. Only rows of named trees are targets of references."""
    if not path:
        return translator.hypertarget_to(node, anchor=not isinstance(node, captioned_structure))
    return translator.hypertarget(row_id(node["ids"][0], path)) if node["page"].options.name else ""


def _where(translator: SphinxTranslator, node: model_structure | model_gallery) -> str:
    return shown_location(node["location"], translator.builder.srcdir)


def _numbered(translator: HTML5Translator, node: model_structure | model_gallery) -> Markup:
    """Return the translated caption of a node, after its number if the project numbers figures."""
    caption = Markup("".join(drawn_caption(child, translator, prose) for child in _captions(node)))
    key = f"{translator.docnames[-1]}/figure" if translator.builder.name == "singlehtml" else "figure"
    number = translator.builder.fignumbers.get(key, {}).get(node["ids"][0])
    if not number:
        return caption
    return join(f"{translator.config.numfig_format['figure'] % '.'.join(map(str, number))} ", caption)


def _captions(node: model_structure | model_gallery) -> Iterator[nodes.caption]:
    return (child for child in node.children if isinstance(child, nodes.caption))


def _type_links(node: model_structure) -> TypeLink:
    """Return a function that writes a type, as a link if Sphinx found its documentation."""
    resolved = node.findall(nodes.reference)
    links = {text[TYPE_OF]: one for one in resolved for text in one.findall(nodes.inline) if TYPE_OF in text}

    def link(module: Module) -> Markup | None:
        found = links.get(module.documented_as)
        if found is None:
            return None
        href = found["refuri"] if "refuri" in found else f"#{found['refid']}"
        return tag("i", join("(", tag("a", module.type, href=href, title=found.get("reftitle")), ")"))

    return link
