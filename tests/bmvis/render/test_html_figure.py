"""The architecture figure in HTML: links, ids, text, and size."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import msgspec
import pytest
from bs4 import BeautifulSoup, Tag
from figures import EDGE_LISTS, figure_html, framed
from formats import layer, net
from trees import tensor

from bmvis.model.contraction import EdgeChange
from bmvis.options.definitions import Options
from bmvis.render.connections import connection_lines
from bmvis.render.html import assets
from bmvis.render.html.categories import category
from bmvis.render.html.figure_image import COLORS, HUES, Scheme, to_image
from bmvis.render.html.tree import to_html
from bmvis.render.latex import to_latex
from bmvis.render.text import to_text
from bmvis.view.figure.figure import Box, Edge, Figure, Frame
from bmvis.view.figure.layout.checked_drawing import draw
from bmvis.view.figure.layout.drawing import DrawnFigure
from bmvis.view.layout import layout

HOSTILE = '</svg><script>alert(1)</script>"\x00\u202e'


def parsed(html: str) -> Tag:
    found = BeautifulSoup(html, "html.parser").select_one("figure, #m")
    assert found is not None
    return found


@pytest.mark.parametrize("name", EDGE_LISTS)
def test_figure_is_small_xml_without_styles_and_scripts(name: str) -> None:
    html = figure_html(framed(EDGE_LISTS[name], repeats=12))
    ElementTree.fromstring(html)
    svg = html[html.index("<svg") : html.index("</svg>") + 6]
    assert len(svg) < 12 * 1024
    assert len(gzip.compress(svg.encode())) < 2.5 * 1024
    assert not re.search(r"<(style|script)| (style|on\w+)=", html)


def test_images_have_the_colors_of_pages() -> None:
    style = Path(assets.__file__).parents[2] / "static" / "style"
    rules = (style / "figure.css").read_text()
    found = re.findall(r"^\.bmvis-figure \.bmvis-(\w+) { --_hue: (#\w+);(?: --_tint: (\d+)%;)? }", rules, re.MULTILINE)
    default = re.search(r"var\(--_hue, (#\w+)\) var\(--_tint, (\d+)%\)", rules)
    assert default is not None
    assert {name: (hue, int(tint or default[2])) for name, hue, tint in found} | {
        "module": (default[1], int(default[2]))
    } == HUES
    theme = (style / "theme.css").read_text()
    for colors in zip(COLORS["light"], COLORS["dark"], strict=True):
        shown = [f"#{color[1::2]}" if color[1::2] == color[2::2] else color for color in colors]
        assert f"light-dark({', '.join(shown)})" in theme


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fill_of_a_box_in_an_image_is_a_tint_of_its_hue_on_the_ground(scheme: Literal["light", "dark"]) -> None:
    figure = framed(EDGE_LISTS["resnet"])
    drawing = draw(figure)
    assert drawing is not None
    image = to_image(figure, drawing, "Model", scheme)
    hue, share = HUES["linear"]
    found = re.search(r"\.bmvis-linear rect { fill: #(\w{6});", image)
    assert found is not None
    parts = zip(bytes.fromhex(hue[1:]), bytes.fromhex(COLORS[scheme].ground[1:]), strict=True)
    expected = [ground + (color - ground) * share / 100 for color, ground in parts]
    assert list(bytes.fromhex(found[1])) == [pytest.approx(one, abs=0.5) for one in expected]


@pytest.mark.parametrize(("scheme", "rule"), [("auto", "light dark"), ("dark", "dark"), ("light", None)])
def test_an_image_that_is_opened_alone_has_the_background_of_its_mode(scheme: Scheme, rule: str | None) -> None:
    figure = framed(EDGE_LISTS["resnet"])
    drawing = draw(figure)
    assert drawing is not None
    found = re.findall(r"color-scheme: ([\w ]+);", to_image(figure, drawing, "Model", scheme))
    assert found == ([rule] if rule else [])


def look(element: Tag, name: str) -> str:
    """Return an attribute that SVG elements inherit."""
    return next(str(each[name]) for each in (element, *element.parents) if name in each.attrs)


def test_figure_has_outlines_and_text_without_the_stylesheet() -> None:
    svg = parsed(figure_html(framed("in:x > a.b; a.b > out:y", repeats=3))).select_one("svg[role=group]")
    assert svg is not None
    assert {look(shape, "fill") for shape in svg.select("rect, path:first-child")} == {"none"}
    assert {look(line, "stroke") for line in svg.select("path:first-child")} == {"currentColor"}
    assert {look(box, "stroke") for box in svg.select("rect")} == {"#888"}
    texts = svg.select("text")
    assert {(look(text, "fill"), look(text, "stroke")) for text in texts} == {("currentColor", "none")}
    assert {look(text, "text-anchor") for text in texts if text.find_parent(class_="bmvis-frames")} == {"start", "end"}


def test_lines_are_drawn_over_the_outline_behind_a_repeated_box() -> None:
    """An arrow that enters at the right ends on that outline."""
    svg = parsed(figure_html(framed("in:x > a; a > b..x4; b..x4 > out:y"))).select_one("svg[role=group]")
    assert svg is not None
    order = [element for element in svg.find_all(True) if element.name == "rect" or "data-e" in element.attrs]
    assert [element.name for element in order] == ["rect"] * 3 + ["g"] * 3


def test_shortened_texts_have_the_whole_text_as_tooltip() -> None:
    long = "_".join(["position_embeddings"] * 3)
    boxes = (
        Box("in:x", "input", long),
        Box("a", "module", long, "Linear", "a"),
        Box("b", "module", "b", "Linear", "b"),
        Box("(+)root", "join", f"+ {long}", path=""),
        Box("(×)root", "join", "× … D", path=""),
    )
    edges = (Edge("in:x", "a"), Edge("a", "b"), Edge("b", "(+)root"), Edge("a", "(+)root"), Edge("(+)root", "(×)root"))
    svg = parsed(figure_html(Figure(boxes, edges))).select_one("svg[role=group]")
    assert svg is not None
    titles = [box.find("title") for box in svg.select("[data-n]")]
    assert [title and title.text for title in titles] == [long, f"Linear {long}", None, f"+ {long}", None]


def test_joins_of_one_symbol_have_a_larger_text() -> None:
    svg = parsed(figure_html(framed("in:x > a; a > (+)m; in:x > (+)m; (+)m > (concat)m; a > (concat)m")))
    joins = {join.text: join["class"] for join in svg.select("svg .bmvis-join")}
    assert joins == {"+": ["bmvis-join", "bmvis-symbol"], "concat": ["bmvis-join"]}


@pytest.mark.parametrize(
    ("kind", "classes"),
    [
        ("norm", "LayerNorm BatchNorm2d T5LayerNorm LlamaRMSNorm GroupNorm BatchNormAct2d NormMlp"),
        ("activation", "ReLU ReLU6 LeakyReLU GELUActivation NewGELUActivation Hardswish HardSigmoid Tanh ELU GLU SiLU"),
        ("recurrent", "LSTM GRUCell EncodecLSTM MambaMixer RNN"),
        ("convolution", "Conv2d ConvTranspose1d DoubleConv"),
        ("linear", "Linear Conv1D Linear8bitLt"),
        ("attention", "MultiheadAttention T5LayerCrossAttention"),
        ("module", "Block Sequential ResNetStage GLUED"),
    ],
)
def test_colors_of_classes(kind: str, classes: str) -> None:
    assert {name: category(Box("k", "module", "a", name, "a")) for name in classes.split()} == dict.fromkeys(
        classes.split(), kind
    )


def test_figure_has_a_title_and_a_description() -> None:
    svg = parsed(figure_html(framed("in:x > a; a > out:y"))).select_one("svg[role=group]")
    assert svg is not None
    assert svg.find("title").text == "Architecture of Net"  # type: ignore[union-attr]
    assert svg.find("desc").text.startswith("3 boxes, 2 edges.")  # type: ignore[union-attr]


def test_each_module_links_to_its_row() -> None:
    figure = parsed(figure_html(framed("in:x > a.b; a.b > (+)a; in:x > (+)a; (+)a > out:y")))
    links = {a["xlink:href"] for a in figure.select("svg a")}
    assert not figure.select("svg [href]")  # scripts of Material and JupyterLab fail at those
    assert links == {"#m.a", "#m.a.b"}
    assert [box["data-n"] for box in figure.select("svg [data-n]")] == ["0", "1", "2", "3"]
    assert [edge["data-e"] for edge in figure.select("svg [data-e]")] == ["0 1", "1 2", "0 2", "2 3"]


def test_a_module_without_a_row_of_its_own_links_to_the_one_that_shows_it() -> None:
    same = [layer("a", tensor("weight", 2)), layer("b", tensor("weight", 2))]
    figure = framed("in:x > b; b > a.inner; a.inner > other; other > out:y")
    page = msgspec.structs.replace(layout(net(*same), Options()), figure=DrawnFigure(figure, draw(figure)))
    tree = parsed(to_html(page, "m"))
    assert [box.get("xlink:href") for box in tree.select("svg [data-n]")] == [None, "#m.a", "#m.a", None, None]
    assert [a["href"] for a in tree.select(".bmvis-back")] == ["#m..1"]


def test_ids_start_with_the_anchor_and_are_unique() -> None:
    ids = re.findall(r' id="([^"]+)"', figure_html(framed(EDGE_LISTS["bert"])))
    assert len(ids) == len(set(ids)) > 5
    assert all(re.fullmatch(r"m\.\.\d*", found) for found in ids)


def test_figure_has_its_connections_as_text() -> None:
    boxes = (
        Box("in:x", "input", "x"),
        Box("l", "module", "layers.0-11", "Layer", "model.layers.0", 12),
        Box("s", "module", "b.0-3", "Block", "b.0", 4, similar=True, note="same weights"),
        Box("(+)a", "join", "+", path="a"),
        Box("(+)a~2", "join", "+", path="a"),
        Box("out:y", "output", "y"),
    )
    edges = (
        Edge("in:x", "l", (1, 8)),
        Edge("l", "s", (1, 8)),
        Edge("l", "(+)a", (1, 8)),
        Edge("l", "(+)a~2", (8,)),
        Edge("s", "(+)a"),
        Edge("(+)a", "(+)a~2"),
        Edge("(+)a~2", "out:y"),
    )
    figure = parsed(figure_html(Figure(boxes, edges, called_with="x: int64[1, 8]")))
    assert [line.text for line in figure.select("li")] == [
        "x -> model.layers.0-11 (×12): [1, 8]",
        "model.layers.0-11 (×12) -> b.0-3 (≈4, same weights), + in a: [1, 8]",
        "model.layers.0-11 (×12) -> + in a #2: [8]",
        "b.0-3 (≈4, same weights) -> + in a",
        "+ in a -> + in a #2",
        "+ in a #2 -> y",
    ]
    assert figure.select_one("details[open]") is None
    assert figure.select_one("figcaption").text == "Traced with x: int64[1, 8]."  # type: ignore[union-attr]


def test_connections_in_repeated_frames_name_all_that_repeats() -> None:
    boxes = (
        Box("a", "module", "attn", "Attn", "net.layers.0.attn"),
        Box("e", "module", "experts.0-3", "Expert", "net.layers.0.mlp.experts.0", 4, parallel=True),
        Box("(+)l", "join", "+", path="net.layers.0"),
    )
    layer = Frame(
        "layers.0-11", "net.layers.0", "Layer", 12, ("a", "(+)l"), (Frame("mlp", "net.layers.0.mlp", "", 1, ("e",)),)
    )
    edges = (Edge("a", "e"), Edge("e", "(+)l"))
    figure = Figure(boxes, edges, (Frame("net", "net", "Net", 1, (), (layer,)),))
    assert connection_lines(figure) == [
        "net.layers.0-11.attn (×12) -> net.layers.0-11.mlp.experts.0-3 (×12, ×4)",
        "net.layers.0-11.mlp.experts.0-3 (×12, ×4) -> + in net.layers.0-11 (×12)",
    ]


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        (("", ""), "Traced with x: float32[1, 8]."),
        (("added", ""), "Traced with x: float32[1, 8]. Added connections are thick."),
        (
            ("added", "removed"),
            "Traced with x: float32[1, 8]. Added connections are thick, removed connections are dashed.",
        ),
    ],
)
def test_caption_of_a_comparison_describes_its_lines(changes: tuple[EdgeChange, EdgeChange], note: str) -> None:
    figure = framed("in:x > a; a > out:y")
    edges = tuple(
        msgspec.structs.replace(edge, change=change) for edge, change in zip(figure.edges, changes, strict=True)
    )
    caption = parsed(figure_html(msgspec.structs.replace(figure, edges=edges))).select_one("figcaption")
    assert caption is not None
    assert caption.text == note


def test_connections_are_open_where_there_is_no_drawing() -> None:
    figure = parsed(figure_html(framed("in:x > a; a > out:y"), is_drawn=False))
    assert figure.select_one("svg") is None
    assert figure.select_one("details[open] li") is not None


def test_names_are_escaped() -> None:
    boxes = (Box("in", "input", HOSTILE), Box("m", "module", HOSTILE, HOSTILE, HOSTILE, note=HOSTILE))
    html = figure_html(Figure(boxes, (Edge("in", "m", (HOSTILE,)),), (Frame(HOSTILE, HOSTILE, HOSTILE, boxes=("m",)),)))
    ElementTree.fromstring(html)
    assert "<script" not in html


def test_connections_name_the_kind_of_an_input_or_output_with_the_name_of_another_box() -> None:
    figure = framed("in:q > q; in:x > q; q > t; t > out:t; q > out:x; t > out:y")

    assert [line.partition(":")[0] for line in connection_lines(figure)] == [
        "input q -> q",
        "input x -> q",
        "q -> t, output x",
        "t -> output t, y",
    ]


def test_rows_link_back_to_the_first_box_of_their_module() -> None:
    model = net(layer("a", tensor("weight", 2)), layer("b", tensor("weight", 3)))
    figure = framed("in:x > a#1; a#1 > a#2; a#2 > out:y")
    page = msgspec.structs.replace(layout(model, Options()), figure=DrawnFigure(figure, draw(figure)))
    tree = parsed(to_html(page, "m"))
    assert {row["id"]: [a["href"] for a in row.select(".bmvis-back")] for row in tree.select("li li")} == {
        "m.a": ["#m..1"],
        "m.b": [],
    }
    assert {a["xlink:href"] for a in tree.select("svg a")} == {"#m.a"}


def test_lines_of_one_source_are_drawn_once_up_to_the_fork() -> None:
    figure = parsed(figure_html(framed("in:x > a; a > b; b > c; a > c; c > out:y")))
    ends = {edge["data-e"]: edge.find("path")["d"] for edge in figure.select("[data-e]")}  # type: ignore[index]
    down, skip = ends["1 2"], ends["1 3"]
    start = [float(number) for number in re.findall(r"[\d.]+", skip)[:2]]
    first = [float(number) for number in re.findall(r"[\d.]+", down)]
    assert start[0] == first[0]
    assert first[1] < start[1] < first[2]


def test_figure_alone_has_no_tree_and_no_links() -> None:
    figure = framed("in:x > a; a > out:y")
    model = net(layer("a", tensor("weight", 2)))
    plain = layout(model, Options(caption="A net."))
    options = msgspec.structs.replace(plain.options, flow="only")
    page = msgspec.structs.replace(plain, options=options, figure=DrawnFigure(figure, draw(figure)))
    found = parsed(to_html(page, "m"))
    assert [child.name for child in found.find_all(recursive=False)] == ["figure", "p"]
    assert found.select("a") == []
    assert "root" not in to_text(page)
    assert r"\bmvisname" not in to_latex(page)
