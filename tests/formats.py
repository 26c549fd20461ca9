"""Small models without torch, and all formats that render a page."""

import io
import json
from collections.abc import Callable

import msgspec
from rich.console import Console
from trees import tensor

from bmvis.model.call import Call, Output
from bmvis.model.tree import Model, Module
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.render.json_data import to_data
from bmvis.render.latex import to_latex
from bmvis.render.terminal import print_page
from bmvis.render.text import to_text
from bmvis.view.layout import layout
from bmvis.view.page import Page

CALL = Call(1, 0, (Output("", (1, 4)),), 16, 64)


def net(*modules: Module, **facts) -> Model:
    return Model((Module("", 0, "Net", call=facts.pop("call", None)), *modules), **facts)


def layer(name: str = "fc", *parameters, **facts) -> Module:
    return Module(name, 1, "Linear", parameters=parameters or (tensor("weight", 4, 4),), **facts)


LAZY = msgspec.structs.replace(tensor("w"), shape=None, count=0, stored_bytes=0)


def terminal(page: Page) -> str:
    console = Console(file=io.StringIO(), width=400)
    print_page(page, console)
    return console.file.getvalue()


def as_json(page: Page) -> str:
    data = msgspec.to_builtins(to_data(page, "m:m", "meta"))
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


FORMATS: dict[str, tuple[str, Callable[[Page], str]]] = {
    "text": ("text", to_text),
    "terminal": ("text", terminal),
    "html": ("html", lambda page: str(to_html(page, "m"))),
    "latex": ("latex", lambda page: to_latex(page, unicode=True)),
    "json": ("json", as_json),
}


def assert_only_there(page: Page, expected: dict[str, str], form: str) -> None:
    """Assert that a format draws the text for a page, and not for a plain model."""
    key, render = FORMATS[form]
    assert expected[key] in render(page)
    assert expected[key] not in render(layout(net(layer("a", tensor("v", 5, 5))), Options()))
