"""Errors on a page and in the build's log, both with their place."""

from __future__ import annotations

import os

from docutils import nodes
from sphinx.util import logging

from bmvis.errors import BmvisError

logger = logging.getLogger(__name__)


def warn(error: BmvisError, location: str) -> None:
    """Warn about a tree that cannot be drawn; `suppress_warnings = ["bmvis.factory"]` silences one kind."""
    logger.warning("%s", error.report, type="bmvis", subtype=error.kind, location=location)


def place(location: str, folder: str | os.PathLike[str]) -> str:
    """Return a location as a page shows it: relative to the documents' folder, the same on every machine."""
    return os.path.relpath(location, folder).replace(os.sep, "/")


def admonition(error: BmvisError, where: str) -> nodes.error:
    """Return the box that replaces a tree in formats without a box of our own."""
    box = nodes.error("", nodes.paragraph(text=f"This model could not be drawn ({where}): {error}"))
    if error.detail:
        box += nodes.literal_block(error.detail, error.detail, language="none")
    return box
