"""The Python-Markdown extension: `<model-structure factory="..."></model-structure>` becomes a tree.

It needs Markdown alone: MkDocs, ProperDocs, Zensical and any program that calls `markdown` can load it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary
from xml.etree import ElementTree

from markdown import Markdown
from markdown.blockprocessors import BlockProcessor
from markdown.extensions import Extension
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor
from markdown.util import AtomicString

from bmvis.errors import OptionError
from mkdocs_bmvis import assets
from mkdocs_bmvis.element import NAME, START, is_open, read_element
from mkdocs_bmvis.place import Page
from mkdocs_bmvis.settings import DESCRIPTIONS, Settings, read_settings
from mkdocs_bmvis.trees import Trees, shared_trees

_BLOCK_START = re.compile(rf" {{0,3}}(?={START.pattern})", re.IGNORECASE)
_LEFT_OVER = re.compile(
    rf"<!--.*?-->|(?P<element>{START.pattern}[^>]*>(?:\s*</{NAME}\s*>)?)", re.IGNORECASE | re.DOTALL
)
EXCLUDED = re.compile(r'<section data-search-exclude="">.*?</section>', re.DOTALL)
"""A tree on a page whose search passes it over."""


class BmvisExtension(Extension):
    """Expands our elements.

    Args:
        trees: what draws them and who owns it; by default one shared by all pages of these settings.
        settings: see `mkdocs_bmvis.settings`.
    """

    def __init__(self, trees: Trees | None = None, **settings: object) -> None:
        self.config = {name: [getattr(Settings(), name), text] for name, text in DESCRIPTIONS.items()}
        self._trees = trees
        self._settings = Settings()
        self.page: Page | None = None
        """The page that is being converted, where a host says so; nested conversions belong to it."""
        super().__init__(**settings)

    def setConfigs(self, items: Mapping[str, Any] | Any) -> None:  # noqa: N802
        """Read the settings, all at once."""
        self._settings = read_settings(dict(items))

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Register with one Markdown instance."""
        expansion = _Expansion(md, self)
        # Above every other preprocessor: what it sees is what the host gave.
        md.preprocessors.register(_Begin(expansion), "bmvis", 1000)
        # Below empty lines (100) and the containers (105), above indentation (90), which would take us for code.
        md.parser.blockprocessors.register(_Elements(expansion), "bmvis", 90.5)
        # After all others: what they brought back must be seen.
        md.postprocessors.register(_LeftOver(expansion), "bmvis", -10)

    def trees_for(self, md: Markdown) -> Trees:
        """Return what draws for this instance."""
        if self._trees is None:
            return shared_trees(self._settings.below(_project_folder(md)))
        return self._trees


class _Expansion:
    """One Markdown instance, its page, and what is drawn on it."""

    def __init__(self, md: Markdown, extension: BmvisExtension) -> None:
        self.md = md
        self.extension = extension
        self.page = Page(None, "")
        self.has_assets = False

    @property
    def trees(self) -> Trees:
        return self.extension.trees_for(self.md)

    def begin(self, text: str) -> None:
        self.page = self.extension.page or _host_page(self.md, text) or Page(None, text)
        self.has_assets = False

    def insert(self, parent: ElementTree.Element, html: str) -> None:
        """Put HTML into the tree that Markdown builds: stashed, so that nobody looks into it."""
        # Material's search tells an excluded element from others by its tag: it must be one that no tree has.
        holder = ElementTree.SubElement(parent, "section")
        settings = self.trees.settings
        if not settings.search:
            holder.set("data-search-exclude", "")
        if settings.assets and not self.has_assets:
            self.has_assets = True
            html = assets.inline() + html
        holder.text = AtomicString(self.md.htmlStash.store(html))


class _Begin(Preprocessor):
    """Learns which page is converted, and its text."""

    def __init__(self, expansion: _Expansion) -> None:
        super().__init__(expansion.md)
        self.expansion = expansion

    def run(self, lines: list[str]) -> list[str]:
        self.expansion.begin("\n".join(lines))
        return lines


class _Elements(BlockProcessor):
    """Expands elements that start a block."""

    def __init__(self, expansion: _Expansion) -> None:
        super().__init__(expansion.md.parser)
        self.expansion = expansion

    def test(self, parent: ElementTree.Element, block: str) -> bool:
        return _BLOCK_START.match(block) is not None

    def run(self, parent: ElementTree.Element, blocks: list[str]) -> None:
        text = _whole_element(blocks)
        element = read_element(text)
        self.expansion.insert(parent, self.expansion.trees.draw(element, self.expansion.page))
        if rest := text[element.end :].strip("\n"):
            blocks.insert(0, rest)


def _whole_element(blocks: list[str]) -> str:
    """Take from `blocks` the one that an element starts, and those that it goes on in."""
    text = blocks.pop(0).lstrip(" ")
    joined, count = text, 0
    while is_open(joined) and count < len(blocks):
        joined += "\n\n" + blocks[count]
        count += 1
    if read_element(joined).problem and is_open(text):
        return text  # it never ends: what follows is not ours
    if is_open(text):
        del blocks[:count]
        return joined
    return text


class _LeftOver(Postprocessor):
    """Says of an element that was not expanded why it was not."""

    def __init__(self, expansion: _Expansion) -> None:
        super().__init__(expansion.md)
        self.expansion = expansion

    def run(self, text: str) -> str:
        return _LEFT_OVER.sub(lambda match: self._report(match[0]) if match["element"] else match[0], text)

    def _report(self, element: str) -> str:
        error = OptionError(
            f"this <{NAME}> stands where none can be drawn",
            hint='put empty lines around it; inside HTML, give the surrounding elements markdown="1" (md_in_html)',
        )
        return self.expansion.trees.fail(error, self.expansion.page.place(read_element(element).raw))


_PAGES: MutableMapping[object, Page] = WeakKeyDictionary()
"""Zensical's pages in work: a page's nested conversions (docstrings) share its anchors."""


def _host_page(md: Markdown, text: str) -> Page | None:
    """Return the page that a host converts with this instance, as far as the host shows it."""
    if "rendering_context" in md.preprocessors:  # Zensical
        context: Any = md.preprocessors["rendering_context"]
        if context.page not in _PAGES:
            folder = Path(context.config["root_dir"], context.config["docs_dir"])
            _PAGES[context.page] = Page(folder / context.page.path, text)
        return _PAGES[context.page]
    if "relpath" in md.treeprocessors:  # MkDocs, ProperDocs, where our plugin is not used
        file: Any = md.treeprocessors["relpath"].file  # type: ignore[attr-defined]
        return Page(Path(file.abs_src_path) if file.abs_src_path else None, text)
    return None


def _project_folder(md: Markdown) -> Path:
    if "rendering_context" in md.preprocessors:
        context: Any = md.preprocessors["rendering_context"]
        return Path(context.config["root_dir"])
    if "relpath" in md.treeprocessors:
        config: Any = md.treeprocessors["relpath"].config  # type: ignore[attr-defined]
        if config.config_file_path:
            return Path(config.config_file_path).parent
    return Path()


def makeExtension(**settings: Any) -> BmvisExtension:  # noqa: N802
    """Return the extension; Markdown looks for this name."""
    return BmvisExtension(**settings)
