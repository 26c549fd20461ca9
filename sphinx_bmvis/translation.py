"""The texts of directives that translators can change: accessible names, and the titles and tags of models.

Captions are nodes of their own, which Sphinx translates as text: https://www.sphinx-doc.org/en/master/usage/advanced/intl.html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
from docutils import nodes
from sphinx import addnodes

if TYPE_CHECKING:
    from bmvis.overviews.entries import Entry


class TranslatedOptions(addnodes.translatable, nodes.Element):
    """A node with `options` that have an accessible name, and maybe with `entries`, the lines of a gallery."""

    uid = ""
    """The gettext builder ignores nodes without this attribute, which Sphinx gives to nodes with text only."""

    def starttag(self, quoteattr: Callable[[str], str] | None = None) -> str:
        """Return the tag in messages of docutils, with its ids and names only: the options are long."""
        shown = nodes.Element(ids=self["ids"], names=self["names"])
        shown.tagname = self.tagname
        return shown.starttag(quoteattr)

    def preserve_original_messages(self) -> None:
        """Keep the texts as written."""
        self["messages"] = tuple(dict.fromkeys(self._messages()))

    def extract_original_messages(self) -> Sequence[str]:
        """Return the texts as written."""
        return self.get("messages", ())

    def apply_translated_message(self, original_message: str, translated_message: str) -> None:
        """Replace a text in the options and in the lines."""

        def translated(text: str) -> str:
            return translated_message if text == original_message else text

        def translated_entry(entry: Entry) -> Entry:
            title, tags = translated(entry.title), tuple(map(translated, entry.tags))
            written = entry.written_title or (entry.title if title != entry.title else "")
            return msgspec.structs.replace(entry, title=title, tags=tags, written_title=written)

        self["options"] = msgspec.structs.replace(self["options"], alt=translated(self["options"].alt))
        if "entries" in self:
            self["entries"] = tuple(map(translated_entry, self["entries"]))

    def _messages(self) -> Iterator[str]:
        if "options" not in self:
            return
        entries: tuple[Entry, ...] = self.get("entries", ())
        texts = [self["options"].alt, *(text for entry in entries for text in (entry.title, *entry.tags))]
        yield from filter(None, texts)


def texts_of(node: nodes.Element) -> list[nodes.Element]:
    """Return a node with the texts of `node` for the gettext builder, without what has to be drawn."""
    if not isinstance(node, TranslatedOptions):
        return []
    texts = TranslatedOptions(messages=node.extract_original_messages())
    texts.source, texts.line = node.source, node.line
    return [texts]
