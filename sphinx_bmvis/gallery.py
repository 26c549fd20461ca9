"""The `model-gallery` directive: a card for each of many models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

from bmvis.errors import BmvisError, OptionError
from bmvis.overviews.cards import Card, arranged, figure_problems, grouped, make_card
from bmvis.overviews.gallery_options import parse_gallery_options
from bmvis.overviews.own_columns import link_in, row_problems, with_own_columns
from bmvis.render.summary import card_facts
from sphinx_bmvis.anchors import give_name
from sphinx_bmvis.captions import parse_caption
from sphinx_bmvis.domain import records_of
from sphinx_bmvis.errors import admonition, shown_location, warn
from sphinx_bmvis.model_list import ModelListDirective, model_pages
from sphinx_bmvis.nodes import captioned_gallery, gallery_caption, model_gallery, search_text
from sphinx_bmvis.settings import site_options


class ModelGallery(ModelListDirective):
    """Show a card for each model that the content lists, or for all models in pyproject.toml without content."""

    def run(self) -> list[nodes.Node]:
        """Return a node for the gallery, and a hidden toctree with its model pages."""
        source, line = self.get_source_info()
        location = f"{source}:{line}"
        messages: list[nodes.Node] = []
        try:
            options, entries, own = self.parsed(parse_gallery_options, location)
            made = captioned_gallery if options.caption else model_gallery
            node = made(location=location, docname=self.env.docname, options=options, entries=entries, own=own)
            if options.caption:
                caption, messages = parse_caption(self, options.caption, nodes.caption)
                node += caption
        except BmvisError as error:
            warn(error, location)
            node = model_gallery(location=location, error=error)
        for part in (node, *node.children):
            part.source, part.line = source, line
        self._give_anchor(node)
        contents = self.contents(node) if node.get("options") and node["options"].toctree else []
        return [node, *messages, *contents]

    def _give_anchor(self, node: model_gallery) -> None:
        document = self.state.document
        if "options" in node and node["options"].name:
            give_name(document, node, node["options"].name)
            return
        anchor = nodes.make_id(f"gallery-{self.env.docname}")
        earlier = self.env.new_serialno(anchor)
        node["ids"].append(f"{anchor}-{earlier + 1}" if earlier else anchor)
        document.set_id(node)


class FillGalleries(SphinxPostTransform):
    """Make the cards when a page is about to be written; their links are the documents' names as yet."""

    default_priority = 5  # before references are resolved

    def run(self, **kwargs: Any) -> None:
        """Fill all galleries of the page."""
        for node in self.document.findall(model_gallery):
            if "error" not in node:
                self._fill(node)

    def _fill(self, node: model_gallery) -> None:
        records = records_of(self.env)
        docname = node[
            "docname"
        ]  # not `self.env.docname`: builders with one output file write all pages as parts of the root document
        gallery = records.galleries[docname][node["ids"][0]]
        pages = model_pages(self.env, docname, node)
        cards, fold = [], site_options(self.config).fold
        for entry in gallery.entries:
            answer = records.answers.get(node["options"].request(entry))
            shown = msgspec.structs.replace(entry, location=shown_location(entry.location, self.env.srcdir))
            shown = with_own_columns(shown, node["own"])
            cards.append(
                make_card(
                    shown,
                    answer if isinstance(answer, BmvisError) else answer.model,
                    pages.get(entry.reference, ""),
                    fold=fold,
                    thumbnail=node["options"].thumbnail,
                )
            )
            for problem in figure_problems(cards[-1]):
                warn(problem, entry.location or node["location"])
        for entry, misnamed in row_problems(gallery.entries, node["own"][-1], node["options"].data):
            warn(misnamed, entry.location or node["location"])
        try:
            node["cards"] = arranged(cards, node["options"])
        except OptionError as error:
            warn(error, node["location"])
            node["error"] = error
        node += search_text(" ".join(card.entry.shown for card in cards))


class NumberGalleries(SphinxPostTransform):
    """Move the captions of galleries before them in LaTeX, which numbers them."""

    default_priority = 6
    formats = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Process all galleries with captions of the page."""
        for node in list(self.document.findall(captioned_gallery)):
            [caption] = node.findall(nodes.caption)
            node.remove(caption)
            node.parent.insert(node.parent.index(node), gallery_caption("", *caption.children, ids=node["ids"]))
            node["ids"] = []


class PlainGalleries(SphinxPostTransform):
    """Replace galleries by lists in formats without cards."""

    default_priority = 7
    formats = ("html", "")

    def is_supported(self) -> bool:
        """Return whether the format has no cards."""
        return not super().is_supported()

    def run(self, **kwargs: Any) -> None:
        """Replace all galleries of the page."""
        for node in list(self.document.findall(model_gallery)):
            targets = [nodes.target("", "", ids=node["ids"])] * bool(node["ids"])
            captions = [nodes.paragraph("", "", *caption.children) for caption in node.findall(nodes.caption)]
            node.replace_self([*targets, *self._plain(node), *captions])

    def _plain(self, node: model_gallery) -> Iterator[nodes.Element]:
        """Yield a list for each group of the gallery, or the error as an admonition."""
        if "error" in node:
            yield admonition(node["error"], shown_location(node["location"], self.env.srcdir))
            return
        for title, cards in grouped(node["cards"], node["options"]):
            if title:
                yield nodes.paragraph("", "", nodes.strong(text=title))
            yield nodes.bullet_list("", *map(self._item, cards))

    def _item(self, card: Card) -> nodes.list_item:
        entry, title = card.entry, nodes.strong(text=card.entry.shown)
        if isinstance(card.model, BmvisError):
            return nodes.list_item("", nodes.paragraph("", "", title), admonition(card.model, entry.location))
        details = f" ({card.model.type})" if card.model.type else ""
        details += f": {', '.join(card_facts(card.model))}"
        own = [part for name, value in entry.columns for part in (nodes.Text(f", {name} "), _own_value(value))]
        tags = nodes.Text(f"; {', '.join(entry.tags)}" if entry.tags else "")
        name = self._link(card.href, entry.shown) if card.href else title
        return nodes.list_item("", nodes.paragraph("", "", name, nodes.Text(details), *own, tags))

    def _link(self, docname: str, title: str) -> addnodes.pending_xref:
        """Return a reference to a model page. Sphinx resolves it for each format."""
        attributes = {"refdomain": "std", "reftype": "doc", "reftarget": f"/{docname}", "refexplicit": True}
        text = nodes.inline(text=title)
        return addnodes.pending_xref("", text, refdoc=self.env.docname, refwarn=True, **attributes)


def _own_value(text: str) -> nodes.Node:
    shown, href = link_in(text)
    return nodes.reference("", shown, refuri=href) if href else nodes.Text(shown)
