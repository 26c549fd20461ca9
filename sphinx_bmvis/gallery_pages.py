"""Write a page for each model of a gallery or a table with `:toctree:`, before pages are read, as autosummary does.

The sources are searched for galleries as text. Galleries in code, and those that another directive creates, are not
found. A generated page starts with a marker. A page without the marker was written by the author: it is linked, but not
changed. Marked pages that belong to no gallery are removed.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent

from docutils.utils import column_width
from jinja2.sandbox import SandboxedEnvironment
from sphinx.application import Sphinx
from sphinx.jinja2glue import SphinxFileSystemLoader
from sphinx.util import logging, rst
from sphinx.util.display import status_iterator

from bmvis.errors import OptionError
from bmvis.generated_files import write_if_changed
from bmvis.options.definitions import Options
from bmvis.overviews.entries import Entry, read_entries
from bmvis.overviews.gallery_options import GalleryOptions, parse_gallery_options
from bmvis.overviews.pages import markdown_escaped, model_pages
from bmvis.overviews.table_options import TableOptions, parse_table_options
from sphinx_bmvis.domain import records_of
from sphinx_bmvis.errors import shown_location
from sphinx_bmvis.settings import site_options, source_of

logger = logging.getLogger(__name__)

TEMPLATES = Path(__file__).parent / "templates"
MARKS = {".rst": ".. Written by bmvis for a model-gallery.\n\n", ".md": "% Written by bmvis for a model-gallery.\n\n"}
DIRECTIVES: Mapping[str, Callable[[Mapping[str, str | None], Options], GalleryOptions | TableOptions]] = {
    "model-gallery": parse_gallery_options,
    "model-table": parse_table_options,
}
_RST_START = re.compile(rf"(?P<indent> *)\.\. (?P<name>{'|'.join(DIRECTIVES)})::(?P<argument>.*)")
_RST_LITERAL = re.compile(
    r" *(\.\. (?!\S+::)|\.\. (code|code-block|sourcecode|parsed-literal|literalinclude)::|(?!\.\. |\s).*::$)"
)
_FENCE = re.compile(r"\s*(?P<fence>`{3,}|~{3,}|:{3,})\s*(\{(?P<name>[\w:-]+)\})?(?P<argument>.*)")
_OPTION = re.compile(r"\s*:(?P<name>[\w-]+):(?P<value>.*)")


def write_pages(app: Sphinx) -> None:
    """Write the model pages of all galleries, and remove those without a model."""
    records = records_of(app.env)
    texts: dict[str, str] = {}
    stale = {docname for docname in app.env.found_docs if _is_marked(Path(app.env.doc2path(docname)))}
    galleries = list(_galleries(app))
    if not galleries and not stale:
        return
    from sphinx_bmvis.model_list import gallery_key  # it imports what reads galleries

    source = source_of(app)
    for docname, options, entries in galleries:
        found = model_pages(docname, options.toctree, entries, lambda text: source.find_all(text).references)
        if not found.is_complete:
            stale = {docname for docname in stale if posixpath.dirname(docname) != found.folder}
        key = gallery_key(docname, options, entries)
        records.pages[key] = {page.entry.reference: page.path for page in found.pages}
        texts |= {page.path: _render(app, page.entry, options) for page in found.pages}
    try:
        for docname in status_iterator(sorted(texts), "writing model pages... ", "brown", len(texts), app.verbosity):
            _write(_file(app, docname), texts[docname])
        for docname in sorted(stale - texts.keys()):
            logger.info("removing %s: no gallery has this model", docname)
            Path(app.env.doc2path(docname)).unlink()
    except OSError as error:
        _report_unwritable(app, error)


def include_own_pages(app: Sphinx) -> None:
    """Read the model pages of the last build, although they are not in the `_toc.yml` of sphinx-external-toc."""
    excluded = [pattern for pattern in app.config.exclude_patterns if not _is_marked(Path(app.srcdir, pattern))]
    app.config.exclude_patterns = excluded


def _report_unwritable(app: Sphinx, error: OSError) -> None:
    """Warn once that the source folder is read-only. Only the pages that are there become links."""
    file = shown_location(str(error.filename), app.srcdir)
    text = f"cannot write the model pages of galleries: {error.strerror}, {file!r} (galleries have no links to them)"
    logger.warning("%s", text, type="bmvis", subtype="option")
    pages = records_of(app.env).pages
    for key, names in pages.items():
        pages[key] = {name: docname for name, docname in names.items() if _is_marked(_file(app, docname))}


def _galleries(app: Sphinx) -> Iterator[tuple[str, GalleryOptions | TableOptions, tuple[Entry, ...]]]:
    """Yield the galleries and tables with `:toctree:`, and their documents. Reading the page reports errors."""
    for docname in sorted(app.env.found_docs):
        file = Path(app.env.doc2path(docname))
        text = file.read_text(encoding="utf-8-sig", errors="replace") if file.is_file() else ""
        if not any(name in text for name in DIRECTIVES):
            continue
        for name, argument, body in _directives(app, file.suffix, text):
            written, lines = split_body(body)
            try:
                options = DIRECTIVES[name](written, site_options(app.config))
                entries = read_entries((line, "") for line in [argument, *lines])
            except OptionError:
                continue
            if options.toctree:
                yield docname, options, entries


def _directives(app: Sphinx, suffix: str, text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the galleries and tables in a document. In a notebook, raw cells are RST, as for nbsphinx."""
    if suffix == ".ipynb":
        yield from find_in_markdown(_cells(text, "markdown"))
        yield from find_in_rst(_cells(text, "raw"))
    else:
        yield from find_in_rst(text) if _is_rst(app, suffix) else find_in_markdown(text)


def _cells(notebook: str, kind: str) -> str:
    try:
        cells = json.loads(notebook)["cells"]
        return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == kind)
    except (ValueError, KeyError, TypeError):
        return ""  # the parser of the document reports the error


def find_in_rst(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the directive, the argument and the body of each gallery and table in an RST text."""
    lines = text.expandtabs().splitlines()
    index = 0
    while index < len(lines):
        line = lines[index]
        index += 1
        start, literal = _RST_START.fullmatch(line), _RST_LITERAL.fullmatch(line) or _RST_LITERAL.match(line)
        if not start and not (literal and line.strip()):
            continue
        end = _end_of_block(lines, index, len(line) - len(line.lstrip()))
        if start:
            yield start["name"], start["argument"], dedent("\n".join(lines[index:end])).splitlines()
        index = end


def _end_of_block(lines: list[str], index: int, indent: int) -> int:
    while index < len(lines) and (not lines[index].strip() or lines[index].startswith(" " * (indent + 1))):
        index += 1
    return index


def find_in_markdown(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the directive, the argument and the body of each gallery and table in a MyST text, except those in code."""
    opened: list[str] = []
    closing, name, argument, body = "", "", "", list[str]()
    for line in text.splitlines():
        fence = _FENCE.fullmatch(line)
        if closing:  # inside code, or inside a gallery
            if _closes(line, closing):
                if name in DIRECTIVES:
                    yield name, argument, body
                closing = ""
            else:
                body.append(line.strip())
        elif opened and _closes(line, opened[-1]):
            opened.pop()
        elif fence and fence["name"] and fence["name"] not in ("code", "code-block", "code-cell", *DIRECTIVES):
            opened.append(fence["fence"])
        elif fence and (fence["fence"][0] != ":" or fence["name"]):
            closing, name, argument, body = fence["fence"], fence["name"] or "", fence["argument"], []


def _closes(line: str, fence: str) -> bool:
    text = line.strip()
    return len(text) >= len(fence) and set(text) == {fence[0]}


def split_body(body: list[str]) -> tuple[dict[str, str | None], list[str]]:
    """Return the options at the start of a directive's body, and its other lines."""
    written: dict[str, str | None] = {}
    lines = iter(body)
    rest: list[str] = []
    for line in lines:
        option = _OPTION.fullmatch(line)
        if not option:
            rest = [line, *lines]
            break
        written[option["name"]] = option["value"].strip()
    return written, rest


def _render(app: Sphinx, entry: Entry, options: GalleryOptions | TableOptions) -> str:
    template = ".rst" if _is_rst(app, _suffix(app)) else ".md"
    folders = [*(str(Path(app.confdir, folder)) for folder in app.config.templates_path), str(TEMPLATES)]
    environment = SandboxedEnvironment(loader=SphinxFileSystemLoader(folders), keep_trailing_newline=True)
    environment.filters |= {"heading": _heading, "e": _escape[template]}
    known = {"title": entry.shown, "reference": entry.reference, "tags": entry.tags, "device": options.device}
    known["site_device"] = site_options(app.config).device
    return MARKS[template] + environment.get_template(f"bmvis/model{template}").render(known)


def _heading(text: str) -> str:
    title = rst.escape(text)
    return f"{title}\n{'=' * column_width(title)}"


_escape = {".rst": rst.escape, ".md": markdown_escaped}


def _suffix(app: Sphinx) -> str:
    """Return the suffix of generated pages: that of reStructuredText if the project has one."""
    known: list[str] = sorted(app.config.source_suffix, key=lambda suffix: suffix not in (".rst", ".md"))
    return next((suffix for suffix in known if _is_rst(app, suffix)), known[0])


def _is_rst(app: Sphinx, suffix: str) -> bool:
    return app.config.source_suffix.get(suffix, "restructuredtext") in (None, "restructuredtext")


def _file(app: Sphinx, docname: str) -> Path:
    return Path(app.srcdir, docname + _suffix(app))


def _write(file: Path, text: str) -> None:
    """Write a page, unless the project has a page of its own there."""
    if not file.is_file() or _is_marked(file):
        write_if_changed(file, text.encode())


def _is_marked(file: Path) -> bool:
    if not file.is_file():
        return False
    with file.open(encoding="utf-8", errors="replace") as opened:
        return opened.readline().strip() in {mark.strip() for mark in MARKS.values()}
