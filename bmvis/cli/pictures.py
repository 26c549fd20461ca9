"""The pictures of `bmvis update`: a tree as two SVG files, for light and dark mode, and the markup that shows them."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from bmvis.cli.marked_regions import Region
from bmvis.errors import OptionError
from bmvis.options.parsing import parse_options
from bmvis.render.html.figure_image import to_image
from bmvis.render.html.markup import tag
from bmvis.render.summary import card_facts
from bmvis.render.terminal_svg import Scheme, to_svg
from bmvis.source.source import Source
from bmvis.untrusted.log_text import one_line
from bmvis.view.layout import layout
from bmvis.view.page import Page
from bmvis.worker.protocol import model_request

SCHEMES: tuple[Scheme, ...] = ("light", "dark")
_FILE = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*")
"""A path below the folder of the README, which needs no escapes in HTML, Markdown and reStructuredText."""


def picture(region: Region, is_rst: bool, source: Source) -> tuple[str, dict[str, str]]:
    """Return the markup of a picture, and the content of its files by path, relative to the file with the region.

    Raises:
        BmvisError: the path is missing or invalid, an option is, or the model failed.
    """
    written = dict(region.options)
    stem = str(PurePosixPath(written.pop("file", "") or "").with_suffix("")) if written.get("file") else ""
    if not _FILE.fullmatch(stem):
        hint = "write file=pictures/bert, below the folder of this file"
        raise OptionError(f"the picture has no valid file: {region.options.get('file') or ''!r}", hint=hint)
    options = parse_options(written)
    built = source.answer(model_request(region.arguments[0], options))
    page = layout(built.model, options, built.base)
    what = "Architecture" if page.is_figure_alone else "Structure"
    name = options.alt or options.caption or f"{what} of {page.type}: {', '.join(card_facts(page))}"
    files = {f"{stem}-{scheme}.svg": f"{_drawn(page, name, scheme)}\n" for scheme in SCHEMES}
    light, dark = files
    return (_rst(light, name) if is_rst else _markdown(light, dark, name)), files


def _drawn(page: Page, name: str, scheme: Scheme) -> str:
    """Return the tree, or with the option `flow: only` the architecture figure."""
    drawn = page.figure if page.is_figure_alone else None
    if drawn is None or drawn.drawing is None:
        return to_svg(page, name, scheme)
    return to_image(drawn.figure, drawn.drawing, name, scheme)


def stale_files(files: dict[str, str], folder: Path) -> list[Path]:
    """Return the files that are missing or have another content."""
    return [folder / name for name, text in files.items() if not _has(folder / name, text)]


def write_files(files: dict[str, str], folder: Path) -> None:
    """Write the files that are missing or have another content, with line feeds on every system."""
    for file in stale_files(files, folder):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(files[file.relative_to(folder).as_posix()].encode())


def _has(file: Path, text: str) -> bool:
    # A checkout on Windows can have other line breaks.
    return file.is_file() and file.read_bytes().replace(b"\r\n", b"\n") == text.encode()


def _markdown(light: str, dark: str, name: str) -> str:
    """Return elements that GitHub keeps: it chooses the source by the theme of the reader."""
    image = tag("img", src=light, alt=name).removesuffix("</img>")
    source = tag("source", media="(prefers-color-scheme: dark)", srcset=dark).removesuffix("</source>")
    return f"<picture>\n  {source}\n  {image}\n</picture>"


def _rst(light: str, name: str) -> str:
    return f".. image:: {light}\n   :alt: {one_line(name)}"
