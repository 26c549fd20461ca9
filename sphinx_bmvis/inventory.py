"""Write the lists of all objects of a site only if they have changed: `objects.inv` and the page of the model index.

Sphinx writes these files and the search index at the end of every build, also of one without changes. A thousand named
trees have 100,000 modules, which take longer than the rest of such a build. On a small site, the index page takes a
quarter of the time that bmvis adds to such a build, because its template is compiled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import ENV_PICKLE_FILENAME, Sphinx
from sphinx.builders.html import INVENTORY_FILENAME

from sphinx_bmvis.domain import domain_of
from sphinx_bmvis.model_index import ModelIndex

_METHODS = ("dump_inventory", "dump_search_index", "write_domain_indices")


def setup(app: Sphinx) -> None:
    """Connect the event handler."""
    app.connect("builder-inited", _ObjectLists)


class _ObjectLists:
    """The files of one builder that list all objects.

    It takes the place of three methods of the builder, which Sphinx has no event for.
    """

    def __init__(self, app: Sphinx) -> None:
        builder: Any = app.builder
        if not all(hasattr(builder, method) for method in _METHODS):
            return
        self._app = app
        self._builder = builder
        self._dump_inventory, builder.dump_inventory = builder.dump_inventory, self.dump_inventory
        self._dump_search_index, builder.dump_search_index = builder.dump_search_index, self.dump_search_index
        self._write_indices, builder.write_domain_indices = builder.write_domain_indices, self.write_domain_indices
        self._is_current = True
        for event in ("env-purge-doc", "doctree-resolved"):
            app.connect(event, self._note_change)

    def dump_inventory(self) -> None:
        """Write the inventory, unless no page was read, removed or written since it was written."""
        if not (self._is_current and self._is_newer(Path(self._app.outdir, INVENTORY_FILENAME))):
            self._dump_inventory()

    def write_domain_indices(self) -> None:
        """Write the index pages, but that of models only if a page was read, removed or written since it was."""
        every = self._builder.domain_indices
        self._builder.domain_indices = [each for each in every if each[1] is not ModelIndex or self._is_due(each[0])]
        try:
            self._write_indices()
        finally:
            self._builder.domain_indices = every

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

    def _is_due(self, index: str) -> bool:
        """Return whether an index page is to be written. An earlier build can have ended after it wrote the pages."""
        file = self._output(index)
        pages, written = map(self._output, self._app.env.found_docs), _time(file)
        return not (self._is_current and self._is_newer(file) and all(_time(page) <= written for page in pages))

    def _output(self, page: str) -> Path:
        return Path(self._builder.get_outfilename(page))

    def _is_newer(self, file: Path) -> bool:
        """Return whether a file is newer than the environment, which another builder can have changed."""
        environment = Path(self._app.doctreedir, ENV_PICKLE_FILENAME)
        return _time(file) > _time(environment) > 0


def _time(file: Path) -> int:
    """Return the time of the last change of a file in nanoseconds; 0 if there is no file."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
