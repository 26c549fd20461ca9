"""The size of the HTML of a tree, and its map."""

import re
from xml.etree import ElementTree

import pytest
from trees import bert, linear, tensor

from bmvis.model.tree import Model, Module, Parameter
from bmvis.options.definitions import Options
from bmvis.render.html.map import to_map
from bmvis.render.html.tree import to_html
from bmvis.view.layout import layout


def llama(layers: int = 80) -> Model:
    def projections(depth: int, *shapes: tuple[str, int, int]) -> list[Module]:
        return [Module(name, depth, "Linear", parameters=(tensor("weight", o, i),)) for name, o, i in shapes]

    norms = ("input_layernorm", "post_attention_layernorm")
    attention = (("q_proj", 8192, 8192), ("k_proj", 1024, 8192), ("v_proj", 1024, 8192), ("o_proj", 8192, 8192))
    mlp = (("gate_proj", 28672, 8192), ("up_proj", 28672, 8192), ("down_proj", 8192, 28672))
    block = [
        Module("self_attn", 4, "LlamaAttention"),
        *projections(5, *attention),
        Module("mlp", 4, "LlamaMLP"),
        *projections(5, *mlp),
        *(Module(name, 4, "LlamaRMSNorm", parameters=(tensor("weight", 8192),)) for name in norms),
    ]
    return Model(
        (
            Module("", 0, "LlamaForCausalLM"),
            Module("model", 1, "LlamaModel"),
            Module("embed_tokens", 2, "Embedding", parameters=(tensor("weight", 128256, 8192),)),
            Module("layers", 2, "ModuleList"),
            *(m for index in range(layers) for m in (Module(str(index), 3, "LlamaDecoderLayer"), *block)),
            Module("norm", 2, "LlamaRMSNorm", parameters=(tensor("weight", 8192),)),
            Module("lm_head", 1, "Linear", parameters=(tensor("weight", 128256, 8192),)),
        )
    )


@pytest.mark.parametrize(("model", "most"), [(bert(), 11_000), (llama(), 8_000)], ids=["BERT-base", "Llama-70B"])
def test_html_of_a_folded_tree_is_small(model, most):
    html = to_html(layout(model, Options()), "model")
    assert html.count("<li") > 5
    assert len(html.encode()) <= most


def test_html_of_a_plain_row_is_small():
    html = to_html(layout(bert(), Options()), "model")
    rows = re.findall(r'<li id="[^"]+"><div>.*?</div></li>', html)
    plain = [row for row in rows if "bmvis-x" not in row and "bmvis-tie" not in row]
    assert len(plain) == 10
    assert max(len(row) for row in plain) <= 350


def cells(model: Model, **options) -> dict[str, ElementTree.Element]:
    svg = ElementTree.fromstring(to_map(layout(model, Options(**options)))).find("svg")
    return {(cell.findtext("title") or "").split(":")[0]: cell for cell in svg}


def width(cell: ElementTree.Element) -> float:
    """Return the width of a cell in percent of the map."""
    return float(cell.find("rect").attrib["width"].removesuffix("%"))


def test_map_cell_width_is_its_share():
    model = Model((Module("", 0, "Two"), linear("small", 1, 9, 10), linear("large", 1, 29, 10)))
    found = cells(model)
    assert [width(found[path]) for path in ("root", "small", "large")] == [100, 25, 75]
    assert found["large"].findtext("title") == "large: 300 parameters, 75 %, trainable"


def test_map_cell_of_a_repeat_is_as_wide_as_all_its_members():
    model = Model((Module("", 0, "Four"), *(linear(str(index), 1, 9, 10) for index in range(4))))
    found = cells(model)
    assert width(found["0"]) == 100
    assert found["0"].findtext("text") == "0-3 ×4"


def test_map_shows_tied_tensor_once():
    found = cells(bert())
    assert width(found["cls"]) < 1
    assert (
        found["bert.embeddings.word_embeddings"].findtext("title").endswith("23,440,896 parameters, 21.4 %, trainable")
    )


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ([{}], "trainable"),
        ([{"trainable": False}], "frozen"),
        ([{"delta": True}], "delta"),
        ([{"trainable": False, "delta": True}], "delta"),
        ([{}, {"trainable": False}], "mixed"),
    ],
    ids=["trainable", "frozen", "delta", "frozen-delta", "mixed"],
)
def test_map_cell_has_state_of_its_parameters(facts, state):
    parameters = tuple(tensor(f"p{index}", 4, **fact) for index, fact in enumerate(facts))
    assert cells(Model((Module("", 0, "M", parameters=parameters),)))["root"].get("class") == f"bmvis-{state}"


def test_hidden_modules_keep_their_space_on_the_map():
    found = cells(bert(), depth=1)
    assert found["bert"].findtext("title").startswith("bert: 108,891,648 parameters, 99.4 %")
    assert width(found["bert"]) > 80


def test_tree_without_parameters_has_no_map():
    assert to_map(layout(Model((Module("", 0, "Empty"),)), Options())) is None
    lazy = Parameter("weight", None, "float32", 0, 0)
    assert to_map(layout(Model((Module("", 0, "Lazy", parameters=(lazy,)),)), Options())) is None


def test_text_of_the_totals_has_words_apart():
    html = to_html(layout(bert(), Options()), "m")
    (line,) = re.findall(r'<p class="bmvis-totals">(.*?)</p>', html)
    assert re.sub("<[^>]*>", "", line) == "BertForMaskedLM 109.5M parameters all trainable float32 438.2 MB"
