"""The settings in conf.py: the `bmvis_*` values, checked and turned into what the tree builder takes."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import MutableMapping
from functools import partial
from pathlib import Path
from typing import get_args
from weakref import WeakKeyDictionary

from sphinx.application import Sphinx
from sphinx.config import ENUM, Config
from sphinx.errors import ConfigError
from sphinx.util import logging

from bmvis.errors import OptionError
from bmvis.log_text import forward
from bmvis.option_parsing import parse_site_options
from bmvis.options import Options
from bmvis.source.source import Mode, Source
from bmvis.worker.client import TIMEOUT

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> None:
    """Register the configuration values."""
    app.add_config_value("bmvis_options", {}, "env", dict)
    app.add_config_value("bmvis_path", [], "env", (list, tuple))
    app.add_config_value("bmvis_python", sys.executable, "env", str)
    app.add_config_value("bmvis_timeout", TIMEOUT, "", (int, float))
    app.add_config_value("bmvis_memory", 0, "", int)
    app.add_config_value("bmvis_allow", ["*"], "env", (list, tuple))
    app.add_config_value("bmvis_cache", True, "", (bool, str))
    app.add_config_value("bmvis_mode", "live", "env", ENUM(*get_args(Mode)))
    app.add_config_value("bmvis_snapshots", None, "env", (str, Path))
    app.connect("config-inited", _check)
    app.connect("builder-inited", _forward_logs)
    # No worker outlives a build that failed.
    app.connect("build-finished", lambda app, _error: close_source(app))


def site_options(config: Config) -> Options:
    """Return the display options that apply to all pages.

    Raises:
        ConfigError: `bmvis_options` names an option that does not exist, or gives it a wrong value.
    """
    try:
        return parse_site_options(config.bmvis_options)
    except OptionError as error:
        raise ConfigError(f"bmvis_options in conf.py: {error}") from error


_OPEN: MutableMapping[Sphinx, Source] = WeakKeyDictionary()
"""The one Source of each build: galleries ask it before pages are read, trees afterwards."""


def source_of(app: Sphinx) -> Source:
    """Return the build's source of models; its worker starts when the first model is to be built."""
    if app not in _OPEN:
        _OPEN[app] = _open_source(app)
    return _OPEN[app]


def close_source(app: Sphinx) -> None:
    """End the build's worker, if one runs."""
    if app in _OPEN:
        _OPEN.pop(app).close()


def _open_source(app: Sphinx) -> Source:
    """Return the source of models for one build: a factory reference can name what conf.py can import."""
    config = app.config
    path = (*map(str, config.bmvis_path), *_project_path())
    return Source(
        Path(app.confdir),
        path=path,
        python=config.bmvis_python,
        timeout=config.bmvis_timeout,
        memory=config.bmvis_memory,
        cache=_cache(app),
        allow=config.bmvis_allow,
        mode=config.bmvis_mode,
        snapshots=Path(config.bmvis_snapshots) if config.bmvis_snapshots else None,
    )


def _cache(app: Sphinx) -> Path | None:
    """Return the folder for built models: below confdir where conf.py names one, else next to the doctrees."""
    folder: bool | str = app.config.bmvis_cache
    if not folder:
        return None
    return Path(app.confdir, folder) if isinstance(folder, str) else Path(app.doctreedir, "bmvis")


def _check(app: Sphinx, config: Config) -> None:
    site_options(config)
    if config.bmvis_mode not in get_args(Mode):
        raise ConfigError(f"bmvis_mode in conf.py is {config.bmvis_mode!r}; it is one of {', '.join(get_args(Mode))}")
    if not config.bmvis_timeout > 0:
        raise ConfigError(f"bmvis_timeout in conf.py is {config.bmvis_timeout!r}; it takes seconds, more than 0")


def _forward_logs(app: Sphinx) -> None:
    """Let `-v` show why a model is built again."""
    report = partial(logger.warning, type="bmvis", subtype="cache")
    forward("bmvis", logger.verbose, report, is_verbose=app.verbosity > 0)


def _project_path() -> list[str]:
    """Return `sys.path` without Python's own folders, which the worker's Python has in its own way."""
    own = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")}
    own |= {sysconfig.get_config_var("DESTSHARED"), f"{sysconfig.get_path('stdlib')}.zip"}
    return [entry or os.getcwd() for entry in sys.path if entry not in own and not _is_installed(entry)]


def _is_installed(entry: str) -> bool:
    path = Path(entry)
    return path.name in ("site-packages", "dist-packages") or path.suffix == ".zip"
