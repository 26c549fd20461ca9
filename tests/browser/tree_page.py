"""What tests do with a tree on a page: read its rows, and use the menu of one."""

from functools import cache

from trees import bert

from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.view.layout import layout

LAYER = "m.bert.encoder.layer.0"
BLOCKS = "m.bert.encoder.layer"
QUERY = f"{LAYER}.attention.self.query"


@cache
def bert_html(lora: bool = True) -> str:
    return to_html(layout(bert(lora=lora), Options()), "m")


def row(tab, identifier: str):
    return tab.page.locator(f'[id="{identifier}"] > details > summary, [id="{identifier}"] > div')


def do(tab, identifier: str, action: str) -> None:
    tab.page.mouse.move(0, 0)
    row(tab, identifier).hover()
    tab.page.locator(".bmvis-opener").click()
    tab.page.locator(f".bmvis-menu [data-do={action}]").click()


def copied(tab) -> str:
    tab.page.locator("output", has_text="copied ").wait_for()
    return tab.page.evaluate("navigator.clipboard.readText()")


def visible(tab) -> list[str]:
    shown = (
        "[...document.querySelectorAll('.bmvis-tree b')].filter((b) => b.checkVisibility()).map((b) => b.textContent)"
    )
    return tab.page.evaluate(shown)


def hits(tab) -> list[str]:
    return tab.page.locator(".bmvis-hit b").all_inner_texts()


def focused(tab) -> str:
    """Return the text of the element with the focus, of a row without its number of parameters."""
    return tab.page.evaluate("""() => {
      const copy = document.activeElement.cloneNode(true);
      copy.querySelector(":scope > data")?.remove();
      return copy.textContent.trimEnd();
    }""")
