"""The settings of a site, which the Markdown extension and the plugin share."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from bmvis.errors import OptionError, nearest
from bmvis.options.definitions import BY_NAME, Options
from bmvis.options.parsing import parse_site_options
from bmvis.source.modes import Mode
from bmvis.worker.protocol import TIMEOUT

DESCRIPTIONS: Mapping[str, str] = {
    "path": "Folders to add to the start of `sys.path` where models are built. Relative paths start at `cwd`.",
    "cwd": "The project folder. The default is the folder of the configuration file, or the current one.",
    "allow": "References that pages can use: `zoo:build`, or a pattern of public names such as `zoo.*:build_*`.",
    "timeout": "Time limit for one model in seconds.",
    "memory": "Memory limit for one model in bytes, on Linux. If 0, the limit is half of the memory; with "
    "`device: cpu`, there is none.",
    "mode": "`live` builds models, `snapshot` reads committed snapshots, `check` builds models and compares "
    "them with their snapshots. `auto` is `live` if `python` has PyTorch, else `snapshot`.",
    "snapshots": "Snapshot folder. The default is `snapshots` in `[tool.bmvis]`.",
    "python": "The Python that builds models. It needs torch and msgspec, but not bmvis.",
    "cache": "The cache folder, relative to `cwd`. `false` disables the cache.",
    "options": "Display options for every tree of the site.",
    "on_error": "`box` logs a warning and shows an error box on the page, `raise` stops the build.",
    "fingerprint": "A text that is part of the settings. Change it to make a tool that caches pages, such as "
    "Zensical, render them again.",
    "assets": "Whether pages get the stylesheets and scripts that they need. With Zensical, they are files that pages "
    "link; with plain Markdown, or `inline`, they are inside the pages. The MkDocs plugin always adds files.",
}

CACHE = ".cache/bmvis"
"""Default cache folder. Material and Zensical use the same parent folder."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a site. The fields are the keys of `DESCRIPTIONS`."""

    path: tuple[str, ...] = (".",)
    cwd: str = ""
    allow: tuple[str, ...] = ("*",)
    timeout: float = TIMEOUT
    memory: int = 0
    mode: Mode = "auto"
    snapshots: str = ""
    python: str = sys.executable
    cache: str | None = None
    """None for the default of `below`, empty for no cache."""
    options: Options = Options()
    on_error: Literal["box", "raise"] = "box"
    fingerprint: str = ""
    """Not used by bmvis. Zensical renders a page again if a setting changes."""
    assets: bool | Literal["inline"] = True

    def below(self, project: Path | None) -> Settings:
        """Return the settings for a project's folder, with `cwd` made absolute.

        Without a project, as in a program that only calls Markdown, there is no cache unless a setting enables it.

        Raises:
            OptionError: a folder of `cwd` or `path` does not exist.
        """
        cwd = (project or Path()).joinpath(self.cwd).resolve()
        for name, folder in (("cwd", cwd), *(("path", cwd / entry) for entry in self.path)):
            if not folder.is_dir():
                raise OptionError(
                    f"setting {name!r}: folder {folder} does not exist", hint="relative paths start at 'cwd'"
                )
        cache = self.cache if self.cache is not None else CACHE if project else ""
        return msgspec.structs.replace(self, cwd=str(cwd), cache=cache)

    @property
    def assets_folder(self) -> Path | None:
        """The folder for stylesheets and scripts on their way to the site: in the cache, if there is one."""
        return Path(self.cwd, self.cache, "assets") if self.cache else None

    @property
    def pages_folder(self) -> Path | None:
        """The folder for the sources of model pages: in the cache, if there is one."""
        return Path(self.cwd, self.cache, "pages") if self.cache else None


def read_settings(written: Mapping[str, object]) -> Settings:
    """Parse the settings of a configuration file.

    Raises:
        OptionError: a setting is unknown, or its value is invalid.
    """
    for name in written:
        if name not in DESCRIPTIONS:
            hint = "it is an option: write it below `options:`" if name in BY_NAME else nearest(name, DESCRIPTIONS)
            raise OptionError(f"unknown setting {name!r}", hint=hint)
    values = {name: value for name, value in written.items() if value is not None}
    options = _read_options(values.pop("options", {}))
    for name in ("path", "allow"):
        if isinstance(values.get(name), str):
            values[name] = [values[name]]
    if values.get("cache") is False:
        values["cache"] = ""
    try:
        settings = msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        name = where.rstrip("`") or "?"
        raise OptionError(f"setting {name!r}: {what[:1].lower()}{what[1:]}", hint=_choices(name)) from None
    if settings.timeout <= 0:
        raise OptionError("setting 'timeout' must be greater than 0", hint=f"it is {settings.timeout:g}")
    return msgspec.structs.replace(settings, options=options)


def _choices(name: str) -> str:
    """Return a hint with the valid values of a setting; '' if it is not a choice."""
    for field in msgspec.inspect.type_info(Settings).fields:  # type: ignore[attr-defined]
        if field.name == name:
            alternatives = getattr(field.type, "types", (field.type,))
            values = [value for alternative in alternatives for value in _values(alternative)]
            return f"valid values: {', '.join(values)}" if values else ""
    return ""


def _values(expected: msgspec.inspect.Type) -> Iterable[str]:
    """Return the valid values of a choice or a flag; none for other types."""
    if isinstance(expected, msgspec.inspect.BoolType):
        return "true", "false"
    return map(str, expected.values) if isinstance(expected, msgspec.inspect.LiteralType) else ()


def _read_options(written: object) -> Options:
    if not isinstance(written, Mapping):
        raise OptionError(
            "setting 'options' must be a mapping", hint="write each option on its own line, such as `depth: 3`"
        )
    return parse_site_options(written)
