"""Python-Markdown extension that replaces `<model-structure factory="..."></model-structure>` by a tree.

It depends on Markdown only, so that MkDocs, ProperDocs, Zensical and any program that calls `markdown` can use it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from xml.etree import ElementTree

from markdown import Markdown
from markdown.blockprocessors import BlockProcessor
from markdown.extensions import Extension
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import ETX, STX, AtomicString

from bmvis.errors import OptionError
from bmvis.lazy_regex import lazy_regex
from bmvis.options.markup_names import BLOCKS, FACT, intended
from bmvis.render.html import assets
from bmvis.render.html.markup import Markup, join
from mkdocs_bmvis import zensical_assets
from mkdocs_bmvis.autorefs import ModuleLinks, type_link, with_ends
from mkdocs_bmvis.drawing import SiteElements, shared_elements
from mkdocs_bmvis.element import (
    LIKE,
    MISNAMED,
    WHOLE,
    Element,
    is_open,
    read_element,
)
from mkdocs_bmvis.hosts import config_folder, current_page, has_autorefs, site_folders, zensical_autorefs
from mkdocs_bmvis.html_cache import IDS
from mkdocs_bmvis.inline import Facts, StableAnchors
from mkdocs_bmvis.page import HostPage
from mkdocs_bmvis.settings import DESCRIPTIONS, Settings, read_settings
from mkdocs_bmvis.sphinx_markup import has_sphinx_markup

_BLOCK_START = lazy_regex(rf" {{0,3}}(?=<(?:{'|'.join(BLOCKS)})(?![\w-]))", re.IGNORECASE)
_LEFT_OVER = lazy_regex(rf"<!--.*?-->|(?P<element>{WHOLE.pattern})|{MISNAMED.pattern}", re.IGNORECASE | re.DOTALL)
_EMPTY_LINE = lazy_regex(r"\n[ \t]*(?=\n\s*?(?P<indentation>[ \t]*)\S)")
_FILLING = f"{STX}bmvis{ETX}"
_AROUND = (
    'put empty lines around it; inside HTML, give all elements around it markdown="block" (md_in_html);'
    " the cells of Markdown's own tables cannot contain one"
)
_AS_TEXT = "to show the tag as text, write `<{}>` in backticks"
_LONGEST = 20_000
"""Maximum length of an element in characters. A longer one is reported as not closed."""
_RESERVED = "data-bmvis-reserved"
"""Marks an element that reserves the id of the tree inside, so that no heading with that title gets it."""
EXCLUDED = lazy_regex(r'<section data-search-exclude="">.*?</section>', re.DOTALL)
"""A tree that the search of the site ignores."""


class BmvisExtension(Extension):
    """Replaces elements by trees.

    Args:
        elements: draws the elements. By default, one instance is shared by all pages with the same settings.
        settings: see `mkdocs_bmvis.settings`.
    """

    def __init__(self, elements: SiteElements | None = None, **settings: object) -> None:
        self.config = {name: [getattr(Settings(), name), text] for name, text in DESCRIPTIONS.items()}
        self._elements = elements
        self._settings = Settings()
        self.page: HostPage | None = None
        """The page that is being converted, if the host provides it. Nested conversions belong to this page."""
        self.autorefs: Any = None
        """The autorefs plugin, if the host has it."""
        self.links = ModuleLinks()
        """The modules of named trees, for references that the plugin does not know."""
        super().__init__(**settings)

    def setConfigs(self, items: Mapping[str, Any] | Any) -> None:  # noqa: N802
        """Validate all settings together."""
        self._settings = read_settings(dict(items))

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Register the processors with a Markdown instance."""
        expansion = _Expansion(md, self)
        # Before all other preprocessors, to see the text of the host.
        md.preprocessors.register(_Begin(expansion), "bmvis", 1000)
        # After code fences (25), which stash code, and before raw HTML (20).
        md.preprocessors.register(_Fill(md), "bmvis-lines", 24)
        # After empty lines (100) and containers (105), before indented code (90).
        md.parser.blockprocessors.register(_Elements(expansion), "bmvis", 90.5)
        # After code spans (190), before escapes (180), links and HTML.
        md.inlinePatterns.register(Facts(md, expansion.fact), "bmvis-facts", 185)
        # Before the table of contents (5), which uses existing ids.
        md.treeprocessors.register(StableAnchors(md), "bmvis-anchors", 5.5)
        # After the table of contents (5), which assigns free ids to headings.
        md.treeprocessors.register(_Release(expansion), "bmvis", 4)
        # After all other postprocessors, to see the text that they restore.
        md.postprocessors.register(_LeftOver(expansion), "bmvis", -10)

    def elements_for(self, md: Markdown) -> SiteElements:
        """Return the `SiteElements` for a Markdown instance."""
        if self._elements is None:
            return shared_elements(self._settings.below(config_folder(md)))
        return self._elements


class _Expansion:
    """The state of one Markdown instance: its page, and the elements on it."""

    def __init__(self, md: Markdown, extension: BmvisExtension) -> None:
        self.md = md
        self.extension = extension
        self.page = HostPage("")
        self.has_headings = False
        """Whether the table of contents has read the headings. To read one, it runs all postprocessors on it."""

    @property
    def elements(self) -> SiteElements:
        return self.extension.elements_for(self.md)

    def begin(self, text: str) -> None:
        self.has_headings = False
        self.page = current_page(self.md, text, self.extension.page)
        for line, raw, error in self.page.front_matter_elements():
            self.elements.reporter.box(error, raw, self.page, line)
        for line, raw, error in self.page.sphinx_markup(text) if has_sphinx_markup(text) else ():
            self.elements.reporter.box(error, raw, self.page, line)

    def draw(self, parent: ElementTree.Element, element: Element) -> None:
        """Add the HTML of an element to the document. It is stashed, so that no other processor changes it."""
        linked = type_link if has_autorefs(self.md) else None
        html, is_searched = self.elements.draw(element, self.page, linked)
        outermost = IDS.search(html)
        self._register_targets()
        html = join(self._assets(html), html)
        # Material's search finds the end of an excluded element by its tag, which must not occur inside.
        holder = ElementTree.SubElement(parent, "section")
        if outermost:
            holder.set("id", outermost[1])  # so that no heading of the page gets it from its text
            holder.set(_RESERVED, "")
        if not is_searched:
            holder.set("data-search-exclude", "")
        holder.text = AtomicString(self.md.htmlStash.store(html))

    def _assets(self, html: str) -> Markup | None:
        """Return the stylesheets and scripts that a part of the page needs, and the page does not have yet."""
        setting = self.elements.settings.assets
        needed = [file for file in assets.needed(html) if file not in self.page.assets]
        if not setting or not needed:
            return None
        self.page.assets.update(needed)
        folders = site_folders(self.md)
        if folders and setting != "inline":
            with suppress(OSError):  # the docs folder cannot be written
                return zensical_assets.write_linked(needed, folders)
        return assets.inline(needed)

    def fact(self, element: Element) -> Markup:
        """Return the HTML of an element in a sentence."""
        return self.elements.draw(element, self.page).html

    def _register_targets(self) -> None:
        plugin = self.extension.autorefs
        autorefs = plugin or zensical_autorefs(self.md)
        if autorefs:
            found = self.page.targets if plugin else with_ends(self.page.targets)
            for identifier, anchor in found.items():
                autorefs.register_anchor(autorefs.current_page, identifier, anchor)
        if plugin:
            self.extension.links.add(plugin.current_page, self.page.targets)
        self.page.targets.clear()


class _Begin(Preprocessor):
    """Records the page that is being converted, and its text."""

    def __init__(self, expansion: _Expansion) -> None:
        super().__init__(expansion.md)
        self.expansion = expansion

    def run(self, lines: list[str]) -> list[str]:
        self.expansion.begin("\n".join(lines))
        return lines


class _Fill(Preprocessor):
    """Fills empty lines inside an element, where containers would split it."""

    def run(self, lines: list[str]) -> list[str]:
        text = "\n".join(lines)
        return WHOLE.sub(lambda found: _EMPTY_LINE.sub(rf"\n\g<indentation>{_FILLING}", found[0]), text).split("\n")


class _Elements(BlockProcessor):
    """Replaces elements at the start of a block."""

    def __init__(self, expansion: _Expansion) -> None:
        super().__init__(expansion.md.parser)
        self.expansion = expansion

    def test(self, parent: ElementTree.Element, block: str) -> bool:
        return _BLOCK_START.match(block) is not None

    def run(self, parent: ElementTree.Element, blocks: list[str]) -> None:
        text = _whole_element(blocks)
        element = read_element(text)
        self.expansion.draw(parent, element)
        if rest := text[element.end :].strip("\n"):
            blocks.insert(0, rest)


def _whole_element(blocks: list[str]) -> str:
    """Remove all blocks of an element from the start of `blocks`, and return them joined."""
    blocks[0] = blocks[0].replace(_FILLING, "")
    first = joined = blocks.pop(0).lstrip(" ")
    for count in range(len(blocks) + 1):
        if not is_open(joined):
            del blocks[:count]
            return joined
        if len(joined) > _LONGEST:
            break
        joined = "\n\n".join([first, *blocks[: count + 1]])
    return first


class _Release(Treeprocessor):
    """Removes reserved ids from the elements around trees, since the trees have these ids."""

    def __init__(self, expansion: _Expansion) -> None:
        super().__init__(expansion.md)
        self.expansion = expansion

    def run(self, root: ElementTree.Element) -> None:
        self.expansion.has_headings = True
        for holder in root.iter("section"):
            if holder.attrib.pop(_RESERVED, None) is not None:
                del holder.attrib["id"]


class _LeftOver(Postprocessor):
    """Reports elements that were not replaced."""

    def __init__(self, expansion: _Expansion) -> None:
        super().__init__(expansion.md)
        self.expansion = expansion

    def run(self, text: str) -> str:
        text = text.replace(_FILLING, "")
        # The search is fast even on a page of megabytes.
        if not self.expansion.has_headings or LIKE.search(text) is None:
            return text
        return _LEFT_OVER.sub(lambda found: self._replacement(found) or found[0], text)

    def _replacement(self, found: re.Match[str]) -> str:
        """Return a fact, an error box in place of another element, or '' if the element is not one of bmvis."""
        if found["element"]:
            left = read_element(found[0])
            if left.name == FACT:
                return self.expansion.fact(left)
            hint = _AROUND if "=" in left.raw else _AS_TEXT.format(left.name)
            error = OptionError(f"this <{left.name}> is in a place where bmvis cannot draw it", hint=hint)
            return self._fail(error, left.raw)
        if found["like"] and (name := intended(found["like"])):
            error = OptionError(f"unknown element <{found['like']}>", hint=f"did you mean <{name}>?")
            return self._fail(error, found[0].partition(">")[0] + ">")
        return ""

    def _fail(self, error: OptionError, raw: str) -> str:
        page = self.expansion.page
        return self.expansion.elements.reporter.box(error, raw, page, page.line_of(raw))


def makeExtension(**settings: Any) -> BmvisExtension:  # noqa: N802
    """Return the extension. Python-Markdown calls this function."""
    return BmvisExtension(**settings)
