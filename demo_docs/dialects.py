"""The pages of both sites are one text, in `pages/`. Here it is put into the dialect of each host.

What such a page contains, in addition to Markdown that MyST and Python-Markdown read alike:

- `<model-structure … />` and its like. On Sphinx they are directives.
- `<model-fact … />` in a sentence, outside of code. On Sphinx it is a role.
- `` `flow="auto"` `` in a sentence. On Sphinx it is `:flow: auto`.
- A fence of `html` with such elements. On Sphinx it shows the directive, in MyST and in reStructuredText.
- A fence of `html live`: the trees themselves, and below them how they are written.
- A fence of `html markdown`: an element as Markdown takes it, on Sphinx too.
- A fence with `title="file"`. On Sphinx it is a code block with a caption.
- `<!-- on sphinx -->`, `<!-- on mkdocs -->`: what follows is for one host, up to `<!-- on both -->`.
- `{{ options }}` and other marks: what `generated` makes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Literal

from generated import filled

from bmvis.options.definitions import OPTIONS
from bmvis.overviews.gallery_options import GALLERY_OPTIONS
from bmvis.overviews.table_options import TABLE_OPTIONS

Host = Literal["sphinx", "mkdocs"]

FENCE = re.compile(r"^(?P<ticks>`{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=ticks)$", re.MULTILINE | re.DOTALL)
_ELEMENT = re.compile(r"^<(model-\w+)\b[^<]*?(?:/>|></\1>)$", re.MULTILINE | re.DOTALL)
_FACT = re.compile(r"<model-fact [^<>]*/>")
_ATTRIBUTE = re.compile(r'`([a-z-]+)="([^"`]+)"`')
_OPTIONS = {option.name for option in (*OPTIONS, *GALLERY_OPTIONS, *TABLE_OPTIONS)} - {"device"}
"""The options that a sentence writes as attributes. `device="meta"` is an argument of PyTorch."""
_TITLE = re.compile(r'(\w+) title="(.+)"')
_SWITCH = re.compile(r"^<!-- on (sphinx|mkdocs|both) -->\n", re.MULTILINE)
_ARGUMENT = {
    "model-structure": "factory",
    "model-optimizer": "factory",
    "model-compare": "",
    "model-gallery": "",
    "model-table": "",
}
"""The attribute that a directive takes as its argument."""


def for_sphinx(text: str) -> str:
    """Return a page as MyST reads it."""
    text, fences = _without_fences(filled(chosen(text, "sphinx"), "sphinx"))
    text = text.replace("](pictures/", "](../pictures/")  # an included page's paths start at the one that includes it
    text = _ELEMENT.sub(lambda found: _myst(_read(found[0])), text)
    text = _FACT.sub(lambda found: _role(_read(found[0])), text)
    text = _ATTRIBUTE.sub(_field, text)
    return _with_fences(text, [_sphinx_fence(fence) for fence in fences])


def for_mkdocs(text: str) -> str:
    """Return a page as Python-Markdown reads it."""
    text, fences = _without_fences(filled(chosen(text, "mkdocs"), "mkdocs"))
    return _with_fences(text, [_mkdocs_fence(fence) for fence in fences])


def chosen(text: str, host: Host) -> str:
    """Return a page without what is for the other host alone."""
    parts = _SWITCH.split(text)
    pairs = zip(["both", *parts[1::2]], parts[::2], strict=True)
    return "".join(part for place, part in pairs if place in ("both", host))


def rst_of(text: str) -> list[str]:
    """Return the elements of a page's snippets as reStructuredText, to be tried."""
    fences = [fence for fence in FENCE.finditer(text) if fence["info"] in ("html", "html live")]
    return [_rst(_read(element[0])) for fence in fences for element in _ELEMENT.finditer(fence["body"])]


@dataclass(frozen=True)
class _Written:
    """An element as written on a page."""

    name: str
    attributes: dict[str, str | None]

    @property
    def argument(self) -> str:
        return self.attributes.get(_ARGUMENT[self.name]) or ""

    @property
    def options(self) -> dict[str, str]:
        taken = (_ARGUMENT[self.name], "models")
        written = {name: " ".join((value or "").split()) for name, value in self.attributes.items()}
        return {name: value for name, value in written.items() if name not in taken}

    @property
    def content(self) -> list[str]:
        return (self.attributes.get("models") or "").strip().splitlines()


def _read(element: str) -> _Written:
    found: list[_Written] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append(_Written(tag, dict(attributes)))  # type: ignore[method-assign]
    parser.feed(element)
    return found[0]


def _myst(written: _Written) -> str:
    options = [f":{name}: {_quoted(value)}".rstrip() for name, value in written.options.items()]
    content = ["", *written.content] if written.content else []
    return "\n".join([f"```{{{written.name}}} {written.argument}".rstrip(), *options, *content, "```"])


def _role(written: _Written) -> str:
    given = written.attributes
    return f"{{model-fact}}`{given['model']} {given.get('of') or 'parameters'} {given.get('format') or 'short'}`"


def _field(attribute: re.Match[str]) -> str:
    name, value = attribute.groups()
    return f"`:{name}: {value}`" if name in _OPTIONS else attribute[0]


def _rst(written: _Written) -> str:
    options = [f"   :{name}: {value}".rstrip() for name, value in written.options.items()]
    content = ["", *(f"   {line}" for line in written.content)] if written.content else []
    return "\n".join([f".. {written.name}:: {written.argument}".rstrip(), *options, *content])


def _quoted(value: str) -> str:
    """Return an option's value as MyST's YAML takes it."""
    if re.fullmatch(r"(?![\[{>|*&!%#`@,?:'\"-])(?:(?!: | #).)*", value):
        return value
    return "'" + value.replace("'", "''") + "'"


def _sphinx_fence(fence: re.Match[str]) -> str:
    if fence["info"] == "html markdown":
        return _plain(fence)
    if fence["info"] in ("html", "html live") and (elements := list(_ELEMENT.finditer(fence["body"]))):
        written = [_read(element[0]) for element in elements]
        trees = [_myst(one) for one in written] if fence["info"] == "html live" else []
        return "\n\n".join([*trees, _tabs(written)])
    if titled := _TITLE.fullmatch(fence["info"]):
        return f"{fence['ticks']}{{code-block}} {titled[1]}\n:caption: {titled[2]}\n\n{fence['body']}{fence['ticks']}"
    return fence[0]


def _tabs(written: list[_Written]) -> str:
    """Return how directives are written, in both of Sphinx' languages."""
    myst = "````markdown\n" + "\n\n".join(map(_myst, written)) + "\n````"
    rst = "```rst\n" + "\n\n".join(map(_rst, written)) + "\n```"
    tabs = [
        f"``````{{tab-item}} {name}\n:sync: {name}\n\n{code}\n``````" for name, code in (("MyST", myst), ("RST", rst))
    ]
    return "\n".join(["```````{tab-set}", ":sync-group: language", "", *tabs, "```````"])


def _mkdocs_fence(fence: re.Match[str]) -> str:
    if fence["info"] == "html markdown":
        return _plain(fence)
    if fence["info"] == "html live":
        return f"{fence['body']}\n{fence['ticks']}html\n{fence['body']}{fence['ticks']}"
    return fence[0]


def _plain(fence: re.Match[str]) -> str:
    return f"{fence['ticks']}html\n{fence['body']}{fence['ticks']}"


def _without_fences(text: str) -> tuple[str, list[re.Match[str]]]:
    """Return the text with a mark in place of each fence: code stays unchanged."""
    fences: list[re.Match[str]] = []

    def keep(fence: re.Match[str]) -> str:
        fences.append(fence)
        return f"\0{len(fences) - 1}\0"

    return FENCE.sub(keep, text), fences


def _with_fences(text: str, fences: list[str]) -> str:
    return re.sub(r"\0(\d+)\0", lambda mark: fences[int(mark[1])], text)
