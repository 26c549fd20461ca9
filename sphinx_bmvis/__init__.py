"""The Sphinx extension: `.. model-structure::` and what belongs to it.

Reading a page only notes which models it asks for. When all pages are read, the main process builds
them in one worker (`models`), and the pages are filled in while they are written (`transforms`, `nodes`).
"""

from __future__ import annotations

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from bmvis import __version__
from sphinx_bmvis import (
    assets,
    directives,
    domain,
    gallery,
    gallery_pages,
    models,
    nodes,
    outdated,
    settings,
    transforms,
)

ENV_VERSION = 6
"""Counted up whenever what is kept in the environment or in doctrees changes its shape."""


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the extension, as Sphinx demands."""
    for part in (settings, domain, nodes, directives, gallery, gallery_pages, outdated, models, transforms, assets):
        part.setup(app)
    return {
        "version": __version__,
        "env_version": ENV_VERSION,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
