"""Elements in each place that Markdown has: drawn in every container, but not in code."""

import re

import pytest

STRUCTURE = '<model-structure factory="zoo:tiny"></model-structure>'
ELEMENTS = {
    "structure": '<model-structure\n  factory="zoo:tiny"\n/>',
    "compare": '<model-compare before="zoo:tiny" after="zoo:tiny(layers=3)"></model-compare>',
    "optimizer": '<model-optimizer factory="zoo:trained"\n\n  accept="frozen"></model-optimizer>',
    "gallery": '<model-gallery models="\n  zoo:tiny | Tiny | small\n\n  zoo:tiny(layers=1)\n\n"></model-gallery>',
}
CONTAINERS = {
    "page": ("{}", [], "body"),
    "after-a-heading": ("## Model\n{}\n\ntext", [], "body"),
    "list": ("- item\n\n    {4}\n\n- next", [], "li"),
    "tight-list": ("- item\n- {2}\n- next", [], "li"),
    "nested-list": ("1. item\n    - inner\n\n        {8}\n", [], "li li"),
    "task-list": ("- [x] done\n\n    {4}\n", ["pymdownx.tasklist"], "li"),
    "quote": ("> quote\n>\n> {>}\n", [], "blockquote"),
    "admonition": ("!!! note\n    text\n\n    {4}\n", ["admonition"], ".admonition"),
    "details": ("??? note\n    {4}\n", ["pymdownx.details"], "details"),
    "tabbed": ('=== "A"\n    {4}\n\n=== "B"\n    b\n', ["pymdownx.tabbed"], ".tabbed-content"),
    "footnote": ("Text[^1].\n\n[^1]:\n    Note.\n\n    {4}\n", ["footnotes"], ".footnote"),
    "definition": ("Word\n\n:   {4}\n", ["def_list"], "dd"),
    "md_in_html": ('<div class="x" markdown="1">\n\n{}\n\n</div>', ["md_in_html"], ".x"),
    "md_in_html-tight": ('<div class="x" markdown="block">\n{}\n</div>', ["md_in_html"], ".x"),
    "html-table": ('<table markdown><tr markdown><td markdown="block">\n{}\n</td></tr></table>', ["md_in_html"], "td"),
    "figure": ("<figure markdown>\n{}\n<figcaption>x</figcaption>\n</figure>", ["md_in_html"], "figure"),
    "grid": ('<div class="grid cards" markdown>\n\n-   {4}\n\n-   b\n\n</div>', ["md_in_html"], ".grid li"),
    "blocks-admonition": ("/// note\n{}\n///\n", ["pymdownx.blocks.admonition"], ".admonition"),
    "blocks-details": ("/// details | More\n{}\n///\n", ["pymdownx.blocks.details"], "details"),
    "blocks-tab": ("/// tab | A\n{}\n///\n", ["pymdownx.blocks.tab"], ".tabbed-content"),
    "blocks-html": ("/// html | div.x\n{}\n///\n", ["pymdownx.blocks.html"], ".x"),
    "blocks-caption": ("{}\n\n/// caption\nx\n///\n", ["pymdownx.blocks.caption"], "figure"),
    "deep": ("- a\n\n    !!! note\n        > {8>}\n", ["admonition"], "li .admonition blockquote"),
    "other-extensions": (
        "{}\n\n*[Tiny]: x\n*[Linear]: y\n",
        ["extra", "smarty", "nl2br", "sane_lists", "pymdownx.magiclink", "pymdownx.emoji", "pymdownx.escapeall"],
        "body",
    ),
}


def put(element, container):
    """Return the text of a container with an element in it."""
    *_, (space, quote) = re.findall(r"\{(\d*)(>?)\}", container)
    start = " " * int(space or 0) + ("> " if quote else "")
    return re.sub(r"\{\d*>?\}", lambda _: element.replace("\n", f"\n{start}"), container)


@pytest.mark.parametrize("name", ELEMENTS)
@pytest.mark.parametrize(("container", "extensions", "selector"), CONTAINERS.values(), ids=CONTAINERS)
def test_element_is_drawn_in_every_container(render, caplog, name, container, extensions, selector):
    page = render(put(ELEMENTS[name], container), extensions)
    assert caplog.messages == []
    (drawn,) = page.soup.select(".bmvis")
    assert drawn in page.soup.select(f"{selector} .bmvis")
    assert not drawn.find_parent("p")
    assert not re.search("[\x02\x03]|bmvis-lines", page.html)
    if name == "gallery":
        assert [title.get_text() for title in drawn.select(".bmvis-card-title")] == ["Tiny", "tiny(layers=1)"]
    else:
        assert "Linear" in drawn.select_one(".bmvis-tree").get_text()


CODE = {
    "fence": ("```html\n{}\n```", ["fenced_code"]),
    "tildes": ("~~~ html\n{}\n~~~", ["fenced_code", "codehilite"]),
    "nested-fences": ("````md\n```html\n{}\n```\n````", ["pymdownx.superfences"]),
    "fence-in-list": ("- a\n\n    ```html\n    {4}\n    ```", ["pymdownx.superfences"]),
    "fence-in-quote": ("> ```html\n> {>}\n> ```", ["pymdownx.superfences"]),
    "fence-in-admonition-in-tab": (
        '=== "A"\n    !!! note\n        ```html\n        {8}\n        ```',
        ["admonition", "pymdownx.tabbed", "pymdownx.superfences"],
    ),
    "indented": ("    {4}", []),
    "inline": ("Write `{}`.", []),
    "inline-highlighted": ("Write `#!html {}`.", ["pymdownx.inlinehilite"]),
}


@pytest.mark.parametrize("name", ELEMENTS)
@pytest.mark.parametrize(("code", "extensions"), CODE.values(), ids=CODE)
def test_element_in_code_is_not_expanded(render, caplog, name, code, extensions):
    written = ELEMENTS[name] if "{}`" not in code else " ".join(ELEMENTS[name].split())
    page = render(put(written, code), extensions)
    assert "bmvis" not in page.html
    assert caplog.messages == []
    shown = page.soup.select_one("code").get_text().strip().splitlines()
    lines = written.splitlines()
    assert [line.strip() for line in shown if "```" not in line] == [line.strip() for line in lines]


@pytest.mark.parametrize(
    ("text", "extensions"),
    [
        pytest.param(f"<!-- {STRUCTURE} -->", [], id="comment"),
        pytest.param("```html\nx\n```\n\n`<model-structure`", ["fenced_code", "codehilite"], id="name-alone"),
    ],
)
def test_text_that_is_no_element_is_unchanged(render, caplog, text, extensions):
    assert "bmvis" not in render(text, extensions).html
    assert not caplog.records


def test_text_around_an_element_stays(render):
    page = render(f"before\n\n{STRUCTURE}\nafter\n{STRUCTURE}\n\nend")
    assert len(page.trees) == 1
    assert "after" in page.soup.get_text()
