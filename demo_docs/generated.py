"""What is made for a page while it is built: tables of options, the command line, files."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import get_args

import click
import msgspec

from bmvis import humanize
from bmvis.cli import main
from bmvis.errors import BmvisError
from bmvis.options import definitions
from bmvis.options.definitions import Option
from bmvis.overviews import gallery_options
from bmvis.overviews.columns import COLUMNS
from bmvis.overviews.facts import FACT_OPTIONS
from bmvis.overviews.table_options import TABLE_OPTIONS
from bmvis.render.html import assets
from bmvis.source.name_patterns import ModelSettings, NamedModel, PatternSettings
from bmvis.source.pyproject import _BmvisTable
from mkdocs_bmvis.settings import CACHE, DESCRIPTIONS, Settings
from sphinx_bmvis import api_pages
from sphinx_bmvis import settings as sphinx_settings

FOLDER = Path(__file__).parent
_MARK = re.compile(r"\{\{ (?P<what>[a-z-]+)(?: (?P<of>[^{}|]+))? \}\}")
_COLOR = re.compile(r"--_\w+: var\((--bmvis-\w+), light-dark\((#\w{6}), (#\w{6})\)\)")
_GROUNDS = ("#ffffff", "#16181d")
"""The stylesheet's own backgrounds, light and dark: what a theme without colors of its own gets."""


def filled(text: str, host: str) -> str:
    """Return a page with its marks replaced, on one of the hosts."""

    def fill(mark: re.Match[str]) -> str:
        makers = _MAKERS | {"setting": _SETTINGS[host], "api": _APIS[host]}
        return makers[mark["what"]](mark["of"] or "") if mark["what"] in makers else mark[0]

    return _MARK.sub(fill, text)


def table(heads: str, rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    lines = [heads, re.sub(r"[^|]+", "---", heads), *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def _options(listed: Iterable[Option]) -> str:
    rows = ((f"`{option.name}`", f"{option.help} *{_taken(option)}*") for option in listed)
    return table("| option | what it does, and what it takes |", rows)


def _taken(option: Option) -> str:
    return f"Takes {option.takes}." if option.takes else "A flag."


def _settings(host: str) -> str:
    """Return a row for each setting of a host, with what it takes unless something is set."""
    return table("| setting | default | description |", _SETTINGS_OF[host]())


def _sphinx_settings() -> Iterable[list[str]]:
    """Yield a row for each value that the extension registers with Sphinx."""
    for name, default, description in registered():
        yield [f"`{name}`", _SPHINX_DEFAULTS.get(name, _code(default)), description]


def registered() -> list[tuple[str, object, str]]:
    """Return what the Sphinx extension registers: names, defaults and descriptions."""
    found = []

    class Application:
        def add_config_value(self, name: str, default: object, *_: object, description: str = "") -> None:
            found.append((name, default, description or _DESCRIPTIONS[name]))

        def connect(self, *_: object) -> None:
            """Take no part in events."""

    for part in (sphinx_settings, api_pages):
        part.setup(Application())  # type: ignore[arg-type]
    return found


def _mkdocs_settings() -> Iterable[list[str]]:
    """Yield a row for each setting of the Markdown extension and the plugin."""
    for field in msgspec.structs.fields(Settings):
        default = _MKDOCS_DEFAULTS.get(field.name, _code(field.default))
        yield [f"`{field.name}`", default, DESCRIPTIONS[field.name]]


def _pyproject_settings() -> Iterable[list[str]]:
    """Yield a row for each key of `[tool.bmvis]`, then of a model in `[tool.bmvis.models]`."""
    for owner, before in ((_BmvisTable, ""), (NamedModel, "models.NAME."), (PatternSettings, "models.PATTERN.")):
        inherited = () if owner is _BmvisTable else ModelSettings.__struct_fields__
        described = attribute_docstrings(owner) | (attribute_docstrings(ModelSettings) if inherited else {})
        for field in sorted(msgspec.structs.fields(owner), key=lambda field: field.name in inherited):
            if owner is PatternSettings and field.name in inherited:
                continue
            default = "required" if field.required else _code(_default(field))
            name = f"{before}{field.name}"
            yield [f"`{name}`", default, described.get(field.name) or _UNDESCRIBED[name]]


def attribute_docstrings(cls: type) -> dict[str, str]:
    """Return the docstrings that follow the attributes of a class, each as one line."""
    body = ast.parse(inspect.getsource(cls).lstrip()).body[0].body  # type: ignore[attr-defined]
    pairs = pairwise(body)
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairs
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def _default(field: msgspec.structs.FieldInfo) -> object:
    return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()


def _code(value: object) -> str:
    """Return a default as a configuration file writes it; nothing if that is empty."""
    if isinstance(value, tuple | list):
        value = list(value)
    return f"`{value!r}`".replace("'", '"') if value not in ("", None) else ""


def _file(name: str) -> str:
    """Return a file of this folder, for a fence."""
    return (FOLDER / name).read_text().rstrip("\n")


def _command(name: str) -> str:
    """Return what `bmvis NAME --help` prints."""
    command = main.commands[name]
    with click.Context(command, info_name=f"bmvis {name}", terminal_width=88) as context:
        return command.get_help(context)


def _neighbors(host: str) -> str:
    """Return a row for each extension or plugin that tests use with a host, with its pinned release."""
    rows = msgspec.toml.decode((FOLDER / "neighbors.toml").read_bytes())[host]
    releases = pinned()
    return table(
        "| tested with | release | the tests show |",
        ([f"`{row['name']}`", releases[row["name"].lower()], row["shows"]] for row in rows),
    )


def pinned() -> dict[str, str]:
    """Return the releases that the tests are run with, by distribution."""
    folder = FOLDER.parent / "constraints"
    lines = [line for name in ("neighbors", "dev") for line in (folder / f"{name}.txt").read_text().splitlines()]
    return {name.lower(): release for name, equals, release in (line.partition("==") for line in lines) if equals}


def _colors(_: str) -> str:
    """Return a row for each color of the stylesheet, with its contrast."""
    rows = []
    for name, *colors in _COLOR.findall(assets.inline_stylesheets()):
        shown = (
            f'<span style="color: {color}">■</span> `{color}`, {_contrast(color, ground):.1f}'
            for color, ground in zip(colors, _GROUNDS, strict=True)
        )
        rows.append([f"`{name}`", *shown])
    return table("| property | light, contrast on white | dark, contrast on `#16181d` |", rows)


def _builds(part: str) -> str:
    """Return figures of the last run of `make bench ARGS=builds`: a table of both hosts, or a number of seconds."""
    figures = json.loads((FOLDER / "builds.json").read_text())
    found = figures[part]
    if not isinstance(found, dict):
        return f"{found:.2f} seconds"
    unit = "{:.2f}" if part in ("large", "gallery") else "{:.2f} s"
    rows = [[case, *(unit.format(found[host][case]) for host in found)] for case in next(iter(found.values()))]
    return table(f"| | {' | '.join(found)} |", rows)


def _peers(part: str) -> str:
    """Return a table of the last run of `make bench ARGS=peers`: time or bytes, as multiples of those of bmvis."""
    models = json.loads((FOLDER / "peers.json").read_text())["models"]
    tools = {"time": ("bigmodelvis", "torchinfo", "marimo", "treescope"), "bytes": ("marimo", "treescope")}[part]
    rows = []
    for name, figures in models.items():
        found = figures["seconds" if part == "time" else "bytes"]
        own = f"{figures['modules']:,}" if part == "time" else humanize.size(found["bmvis html"])
        rows.append([name, own, *(_multiple(found[tool], found[_SAME_FORMAT[tool]]) for tool in tools)])
    return table(f"| Model | {'Modules' if part == 'time' else 'bmvis'} | {' | '.join(tools)} |", rows)


def _multiple(other: float, own: float) -> str:
    times = other / own
    return f"{times:.1f}" if times < 10 else f"{times:.0f}"


def _errors(_: str) -> str:
    """Return a row for each kind of error."""
    kinds = sorted(BmvisError.__subclasses__(), key=lambda cls: cls.kind)
    return table("| kind | what it is |", ([f"`{cls.kind}`", (cls.__doc__ or "").strip()] for cls in kinds))


def _contrast(one: str, other: str) -> float:
    """Return the contrast of two colors, as WCAG 2 defines it."""
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _autodoc(names: str) -> str:
    """Return where Sphinx' autodoc writes what Python names mean."""
    directives = [
        f".. auto{'class' if name.rpartition('.')[2][0].isupper() else 'function'}:: {name}" for name in names.split()
    ]
    return "\n".join(["```{eval-rst}", *(line for one in directives for line in (one, "")), "```"])


def _mkdocstrings(names: str) -> str:
    return "\n\n".join(f"::: {name}" for name in names.split())


_DESCRIPTIONS = {f"bmvis_{name}": text for name, text in DESCRIPTIONS.items()} | {
    "bmvis_path": "Folders to add to the start of `sys.path` where models are built, relative to `conf.py`.",
    "bmvis_cache": "A folder for built models, relative to `conf.py`. `True` uses a folder next to the doctrees, and "
    "`False` disables the cache.",
    "bmvis_autodoc": "[Trees on API pages](api-pages.md): `True`, or arguments by pattern of class names.",
}
"""What Sphinx' values are for, where the extension does not describe them itself."""
_SPHINX_DEFAULTS = {"bmvis_python": "the Python of Sphinx", "bmvis_snapshots": "from `pyproject.toml`"}
_MKDOCS_DEFAULTS = {
    "python": "the Python of the build",
    "snapshots": "from `pyproject.toml`",
    "cwd": "the folder of the configuration",
    "cache": f"`{CACHE}`; plain Markdown: none",
    "options": "`{}`",
    "assets": "`true`",
}
_UNDESCRIBED = {
    "path": "Folders to add to the start of `sys.path`, relative to `pyproject.toml`.",
    "snapshots": "The folder of snapshots.",
    "models": "Maps model names to references, or to tables with the keys `models.NAME`. A key can also be a pattern "
    "of factories, with the keys `models.PATTERN` and `models.NAME`.",
    "models.NAME.reference": "The factory reference.",
    "models.NAME.device": f"Where the factory runs: {', '.join(get_args(definitions.Device))}.",
}
_SAME_FORMAT = {
    "bigmodelvis": "bmvis text",
    "torchinfo": "bmvis text",
    "marimo": "bmvis html",
    "treescope": "bmvis html",
}
"""What bmvis is compared with: a tool that writes text, or HTML."""
_SETTINGS_OF: dict[str, Callable[[], Iterable[list[str]]]] = {
    "sphinx": _sphinx_settings,
    "mkdocs": _mkdocs_settings,
    "pyproject": _pyproject_settings,
}
_MAKERS: dict[str, Callable[[str], str]] = {
    "options": lambda _: _options(definitions.OPTIONS),
    "gallery-options": lambda _: _options(gallery_options.GALLERY_OPTIONS),
    "table-options": lambda _: _options(TABLE_OPTIONS),
    "fact-options": lambda _: _options(FACT_OPTIONS.values()),
    "table-columns": lambda _: table(
        "| column | description |", ([f"`{name}`", f"{column.help}"] for name, column in COLUMNS.items())
    ),
    "settings": _settings,
    "file": _file,
    "command": _command,
    "colors": _colors,
    "neighbors": _neighbors,
    "builds": _builds,
    "peers": _peers,
    "errors": _errors,
}
_SETTINGS: dict[str, Callable[[str], str]] = {
    "sphinx": lambda name: f"`bmvis_{name}`",
    "mkdocs": lambda name: f"`{name}`",
}
_APIS = {"sphinx": _autodoc, "mkdocs": _mkdocstrings}
