"""Report errors on a page and in the build log, both with a location."""

from __future__ import annotations

import os

from docutils import nodes
from sphinx.util import logging

from bmvis.errors import BmvisError, NoTorchError

logger = logging.getLogger(__name__)


def warn(error: BmvisError, location: str) -> None:
    """Warn about a tree that cannot be drawn. Its subtype, such as `bmvis.factory`, works in `suppress_warnings`."""
    is_once = isinstance(error, NoTorchError)
    text = _OneOfMany(error.report) if is_once else error.report
    logger.warning("%s", text, type="bmvis", subtype=error.kind, location=location, once=is_once)


class _OneOfMany(str):
    """Text that is equal to each other one: Sphinx logs a message with `once` if it is not equal to an earlier one."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _OneOfMany)

    def __hash__(self) -> int:
        return 0


def shown_location(location: str, folder: str | os.PathLike[str]) -> str:
    """Return a location for a page: relative to the source folder, so that it is the same on each machine."""
    return os.path.relpath(location, folder).replace(os.sep, "/")


def admonition(error: BmvisError, where: str) -> nodes.error:
    """Return the box that replaces a tree in formats without a template for error boxes."""
    box = nodes.error("", nodes.paragraph(text=f"This model could not be drawn ({where}): {error}"))
    if error.detail:
        box += nodes.literal_block(error.detail, error.detail, language="none")
    return box
