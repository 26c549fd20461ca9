"""Warn about elements of MkDocs, such as `<model-structure>`, on pages of Sphinx, where a browser ignores them."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx

from bmvis.errors import OptionError
from bmvis.lazy_regex import lazy_regex
from sphinx_bmvis.errors import warn

_ELEMENT = lazy_regex(r"(?s)<!--.*?(?:-->|\Z)|<(model-(?:structure|compare|optimizer|gallery|table|fact))(?![\w-])")
"""A comment, whose elements count as text, or an element."""


def setup(app: Sphinx) -> None:
    """Connect the event handler."""
    app.connect("doctree-read", report_elements)


def report_elements(app: Sphinx, document: nodes.document) -> None:
    """Warn about each element in raw HTML, which MyST and notebooks pass to the page."""
    for node in document.findall(nodes.raw):
        text = node.astext()
        for found in _ELEMENT.finditer(text) if "<model-" in text else ():
            if found[1]:
                line = (node.line or 1) + text.count("\n", 0, found.start())
                warn(_error(found[1]), f"{node.source or document['source']}:{line}")


def _error(name: str) -> OptionError:
    what = "role {model-fact}`package.module:factory`" if name == "model-fact" else f"directive {name}"
    return OptionError(f"Sphinx draws nothing for the element <{name}>", hint=f"write the {what}")
