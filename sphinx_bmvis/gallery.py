"""The `model-gallery` directive: a card for each of many models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec
from docutils import nodes
from sphinx import addnodes
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform

from bmvis.errors import BmvisError, OptionError
from bmvis.options.definitions import Options
from bmvis.options.option_hints import refuse_references
from bmvis.overviews.cards import Card, arranged, figure_problems, grouped, make_card
from bmvis.overviews.entries import Entry, expand, read_entries
from bmvis.overviews.gallery_options import GalleryOptions, parse_gallery_options
from bmvis.overviews.own_columns import Rows, link_in, row_problems, with_own_columns
from bmvis.overviews.pages import folder_of
from bmvis.overviews.table_options import TableOptions
from bmvis.render.summary import card_facts
from bmvis.source.column_sources import column_sources
from bmvis.source.pyproject import read_project
from bmvis.source.source import Source
from bmvis.worker.protocol import Dependency, Listed
from sphinx_bmvis.anchors import give_name
from sphinx_bmvis.captions import parse_caption
from sphinx_bmvis.contents import model_contents
from sphinx_bmvis.domain import GalleryKey, domain_of
from sphinx_bmvis.errors import admonition, shown_location, warn
from sphinx_bmvis.lazy import ListDirective
from sphinx_bmvis.nodes import captioned_gallery, gallery_caption, model_gallery, search_text
from sphinx_bmvis.settings import site_options

_Options = TypeVar("_Options", GalleryOptions, TableOptions)
WHERE_TO_WRITE_REFERENCES = "write the references in the content of the directive, a line each"


class ModelGallery(ListDirective):
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

    def parsed(
        self, parse: Callable[[Mapping[str, str | None], Options], _Options], location: str
    ) -> tuple[_Options, tuple[Entry, ...], tuple[Rows, Rows]]:
        """Return the options of a gallery or a table, its lines, and the values of its own columns.

        Raises:
            BmvisError: an option, a line or a file with columns is invalid.
        """
        refuse_references(self.options, (), WHERE_TO_WRITE_REFERENCES)
        options = parse(self.options, site_options(self.config))
        return options, read_entries(self.lines(location), location), self.own_columns(options)

    def lines(self, location: str) -> Iterable[tuple[str, str]]:
        """Yield the lines of the directive, each with its location."""
        yield from ((line, location) for line in "".join(self.arguments).splitlines())
        for index, text in enumerate(self.content):
            source, offset = self.content.info(index)
            # MyST counts from the first line of the content, RST from that of the document.
            start = 0 if self.content.offset(0) else self.lineno + self.content_offset
            yield text, f"{source}:{start + (offset or 0) + 1}"

    def own_columns(self, options: GalleryOptions | TableOptions) -> tuple[Rows, Rows]:
        """Return the columns in pyproject.toml, and those in the data file of a gallery or a table."""
        domain = domain_of(self.env)

        def note(file: str) -> None:
            self.env.note_dependency(file)
            domain.note_read(self.env.docname, file)

        return column_sources(read_project(domain.folder), domain.folder, options.data, note)

    def _give_anchor(self, node: model_gallery) -> None:
        document = self.state.document
        if "options" in node and node["options"].name:
            give_name(document, node, node["options"].name)
            return
        anchor = nodes.make_id(f"gallery-{self.env.docname}")
        earlier = self.env.new_serialno(anchor)
        node["ids"].append(f"{anchor}-{earlier + 1}" if earlier else anchor)
        document.set_id(node)

    def contents(self, node: nodes.Element) -> list[nodes.Node]:
        """Return a hidden toctree with the model pages."""
        key = gallery_key(self.env.docname, node["options"], node["entries"])
        written = domain_of(self.env).pages.get(key)
        if written is None:
            hint = "write the directive in the document itself, not in an included file or another directive"
            warn(OptionError("the model pages of this gallery were not written", hint=hint), node["location"])
            return []
        found = [docname for docname in written.values() if docname in self.env.found_docs]
        excluded = sorted(set(written.values()) - set(found))
        if excluded:
            hint = "remove its folder from exclude_patterns, or the option toctree from the gallery"
            warn(OptionError(f"Sphinx excludes the model page {excluded[0]!r}", hint=hint), node["location"])
        entries = [(None, docname) for docname in found]
        facts: dict[str, Any] = {"parent": self.env.docname, "entries": entries, "includefiles": found}
        facts |= {"maxdepth": -1, "caption": None, "glob": False, "hidden": True, "includehidden": False}
        contents = model_contents("", **facts, numbered=0, titlesonly=False)
        contents.source, contents.line = node.source, node.line
        return [nodes.compound("", contents, classes=["toctree-wrapper"])]


def gallery_key(docname: str, options: GalleryOptions | TableOptions, entries: Iterable[Entry]) -> GalleryKey:
    """Return the key of a gallery or a table with model pages."""
    return docname, folder_of(docname, options.toctree), tuple(entry.reference for entry in entries)


def model_pages(env: BuildEnvironment, docname: str, node: nodes.Element) -> dict[str, str]:
    """Return the documents of the model pages of a gallery or a table by reference, without excluded documents."""
    pages = domain_of(env).pages.get(gallery_key(docname, node["options"], node["entries"]), {})
    return {reference: page for reference, page in pages.items() if page in env.found_docs}


def expand_galleries(env: BuildEnvironment, source: Source) -> None:
    """Expand the patterns of the galleries that were read in this build, and request their models."""
    domain = domain_of(env)
    for page in sorted(domain.unanswered & domain.galleries.keys()):
        dependencies: list[Dependency] = []
        for anchor, gallery in domain.galleries[page].items():
            listed: list[Listed] = []
            entries = tuple(expanded(gallery.entries, source, listed))
            known = msgspec.structs.replace(gallery, entries=entries)
            domain.galleries[page][anchor] = known
            domain.requests[page] += known.requests(anchor)
            dependencies += [one for found in listed for one in found.dependencies]
        domain.note_listed(page, dependencies)


def expanded(entries: Iterable[Entry], source: Source, listed: list[Listed]) -> Iterable[Entry]:
    """Yield an entry for each model; a pattern that fails stays. What was looked up is added to `listed`."""

    def find_all(pattern: str) -> tuple[str, ...]:
        listed.append(source.find_all(pattern))
        return listed[-1].references

    for found in expand(tuple(entries), find_all):
        yield found if isinstance(found, Entry) else found[0]


class FillGalleries(SphinxPostTransform):
    """Make the cards when a page is about to be written; their links are the documents' names as yet."""

    default_priority = 5  # before references are resolved

    def run(self, **kwargs: Any) -> None:
        """Fill all galleries of the page."""
        for node in self.document.findall(model_gallery):
            if "error" not in node:
                self._fill(node)

    def _fill(self, node: model_gallery) -> None:
        domain = domain_of(self.env)
        docname = node[
            "docname"
        ]  # not `self.env.docname`: builders with one output file write all pages as parts of the root document
        gallery = domain.galleries[docname][node["ids"][0]]
        pages = model_pages(self.env, docname, node)
        cards, fold = [], site_options(self.config).fold
        for entry in gallery.entries:
            answer = domain.answers.get(node["options"].request(entry))
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
