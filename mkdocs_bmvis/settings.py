"""The site's settings. The Markdown extension and the plugin take the same ones, read here."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from bmvis.errors import OptionError, nearest
from bmvis.option_parsing import parse_site_options
from bmvis.options import Options
from bmvis.source.source import Mode
from bmvis.worker.client import TIMEOUT

DESCRIPTIONS: Mapping[str, str] = {
    "path": "Folders for the front of `sys.path` where models are built; relative ones start at `cwd`.",
    "cwd": "The project's folder; by default that of the site's configuration, or the current one.",
    "allow": "What pages can name: `zoo:build`, or a pattern of public names such as `zoo.*:build_*`.",
    "timeout": "Seconds that one model may take.",
    "memory": "Bytes that one model may take, on Linux; 0: half of the machine's, or with `device: cpu` any number.",
    "mode": "`live` builds models, `snapshot` reads their committed snapshots only, `check` builds and compares.",
    "snapshots": "The folder of snapshots, if it is not the one in pyproject.toml.",
    "python": "The Python that builds models; bmvis and torch must be installed there.",
    "cache": "A folder below `cwd` that keeps models for later builds; `false` keeps none.",
    "options": "Display options for every tree of the site.",
    "on_error": "What a problem does: `box` warns and draws a box on the page, `raise` ends the build.",
    "fingerprint": "Any text. A host that caches pages by their text and settings renders them again when it changes.",
    "assets": "Write stylesheet and script into each page; the plugin ships them as files instead.",
}

CACHE = ".cache/bmvis"
"""Where models are kept by default; Material and Zensical keep theirs in the same folder."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a site asks for. The fields are the keys of `DESCRIPTIONS`."""

    path: tuple[str, ...] = (".",)
    cwd: str = ""
    allow: tuple[str, ...] = ("*",)
    timeout: float = TIMEOUT
    memory: int = 0
    mode: Mode = "live"
    snapshots: str = ""
    python: str = sys.executable
    cache: str | None = None
    """None leaves it to `below`; empty keeps nothing."""
    options: Options = Options()
    on_error: Literal["box", "raise"] = "box"
    fingerprint: str = ""
    """Read by nobody: Zensical renders a page again if a setting has changed."""
    assets: bool = True

    def below(self, project: Path | None) -> Settings:
        """Return the settings for a project's folder, with `cwd` made absolute.

        Without a project, for a program that only calls Markdown, nothing is written below the working
        directory unless a setting allows it.

        Raises:
            OptionError: a folder of `cwd` or `path` is not there.
        """
        cwd = (project or Path()).joinpath(self.cwd).resolve()
        for name, place in (("cwd", cwd), *(("path", cwd / entry) for entry in self.path)):
            if not place.is_dir():
                raise OptionError(f"setting {name!r}: there is no folder {place}", hint="relative ones start at 'cwd'")
        cache = self.cache if self.cache is not None else CACHE if project else ""
        return msgspec.structs.replace(self, cwd=str(cwd), cache=cache)

    @property
    def assets_folder(self) -> Path | None:
        """The folder for stylesheets and scripts on their way to the site: in the cache, if there is one."""
        return Path(self.cwd, self.cache, "assets") if self.cache else None


def read_settings(written: Mapping[str, object]) -> Settings:
    """Read settings as a configuration file spells them.

    Raises:
        OptionError: an unknown name, with the nearest known one, or a value that a setting does not take.
    """
    for name in written:
        if name not in DESCRIPTIONS:
            raise OptionError(f"unknown setting {name!r}", hint=nearest(name, DESCRIPTIONS))
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
        raise OptionError("setting 'timeout' must be greater than 0", hint=f"it is {settings.timeout:g} seconds")
    return msgspec.structs.replace(settings, options=options)


def _choices(name: str) -> str:
    """Return what a setting takes, where that is one of a few words."""
    for field in msgspec.inspect.type_info(Settings).fields:  # type: ignore[attr-defined]
        if field.name == name and isinstance(field.type, msgspec.inspect.LiteralType):
            return f"it takes {', '.join(map(str, field.type.values))}"
    return ""


def _read_options(written: object) -> Options:
    if not isinstance(written, Mapping):
        raise OptionError("setting 'options' is not a mapping", hint="write each option on a line: `depth: 3`")
    return parse_site_options(written)
