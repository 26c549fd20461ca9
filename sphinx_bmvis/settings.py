"""The `bmvis_*` values of conf.py: validate them, and open a `Source` with them."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Mapping, MutableMapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args
from weakref import WeakKeyDictionary

from sphinx.application import Sphinx
from sphinx.config import ENUM, Config
from sphinx.errors import ConfigError
from sphinx.util import logging

from bmvis.errors import OptionError, similar
from bmvis.options.definitions import BY_NAME, Options
from bmvis.options.parsing import parse_site_options
from bmvis.source.cache_folder import CacheFolder
from bmvis.source.digest_memo import DigestMemo
from bmvis.source.modes import Mode
from bmvis.untrusted.log_text import Log, forward, one_line
from bmvis.worker.protocol import TIMEOUT
from sphinx_bmvis.preview import preview_session

if TYPE_CHECKING:  # a build without changes opens no source
    from bmvis.source.source import Source

logger = logging.getLogger(__name__)


class _Setting(NamedTuple):
    """A value of conf.py."""

    default: Any
    rebuild: Literal["", "env"]
    types: tuple[type, ...]
    expected: str
    """What it must be, for an error."""


_SETTINGS: Mapping[str, _Setting] = {
    "bmvis_options": _Setting({}, "env", (dict,), "a dictionary of options"),
    "bmvis_path": _Setting([], "env", (list, tuple), "a list of folders"),
    "bmvis_python": _Setting(sys.executable, "env", (str, Path), "the path of a Python interpreter"),
    "bmvis_timeout": _Setting(TIMEOUT, "", (int, float), "a number of seconds"),
    "bmvis_memory": _Setting(0, "", (int,), "a number of bytes"),
    "bmvis_allow": _Setting(["*"], "env", (list, tuple), "a list of references"),
    "bmvis_cache": _Setting(True, "", (bool, str, Path), "a folder, True or False"),
    "bmvis_snapshots": _Setting(None, "env", (str, Path, type(None)), "a folder"),
}
_LISTS = ("bmvis_path", "bmvis_allow")


def setup(app: Sphinx) -> None:
    """Register the configuration values."""
    for name, setting in _SETTINGS.items():
        app.add_config_value(name, setting.default, setting.rebuild, setting.types)
    app.add_config_value("bmvis_mode", "auto", "env", ENUM(*get_args(Mode)))
    app.connect("config-inited", _check)
    app.connect("builder-inited", _check_path)
    app.connect("builder-inited", _forward_logs)
    # Also after a failed build, no worker must continue to run.
    app.connect("build-finished", lambda app, _error: close_source(app))


def site_options(config: Config) -> Options:
    """Return the display options that apply to all pages.

    Raises:
        ConfigError: `bmvis_options` has an unknown option, or an invalid value.
    """
    try:
        return parse_site_options(config.bmvis_options)
    except OptionError as error:
        raise ConfigError(f"bmvis_options in conf.py: {error}") from error


_OPEN: MutableMapping[Sphinx, Source] = WeakKeyDictionary()
"""The `Source` of each build. Galleries use it before pages are read, trees afterwards."""


_DIGESTS: MutableMapping[Sphinx, DigestMemo] = WeakKeyDictionary()


def source_of(app: Sphinx) -> Source:
    """Return the `Source` of a build. Its worker starts when the first model is built."""
    if app not in _OPEN:
        _OPEN[app] = _open_source(app)
    return _OPEN[app]


def open_digests(app: Sphinx) -> DigestMemo:
    """Start a build: return its digests of what is installed and of bmvis, which read files again."""
    folder = _cache(app)
    _DIGESTS[app] = DigestMemo(CacheFolder(folder) if folder else None)
    return _DIGESTS[app]


def digests_of(app: Sphinx) -> DigestMemo:
    """Return the digests of a build."""
    return _DIGESTS.get(app) or open_digests(app)


def close_source(app: Sphinx) -> None:
    """Stop the worker of a build, if it runs."""
    if app in _OPEN:
        _OPEN.pop(app).close()


def conf_folder(app: Sphinx) -> Path:
    """Return the folder that relative paths start at: that of conf.py.

    Tools that build several versions from one conf.py, such as sphinx-multiversion, check out each version in a folder
    of its own. Its sources have a conf.py, too, and its models are next to that one.
    """
    return Path(app.srcdir if Path(app.srcdir, "conf.py").is_file() else app.confdir)


def _open_source(app: Sphinx) -> Source:
    """Open the `Source` of a build. Factory references can use all packages that conf.py can import."""
    from bmvis.source.source import Source

    config = app.config
    return Source(
        conf_folder(app),
        path=model_path(app),
        python=str(config.bmvis_python),
        timeout=config.bmvis_timeout,
        memory=config.bmvis_memory,
        cache=_cache(app),
        allow=config.bmvis_allow,
        mode=config.bmvis_mode,
        snapshots=Path(config.bmvis_snapshots) if config.bmvis_snapshots else None,
        session=preview_session(),
        digests=digests_of(app),
    )


def model_path(app: Sphinx) -> tuple[str, ...]:
    """Return the folders that models are imported from: `bmvis_path`, and what conf.py has added to `sys.path`."""
    folder = conf_folder(app)
    added = (_of_version(entry, app.confdir, folder) for entry in _project_path())
    return tuple(dict.fromkeys((*map(str, app.config.bmvis_path), *added)))


def _of_version(entry: str, confdir: Path, folder: Path) -> str:
    """Return a folder that conf.py added to `sys.path`, in the version that is built if it exists there."""
    own = folder / os.path.relpath(entry, confdir)
    return str(own.resolve()) if own.is_dir() else entry


def _cache(app: Sphinx) -> Path | None:
    """Return the cache folder: `bmvis_cache` relative to conf.py, or by default a folder next to the doctrees."""
    folder: bool | str | Path = app.config.bmvis_cache
    if not folder:
        return None
    return Path(app.doctreedir, "bmvis") if folder is True else Path(app.confdir, folder)


def _check(app: Sphinx, config: Config) -> None:
    _check_types(config)
    _check_names(config)
    site_options(config)
    if config.bmvis_mode not in get_args(Mode):
        modes = ", ".join(get_args(Mode))
        raise ConfigError(f"bmvis_mode in conf.py must be one of {modes}, not {config.bmvis_mode!r}")
    if not config.bmvis_timeout > 0:
        raise ConfigError(f"bmvis_timeout in conf.py must be greater than 0, not {config.bmvis_timeout!r}")


def _check_types(config: Config) -> None:
    """Require values of the right types, before Sphinx warns about others: a string is a list of one, a path a text."""
    for name, setting in _SETTINGS.items():
        value = config[name]
        if name in _LISTS and isinstance(value, str | Path):
            value = config[name] = [str(value)]
        elif Path in setting.types and isinstance(value, Path):
            value = config[name] = str(value)
        is_right = isinstance(value, setting.types) and (bool in setting.types or not isinstance(value, bool))
        if not is_right:
            raise ConfigError(f"{name} in conf.py must be {setting.expected}, not {value!r}")
        if name in _LISTS and (wrong := next((item for item in value if not isinstance(item, str | Path)), None)):
            raise ConfigError(f"{name} in conf.py must be {setting.expected}, and {wrong!r} is not a string")


def _check_names(config: Config) -> None:
    """Report names of conf.py that are similar to those of settings. Sphinx ignores unknown names."""
    known = [name.removeprefix("bmvis_") for name in (*_SETTINGS, "bmvis_mode", "bmvis_autodoc")]
    written = getattr(config, "_raw_config", {})
    for name in sorted(name for name in written if name.startswith("bmvis_") and name not in config):
        option = name.removeprefix("bmvis_").replace("_", "-")
        hint = (
            f"write bmvis_options = {{{option!r}: …}}" if option in BY_NAME else similar(option, known, prefix="bmvis_")
        )
        if hint:
            text = str(OptionError(f"unknown setting {name!r} in conf.py", hint=hint))
            logger.warning("%s", one_line(text), type="bmvis", subtype="option")


def _check_path(app: Sphinx) -> None:
    """Report folders of `bmvis_path` that do not exist. It is no error: an older version of a site can lack one."""
    for entry in app.config.bmvis_path:
        if not (folder := conf_folder(app) / entry).is_dir():
            text = f"bmvis_path in conf.py: folder {folder} does not exist (relative paths start at conf.py)"
            logger.warning("%s", one_line(text), type="bmvis", subtype="option")


def _forward_logs(app: Sphinx) -> None:
    """Log with `-v` why a model is built again.

    As with Sphinx's own logger, handlers of the root logger get no messages. Otherwise they would print each one again,
    such as the handler that furo's dependency accessible-pygments adds.
    """
    report = partial(logger.warning, type="bmvis", subtype="cache")
    forward("bmvis", Log(logger.verbose, logger.info, report), is_verbose=app.verbosity > 0, propagate=False)


def _project_path() -> list[str]:
    """Return `sys.path` without the folders of the Python installation, since the worker can have another Python."""
    paths = sysconfig.get_paths()  # get_path computes all of them, too
    own = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")}
    own |= {sysconfig.get_config_var("DESTSHARED"), f"{paths['stdlib']}.zip"}
    return [entry or os.getcwd() for entry in sys.path if entry not in own and not _is_installed(entry)]


def _is_installed(entry: str) -> bool:
    path = Path(entry)
    return path.name in ("site-packages", "dist-packages") or path.suffix == ".zip"
