"""The one Source of a build: galleries ask it before pages are read, trees afterwards."""

from __future__ import annotations

from collections.abc import MutableMapping
from weakref import WeakKeyDictionary

from sphinx.application import Sphinx

from bmvis.source.source import Source
from sphinx_bmvis.settings import open_source

_OPEN: MutableMapping[Sphinx, Source] = WeakKeyDictionary()


def source_of(app: Sphinx) -> Source:
    """Return the build's source; its worker starts when a model is to be built."""
    if app not in _OPEN:
        _OPEN[app] = open_source(app)
    return _OPEN[app]


def close_source(app: Sphinx) -> None:
    """End the worker, if one runs."""
    if app in _OPEN:
        _OPEN.pop(app).close()


def setup(app: Sphinx) -> None:
    """See to it that no worker outlives a build that failed."""
    app.connect("build-finished", lambda app, _error: close_source(app))
