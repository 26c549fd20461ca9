"""The configuration files of documentation sites: find them, and add bmvis to their text.

The text is edited, not rewritten, so that comments and formatting stay.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

EXTENSION = "sphinx_bmvis"
_PLUGINS = re.compile(
    r"^plugins:[ \t]*(?:#.*)?\n(?P<items>(?:[ \t]*(?:#.*)?\n|[ \t]+\S.*\n?|-[ \t].*\n?)*)", re.MULTILINE
)
_PLUGINS_IN_LINE = re.compile(r"^plugins:[ \t]*\[(?P<items>[^\n]*)\]", re.MULTILINE)
_SPHINX_FOLDERS = ("docs", "doc", "docs/source", "doc/source", "source", ".")
_MKDOCS_FILES = ("mkdocs.yml", "mkdocs.yaml", "properdocs.yml", "properdocs.yaml")


class Site(NamedTuple):
    """A documentation site."""

    host: str
    """`sphinx`, `mkdocs` or `zensical`."""
    config: Path
    """Its configuration file."""
    docs: Path
    """The folder of its pages."""
    text: str
    """The text of the configuration file."""


def find_sites(folder: Path) -> list[Site]:
    """Return the sites of a project."""
    found = []
    for candidate in _SPHINX_FOLDERS:
        config = folder / candidate / "conf.py"
        if config.is_file():
            found.append(Site("sphinx", config, config.parent, config.read_text(encoding="utf-8")))
            break
    names = {"zensical": ("zensical.toml",), "mkdocs": _MKDOCS_FILES}
    for host, files in names.items():
        config = next((folder / name for name in files if (folder / name).is_file()), folder)
        if config != folder:
            text = config.read_text(encoding="utf-8")
            found.append(Site(host, config, folder / _docs_folder(text), text))
    return found


def _docs_folder(text: str) -> str:
    found = re.search(r"""^docs_dir\s*[:=]\s*["']?([^"'#\n]+)""", text, re.MULTILINE)
    return found[1].strip() if found else "docs"


def configured(site: Site, source: Path) -> str:
    """Return the text of the configuration file with bmvis added; unchanged if it has bmvis.

    Args:
        site: the site.
        source: the folder to import models from.
    """
    text = site.text
    if re.search(r"\b(sphinx_bmvis|mkdocs_bmvis)\b|-\s+bmvis\b|^\s+bmvis:", text, re.MULTILINE):
        return text
    folder = os.path.relpath(source, site.config.parent).replace(os.sep, "/")
    return _EDITS[site.host](f"{text.rstrip()}\n" if text.strip() else "", folder)


def _sphinx(text: str, folder: str) -> str:
    listed = _extensions_list(text)
    if isinstance(listed, ast.List):
        text = _with_item(text, listed)
    elif listed is None:
        text += f'\nextensions = ["{EXTENSION}"]\n'
    else:
        text += f'\nextensions = [*extensions, "{EXTENSION}"]\n'
    return f'{text}bmvis_path = ["{folder}"]  # folders to import your models from\n'


def _extensions_list(text: str) -> ast.expr | None:
    """Return the last value that conf.py assigns to `extensions` at its top level.

    Raises:
        SyntaxError: it is not Python.
    """
    value = None
    for statement in ast.parse(text).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "extensions" for target in targets):
            value = getattr(statement, "value", None)
    return value


def _with_item(text: str, listed: ast.List) -> str:
    """Return the text with an item at the end of a list, in the layout of the list."""
    raw, item = text.encode(), f'"{EXTENSION}"'.encode()
    if not listed.elts:
        end = _end(raw, listed) - 1
        return (raw[:end].rstrip() + item + raw[end:]).decode()
    last = listed.elts[-1]
    end = _end(raw, last)
    between = b", " if last.end_lineno == listed.end_lineno else b",\n" + b" " * last.col_offset
    return (raw[:end] + between + item + raw[end:]).decode()


def _end(raw: bytes, node: ast.expr) -> int:
    """Return the position after an expression, in bytes."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return sum(map(len, raw.splitlines(keepends=True)[: node.end_lineno - 1])) + node.end_col_offset


def _mkdocs(text: str, folder: str) -> str:
    in_line = _PLUGINS_IN_LINE.search(text)
    if in_line:
        comma = ", " if in_line["items"].strip().rstrip(",") else ""
        end = in_line.end("items")
        return f"{text[:end].rstrip().rstrip(',')}{comma}{{bmvis: {{path: [{folder}]}}}}{text[end:]}"
    block = _PLUGINS.search(text)
    if block is None or not block["items"].strip():
        return f"{text}plugins:\n  - search\n  - bmvis:\n      path: [{folder}]\n"
    item = re.search(r"^([ \t]*)(- )?\S", re.sub(r"^[ \t]*#.*\n", "", block["items"], flags=re.MULTILINE), re.MULTILINE)
    assert item is not None
    dash, indentation = item[2] or "", item[1]
    inner = " " * (len(indentation) + (4 if dash else 2))
    added = f"{indentation}{dash}bmvis:\n{inner}path: [{folder}]\n"
    end = block.start("items") + len(block["items"].rstrip())
    return f"{text[:end]}\n{added}{text[end:].removeprefix(chr(10))}"


def _zensical(text: str, folder: str) -> str:
    if in_line := re.search(r"^[^#\n]*\bmarkdown_extensions\s*=\s*([\[{])", text, re.MULTILINE):
        item = f'mkdocs_bmvis = {{ path = ["{folder}"] }}'
        rest = text[in_line.end() :]
        comma = "" if rest.lstrip()[:1] in ("]", "}") else ", "
        return f"{text[: in_line.end()]}{f'{{ {item} }}' if in_line[1] == '[' else f' {item}'}{comma}{rest}"
    own = f'[project.markdown_extensions."mkdocs_bmvis"]\npath = ["{folder}"]\n'
    has_extensions = re.search(r"^[^#\n]*\bmarkdown_extensions\b", text, re.MULTILINE)
    return f"{text}\n{own}" if has_extensions else f"{text}\n{_default_extensions()}{own}"


def _default_extensions() -> str:
    """Return the table of extensions that Zensical enables only for sites without any, as `zensical new` writes it.

    '' if Zensical is not installed.
    """
    found = find_spec("zensical")
    for candidate in (found and found.submodule_search_locations) or ():
        file = Path(candidate, "bootstrap", "zensical.toml")
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        if table := re.search(r"^\[project\.markdown_extensions\]\n.*?(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL):
            return f"{table[0].rstrip()}\n\n"
    return ""


_EDITS: Mapping[str, Callable[[str, str], str]] = {"sphinx": _sphinx, "mkdocs": _mkdocs, "zensical": _zensical}


def first_page(site: Site, reference: str) -> tuple[Path, str]:
    """Return the file and the text of a page with one tree."""
    if site.host != "sphinx":
        attribute = reference.replace("&", "&amp;").replace('"', "&quot;")
        return site.docs / "models.md", f'# Models\n\n<model-structure factory="{attribute}" />\n'
    if re.search(r"myst_parser|myst_nb", site.text):
        return site.docs / "models.md", f"# Models\n\n```{{model-structure}} {reference}\n```\n"
    return site.docs / "models.rst", f"Models\n======\n\n.. model-structure:: {reference}\n"
