"""The architecture figure in a browser: sizes of texts, links, marked lines, and small screens."""

from pathlib import Path

import msgspec
import pytest
import sphinx
from figures import EDGE_LISTS, framed
from formats import CALL, layer, net
from trees import tensor

from bmvis.model.tree import Module
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.view.figure.figure import Box, Edge, Figure, Frame
from bmvis.view.figure.layout.checked_drawing import draw
from bmvis.view.figure.layout.drawing import DrawnFigure
from bmvis.view.layout import layout

TOO_LARGE = """() => [...document.querySelectorAll('svg :is([data-n], .bmvis-frames > :has(text))')].flatMap(group => {
  const inside = ({left, right, top, bottom}, text) => {
    const own = text.getBoundingClientRect(), x = (own.left + own.right) / 2, y = (own.top + own.bottom) / 2;
    return left < x && x < right && top < y && y < bottom;
  };
  const around = [...group.parentElement.querySelectorAll('rect')]
    .filter(frame => inside(frame.getBoundingClientRect(), group.querySelector('text')))
    .sort((one, other) => other.width.baseVal.value - one.width.baseVal.value);
  const boxes = group.matches('[data-n]') ? [...group.querySelectorAll('rect')] : around;
  if (!boxes.length && !group.matches('.bmvis-end')) return ['no box'];
  const area = (boxes.length ? boxes.at(-1) : group.ownerSVGElement).getBoundingClientRect();
  return [...group.querySelectorAll('text')].filter(text => {
    const own = text.getBoundingClientRect();
    return own.left < area.left || own.right > area.right || own.top < area.top - 1 || own.bottom > area.bottom + 1;
  }).map(text => text.textContent);
})"""
"""Returns the texts that are not inside their boxes."""
WIDE = "WWWWWWWWWW@@@@%%%%mmmmm"


def figure_of_names() -> Figure:
    """Return a figure with texts that are wide in a proportional font."""
    boxes = (
        Box("in:x", "input", WIDE),
        Box("a", "module", WIDE, WIDE, "a", 12),
        Box("b", "module", "漢字かな交じり文", "Ŵïdéŵàŷ", "b"),
        Box("c", "module", "iiiiiiiiiiiiiiiii", "x" * 300, "c", note="call 1 of 2"),
        Box("(+)a", "join", "concat × logit_scale", path=""),
        Box("out:y", "output", "last_hidden_state"),
    )
    pairs = [("in:x", "a"), ("a", "b"), ("b", "c"), ("a", "(+)a"), ("c", "(+)a"), ("(+)a", "out:y")]
    frame = Frame(WIDE, "a", "WideFrameOfManyLetters", 32, ("b", "c"))
    return Figure(boxes, tuple(Edge(*pair) for pair in pairs), (frame,))


def tree(figure: Figure, **options: bool) -> str:
    paths = {box.path: box for box in figure.boxes if box.path and box.kind == "module"}
    children = [layer(path, tensor("weight", number)) for number, path in enumerate(paths, 1) if "." not in path]
    model = net(*children) if children else net(Module("none", 1, "None"))
    page = msgspec.structs.replace(layout(model, Options(**options)), figure=DrawnFigure(figure, draw(figure)))
    return to_html(page, "m")


def test_texts_are_inside_their_boxes(tab):
    figures = [figure_of_names(), *(framed(EDGE_LISTS[name], repeats=12) for name in ("bert", "t5", "clip"))]
    html = "".join(tree(figure).replace("m..", f"m{number}..") for number, figure in enumerate(figures))
    tab.open_trees(html)
    assert tab.page.evaluate(TOO_LARGE) == []
    assert tab.errors == []


def test_a_box_leads_to_its_row_and_back(tab):
    tab.open_trees(tree(framed("in:x > a; a > b; b > out:y")))
    tab.page.locator("svg a[data-n='1']").click()
    assert tab.page.evaluate("location.hash") == "#m.a"
    tab.page.locator("[id='m.a'] .bmvis-back").first.click()
    assert tab.page.evaluate("location.hash") == "#m..1"
    assert tab.errors == []


def test_sphinx_highlights_the_words_of_a_search(tab):
    """Its script fails at words of pictures that are not drawn, if it does not leave them out."""
    script = Path(sphinx.__file__).parent / "themes" / "basic" / "static" / "sphinx_highlight.js"
    tab.open_trees(tree(framed("in:x > a; a > out:y"), map=True))
    run = "_highlightText(document.body, 'a', 'highlighted')"
    tab.page.evaluate(f"() => {{ const _ready = () => {{}}; {script.read_text()}; {run}; }}")
    assert tab.page.locator(".bmvis-map rect.highlighted").count() > 0
    found = tab.page.locator("[id='m.a'] .highlighted").first
    assert found.evaluate("word => getComputedStyle(word).backgroundColor") == "rgb(255, 255, 0)"


@pytest.mark.parametrize("mark", ["hover", "focus"])
def test_a_box_marks_its_lines(tab, mark):
    tab.open_trees(tree(framed("in:x > a; a > b; b > c; c > out:y")))
    color = "(ends) => getComputedStyle(document.querySelector(`[data-e='${ends}'] path`)).stroke"
    before = tab.page.evaluate(color, "1 2")
    getattr(tab.page.locator("svg a[data-n='2']"), mark)()
    if mark == "focus":
        tab.page.keyboard.press("Tab")
        tab.page.keyboard.press("Shift+Tab")
    marked = [tab.page.evaluate(color, ends) for ends in ("1 2", "2 3", "0 1", "3 4")]
    assert marked[0] == marked[1] != before
    assert marked[2] == marked[3] == before


def test_lines_have_the_color_of_text_in_forced_colors(tab):
    tab.page.emulate_media(forced_colors="active")
    tab.open_trees(tree(framed("in:x > a; a > b; b > out:y")))
    color = "(ends) => getComputedStyle(document.querySelector(`[data-e='${ends}'] path`)).stroke"
    assert tab.page.evaluate(color, "0 1") == tab.page.evaluate("getComputedStyle(document.body).color")
    tab.page.locator("svg a[data-n='1']").hover()
    assert tab.page.evaluate(color, "1 2") != tab.page.evaluate(color, "2 3")


def test_print_has_the_list_of_connections_only_if_it_is_open(tab):
    tab.open_trees(tree(framed("in:x > a; a > b; b > out:y")))
    tab.page.emulate_media(media="print")
    assert not tab.page.locator(".bmvis-figure li").first.is_visible()
    tab.page.evaluate("document.querySelector('.bmvis-figure details').open = true")
    assert tab.page.locator(".bmvis-figure li").first.is_visible()
    assert tab.page.locator(".bmvis-tree li").last.is_visible()


def test_a_wide_figure_scrolls_by_itself(tab):
    tab.page.set_viewport_size({"width": 360, "height": 800})
    tab.open_trees(tree(framed(EDGE_LISTS["clip"])))
    width, inner = tab.page.evaluate(
        "() => { const one = document.querySelector('.bmvis-scroll'); return [one.clientWidth, one.scrollWidth]; }"
    )
    assert inner > width
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 360


APART = """() => [...document.querySelectorAll(".bmvis-tree .bmvis-back")].map((link) => {
  const lines = [...link.previousElementSibling.getClientRects()];
  return link.getBoundingClientRect().top > lines.at(-1).bottom;
})"""


@pytest.mark.parametrize("call", [None, CALL], ids=["after a parameter", "after an output shape"])
def test_link_to_the_figure_is_on_the_line_of_its_row(tab, call):
    figure = framed("in:x > head; head > out:y")
    model = net(layer("head", tensor("weight", 1000, 64), call=call))
    page = msgspec.structs.replace(layout(model, Options()), figure=DrawnFigure(figure, draw(figure)))
    tab.open_trees(to_html(page, "m"))
    found = []
    for width in range(200, 420, 5):
        tab.page.set_viewport_size({"width": width, "height": 900})
        found += tab.page.evaluate(APART)
    assert set(found) == {False}
