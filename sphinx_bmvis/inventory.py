"""Write the list of all objects of a site only if it has changed: `objects.inv`, with each module of each named tree.

Sphinx writes this file and the search index at the end of every build, also of one without changes. A thousand named
trees have 100,000 modules, which take longer than the rest of such a build.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import ENV_PICKLE_FILENAME, Sphinx
from sphinx.builders.html import INVENTORY_FILENAME

from sphinx_bmvis.domain import domain_of


def setup(app: Sphinx) -> None:
    """Connect the event handler."""
    app.connect("builder-inited", _ObjectLists)


class _ObjectLists:
    """The files of one builder that list all objects.

    It takes the place of two methods of the builder, which Sphinx has no event for.
    """

    def __init__(self, app: Sphinx) -> None:
        builder: Any = app.builder
        if not hasattr(builder, "dump_inventory") or not hasattr(builder, "dump_search_index"):
            return
        self._app = app
        self._dump_inventory, builder.dump_inventory = builder.dump_inventory, self.dump_inventory
        self._dump_search_index, builder.dump_search_index = builder.dump_search_index, self.dump_search_index
        self._is_current = True
        for event in ("env-purge-doc", "doctree-resolved"):
            app.connect(event, self._note_change)

    def dump_inventory(self) -> None:
        """Write the inventory, unless no page was read, removed or written since it was written."""
        if not (self._is_current and self._is_newer()):
            self._dump_inventory()

    def dump_search_index(self) -> None:
        """Write the search index. It ignores modules of trees without the option `search`."""
        domain = domain_of(self._app.env)
        domain.lists_all = False
        try:
            self._dump_search_index()
        finally:
            domain.lists_all = True

    def _note_change(self, *_: object) -> None:
        """Note a page that was read again or removed, or one that is written, with another suffix of links perhaps."""
        self._is_current = False

    def _is_newer(self) -> bool:
        """Return whether the inventory is newer than the environment, which another builder can have changed."""
        inventory = Path(self._app.outdir, INVENTORY_FILENAME)
        environment = Path(self._app.doctreedir, ENV_PICKLE_FILENAME)
        try:
            return inventory.stat().st_mtime_ns > environment.stat().st_mtime_ns
        except OSError:
            return False
