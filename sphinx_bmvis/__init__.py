"""Sphinx extension with the directive `model-structure` and related directives and roles.

While pages are read, the directives record the models that they need. When all pages are read, the main process builds
these models in one worker (`models`, `building`). The trees are drawn while the pages are written (`transforms`,
`visitors`). A build without changes imports none of the modules that build or draw (`lazy`).

Only `setup` is public: the directives, roles, and configuration values are the interface.
"""

from __future__ import annotations

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from bmvis import __version__
from sphinx_bmvis import (
    api_pages,
    assets,
    branches,
    contents,
    directives,
    domain,
    inventory,
    lazy,
    models,
    nodes,
    outdated,
    reading,
    settings,
    single_page,
    unused_markup,
)

ENV_VERSION = 13
"""Version of the data in the environment and in doctrees. Increase it if the format changes."""


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the extension. Sphinx calls this function."""
    for part in (
        settings,
        domain,
        inventory,
        nodes,
        directives,
        reading,
        branches,
        contents,
        unused_markup,
        lazy,
        api_pages,
        outdated,
        models,
        single_page,
        assets,
    ):
        part.setup(app)
    return {
        "version": __version__,
        "env_version": ENV_VERSION,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
