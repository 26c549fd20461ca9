"""HTML that bmvis writes is taken from a cache; other HTML is not (`tests/mkdocs_bmvis/test_html_cache.py`)."""

import msgspec
import pytest
from figures import EDGE_LISTS, figure_html, framed
from formats import CALL, layer, net
from trees import tensor

from bmvis.errors import FactoryError
from bmvis.model.optimizer import Optimizer, ParameterGroup
from bmvis.model.tree import Model
from bmvis.options.definitions import Options
from bmvis.overviews.cards import make_card
from bmvis.overviews.entries import Entry
from bmvis.overviews.gallery_options import GalleryOptions
from bmvis.overviews.table import RowResult, make_table
from bmvis.overviews.table_options import TableOptions
from bmvis.render.html.cached_html import is_own
from bmvis.render.html.cards import to_cards
from bmvis.render.html.error_box import error_box
from bmvis.render.html.table import to_html_table
from bmvis.render.html.tree import to_html
from bmvis.view.layout import layout

MODEL = net(layer("a", call=CALL), layer("b", tensor("weight", 4, 4, trainable=False)), call=CALL)
ERROR = FactoryError("it <failed>", hint="fix it", detail="a\nb")
ENTRY = Entry("zoo:a", "A & <b>", ("one", "two"), "docs/page.md:3", (("paper", "[link](https://example.org/a)"),))


def tree(model: Model = MODEL, base: Model | None = None, **options) -> str:
    return to_html(layout(model, Options(**options), base), "m", type_link=lambda module: None)


def trained() -> Model:
    frozen = msgspec.structs.replace(tensor("weight", 4, 4, trainable=False), groups=(0,))
    return net(layer("a", frozen), optimizers=(Optimizer("SGD", (ParameterGroup(settings={"lr": "0.1"}, tensors=1),)),))


def table() -> str:
    options = TableOptions(
        columns=("name", "parameters", "macs", "paper"), inputs="float32[1, 4]", caption="All", group=True
    )
    results = [RowResult(ENTRY, MODEL, "../zoo/a%20b/"), RowResult(ENTRY, ERROR, "#m")]
    return to_html_table(make_table(results, options), "t", "page.md:1")


def gallery() -> str:
    cards = [make_card(ENTRY, MODEL, "../zoo/zoo.a/"), make_card(ENTRY, ERROR, "zoo.a.html")]
    return to_cards(cards, "g", GalleryOptions(caption="All"))


@pytest.mark.parametrize(
    "html",
    [
        tree(),
        tree(columns=("output", "macs", "share"), caption="C", highlight=("a",), map=True),
        tree(base=net(layer("a"), layer("c")), only_changes=True),
        tree(trained(), optimizer=True),
        table(),
        gallery(),
        error_box(ERROR, "page.md:1"),
        *(figure_html(framed(edges, repeats=12)) for edges in EDGE_LISTS.values()),
    ],
)
def test_what_bmvis_writes_is_its_own(html):
    assert is_own(html)
