"""What conf.py says: the `bmvis_*` values, checked and turned into what the tree builder takes."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

from bmvis.errors import OptionError
from bmvis.options import Options, parse_options
from bmvis.source import Source
from bmvis.worker import TIMEOUT

PER_TREE = ("name", "caption")
"""Options that belong to one tree and make no sense for all trees of a site."""


def setup(app: Sphinx) -> None:
    """Register the configuration values."""
    app.add_config_value("bmvis_options", {}, "env", dict)
    app.add_config_value("bmvis_path", [], "env", (list, tuple))
    app.add_config_value("bmvis_python", sys.executable, "env", str)
    app.add_config_value("bmvis_timeout", TIMEOUT, "", (int, float))
    app.connect("config-inited", _check)


def site_options(config: Config) -> Options:
    """Return the display options that hold on all pages.

    Raises:
        ConfigError: `bmvis_options` names an option that does not exist, or gives it a wrong value.
    """
    written: Mapping[str, Any] = config.bmvis_options
    for name in PER_TREE:
        if name in written:
            raise ConfigError(f"bmvis_options in conf.py: {name!r} belongs to one tree; write it at the directive")
    try:
        return parse_options({name: _as_text(value) for name, value in written.items()})
    except OptionError as error:
        raise ConfigError(f"bmvis_options in conf.py: {error}") from error


def open_source(app: Sphinx) -> Source:
    """Return the door to models for one build: what conf.py can import, a factory reference can name."""
    config = app.config
    path = (*map(str, config.bmvis_path), *_project_path())
    return Source(Path(app.confdir), path=path, python=config.bmvis_python, timeout=config.bmvis_timeout)


def _check(app: Sphinx, config: Config) -> None:
    site_options(config)
    if not config.bmvis_timeout > 0:
        raise ConfigError(f"bmvis_timeout in conf.py is {config.bmvis_timeout!r}; it takes seconds, more than 0")


def _as_text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return None if value is None else str(value)


def _project_path() -> list[str]:
    """Return `sys.path` without Python's own folders, which the worker's Python has in its own way."""
    own = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")}
    own |= {sysconfig.get_config_var("DESTSHARED"), f"{sysconfig.get_path('stdlib')}.zip"}
    return [entry or os.getcwd() for entry in sys.path if entry not in own and not _is_installed(entry)]


def _is_installed(entry: str) -> bool:
    path = Path(entry)
    return path.name in ("site-packages", "dist-packages") or path.suffix == ".zip"
