"""Warn about markup that shows nothing on a page of Sphinx: that of MkDocs or of the other format, and typing errors.

A browser ignores unknown elements, and docutils takes `.. model-structure: zoo:bert`, with one colon, for a comment.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from bmvis.errors import OptionError
from bmvis.lazy_regex import lazy_regex
from bmvis.options.markup_names import FACT, FACT_ROLES, intended
from sphinx_bmvis.errors import warn

_ELEMENT = lazy_regex(r"(?si)<!--.*?(?:-->|\Z)|<(model[\w-]*)")
"""A comment, whose elements count as text, or an element."""
_COMMENT = lazy_regex(r"(model[\w-]*)(?:\s*:(?!:)|(?P<colons>::)(?=\S)|\s+\S+:\S)")
"""A comment that was to be a directive, with one colon or none, or without a space after the two colons."""
_PARAGRAPH = lazy_regex(
    r"""(?xi)
    \.{1,2}[ ]*(?P<directive>model[\w-]*)[ ]?::   # reStructuredText in MyST, and dots without the space
    | (?:`{3,}|~{3,}|:{3,})[ ]?\{(?P<fence>model[\w-]*)\}   # MyST in reStructuredText
    | <(?P<element>model[\w-]*)\s+[\w-]+=   # HTML in reStructuredText, and broken HTML in MyST
    """
)
_IN_TEXT = lazy_regex(r"(?i)(?<=\S)\s*<(model[\w-]*)\s+[\w-]+=")
"""An element in a sentence of reStructuredText. In MyST it is a node of its own."""
_NAMES = "|".join((*FACT_ROLES, "model", "module"))
_RST_ROLE = lazy_regex(rf"(?<![\w\\:]):({_NAMES}):$")
"""The end of the text before code, where MyST has a role of reStructuredText."""
_MYST_ROLE = lazy_regex(rf"(?<![\w\\{{])\{{({_NAMES})\}}(?=`[^`]+`)")
"""A role of MyST, which is text in reStructuredText."""


def setup(app: Sphinx) -> None:
    """Connect the event handler."""
    app.connect("doctree-read", report_markup)


def report_markup(app: Sphinx, document: nodes.document) -> None:
    """Warn about each element and directive that was not understood."""
    is_rst = not str(document["source"]).endswith((".md", ".markdown", ".ipynb"))
    for node in document.findall(lambda node: isinstance(node, nodes.raw | nodes.comment | nodes.paragraph)):
        assert isinstance(node, nodes.Element)
        for line, error in _problems(node, is_rst=is_rst):
            source = node.source or document["source"]
            warn(error, f"{source}:{_first_line(node, source) + line}")


def _first_line(node: nodes.Element, source: str) -> int:
    """Return the line of a node, from 1.

    That of a comment is searched: docutils has the one after it, and old releases have none for it in a list.
    """
    line = (node if node.line is not None else node.parent).line or 1
    if isinstance(node, nodes.comment) and Path(source).is_file():
        lines = Path(source).read_text(encoding="utf-8", errors="replace").splitlines()
        head = node.astext().partition("\n")[0]
        last = min(line, len(lines))
        numbers = (*range(last, 0, -1), *range(last + 1, len(lines) + 1))
        return next((number for number in numbers if lines[number - 1].endswith(head)), line)
    return line


def _problems(node: nodes.Element, *, is_rst: bool) -> Iterator[tuple[int, OptionError]]:
    """Yield each problem of a node with its line in the node, from 0."""
    text = node.astext()
    if isinstance(node, nodes.paragraph):
        yield from _roles(node, is_rst=is_rst)
    if "model" not in text.lower():
        return
    if isinstance(node, nodes.raw):
        for found in _ELEMENT.finditer(text):
            if found[1] and (name := intended(found[1])):
                yield text.count("\n", 0, found.start()), _element(found[1], name)
    elif isinstance(node, nodes.comment):
        comment = _COMMENT.match(text)
        if comment and (name := intended(comment[1])):
            space = ", then a space" if comment["colons"] else ""
            hint = f"write .. {name}::{space}"
            yield 0, OptionError(f"the comment '.. {text.split()[0]}' is not a directive", hint=hint)
    elif node.children and isinstance(node[0], nodes.Text if not text.startswith("`") else nodes.literal):
        yield from _in_paragraph(node.rawsource or text, is_rst)
    if is_rst and isinstance(node, nodes.paragraph):
        yield from _in_text(node)


def _in_text(paragraph: nodes.paragraph) -> Iterator[tuple[int, OptionError]]:
    """Yield the elements in the text of a paragraph, except the one at its start."""
    before = ""
    for child in paragraph.children:
        if isinstance(child, nodes.Text):
            for found in _IN_TEXT.finditer(f"{before}{child}", len(before[:-1])):
                if name := intended(found[1]):
                    yield f"{before}{child}".count("\n", 0, found.start(1)), _element(found[1], name)
        before += child.astext()


def _roles(paragraph: nodes.Element, *, is_rst: bool) -> Iterator[tuple[int, OptionError]]:
    """Yield the roles of the other format."""
    line = 0
    for child, following in zip_longest(paragraph.children, paragraph.children[1:]):
        if isinstance(child, nodes.Text) and (is_rst or isinstance(following, nodes.literal)):
            for found in (_MYST_ROLE if is_rst else _RST_ROLE).finditer(child):
                role = f":{found[1]}:" if is_rst else f"{{{found[1]}}}"
                error = OptionError(f"Sphinx draws nothing for the role {found[0]!r}", hint=f"write {role}`…`")
                yield line + child.count("\n", 0, found.start()), error
        line += child.astext().count("\n")


def _in_paragraph(text: str, is_rst: bool) -> Iterator[tuple[int, OptionError]]:
    found = _PARAGRAPH.match(text)
    written = found and (found["directive"] or found["fence"] or found["element"])
    if found and written and (name := intended(written)):
        if found["element"]:
            yield 0, _element(written, name)
            return
        hint = f".. {name}:: package.module:factory" if is_rst else f"```{{{name}}} package.module:factory"
        yield 0, OptionError(f"Sphinx draws nothing for the text {found[0]!r}", hint=f"write {hint}")


def _element(written: str, name: str) -> OptionError:
    what = "role {model-fact}`package.module:factory`" if name == FACT else f"directive {name}"
    return OptionError(f"Sphinx draws nothing for the element <{written}>", hint=f"write the {what}")
