"""Compile each template of a theme once for all builds, which takes longer than to fill it in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import jinja2


@contextmanager
def kept(folder: Path) -> Iterator[None]:
    """Let Jinja keep the bytecode of templates in a folder."""
    initialize = jinja2.Environment.__init__
    cache = jinja2.FileSystemBytecodeCache(str(folder))

    def initialize_with_cache(self, *arguments, **options):
        if not arguments:  # the templates of `jinja2.Template` get all options by position
            options.setdefault("bytecode_cache", cache)
        initialize(self, *arguments, **options)

    with mock.patch.object(jinja2.Environment, "__init__", initialize_with_cache):
        yield
