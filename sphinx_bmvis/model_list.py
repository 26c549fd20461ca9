"""What the directives `model-gallery` and `model-table` share: their models, one a line, with columns and pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from docutils import nodes
from sphinx.environment import BuildEnvironment

from bmvis.errors import OptionError
from bmvis.options.definitions import Options
from bmvis.options.option_hints import refuse_references
from bmvis.overviews.entries import Entry, expand, read_entries
from bmvis.overviews.gallery_options import GalleryOptions
from bmvis.overviews.own_columns import Rows
from bmvis.overviews.pages import folder_of
from bmvis.overviews.table_options import TableOptions
from bmvis.source.column_sources import column_sources
from bmvis.source.pyproject import read_project
from bmvis.source.source import Source
from bmvis.worker.protocol import Dependency, Listed
from sphinx_bmvis.contents import model_contents
from sphinx_bmvis.domain import domain_of, records_of
from sphinx_bmvis.errors import warn
from sphinx_bmvis.lazy import ListDirective
from sphinx_bmvis.records import GalleryKey
from sphinx_bmvis.settings import site_options

_Options = TypeVar("_Options", GalleryOptions, TableOptions)
WHERE_TO_WRITE_REFERENCES = "write the references in the content of the directive, a line each"


class ModelListDirective(ListDirective):
    """A gallery or a table."""

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
            domain.records.note_read(self.env.docname, file)

        return column_sources(read_project(domain.folder), domain.folder, options.data, note)

    def contents(self, node: nodes.Element) -> list[nodes.Node]:
        """Return a hidden toctree with the model pages."""
        key = gallery_key(self.env.docname, node["options"], node["entries"])
        written = records_of(self.env).pages.get(key)
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
    pages = records_of(env).pages.get(gallery_key(docname, node["options"], node["entries"]), {})
    return {reference: page for reference, page in pages.items() if page in env.found_docs}


def expand_galleries(env: BuildEnvironment, source: Source) -> None:
    """Expand the patterns of the galleries that were read in this build, and request their models."""
    records = records_of(env)
    for page in sorted(records.unanswered & records.galleries.keys()):
        dependencies: list[Dependency] = []
        for anchor, gallery in records.galleries[page].items():
            listed: list[Listed] = []
            entries = tuple(expanded(gallery.entries, source, listed))
            known = msgspec.structs.replace(gallery, entries=entries)
            records.galleries[page][anchor] = known
            records.requests[page] += known.requests(anchor)
            dependencies += [one for found in listed for one in found.dependencies]
        records.note_listed(page, dependencies)


def expanded(entries: Iterable[Entry], source: Source, listed: list[Listed]) -> Iterable[Entry]:
    """Yield an entry for each model; a pattern that fails stays. What was looked up is added to `listed`."""

    def find_all(pattern: str) -> tuple[str, ...]:
        listed.append(source.find_all(pattern))
        return listed[-1].references

    for found in expand(tuple(entries), find_all):
        yield found if isinstance(found, Entry) else found[0]
