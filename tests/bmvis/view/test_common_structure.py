"""The common structure: the same names for transformers of eight architectures, and for models with a mapping file."""

import pytest
import torch
from bs4 import BeautifulSoup
from large_libraries import transformers as t
from small_models import SMALL
from torch import nn

from bmvis.errors import CommonStructureError
from bmvis.extraction.modules import capture
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.render.text import to_text
from bmvis.view.layout import layout
from bmvis.view.mapping_files import from_opendelta, own_names, read_mapping, read_own
from bmvis.view.row_finder import shown_at

MODELS = {
    "bert": lambda: t.BertForMaskedLM(t.BertConfig(**SMALL)),
    "roberta": lambda: t.RobertaForMaskedLM(t.RobertaConfig(**SMALL)),
    "deberta-v2": lambda: t.DebertaV2ForMaskedLM(t.DebertaV2Config(**SMALL)),
    "gpt2": lambda: t.GPT2LMHeadModel(t.GPT2Config(n_embd=32, n_head=4, n_layer=2)),
    "opt": lambda: t.OPTForCausalLM(t.OPTConfig(**{**SMALL, "ffn_dim": 64, "word_embed_proj_dim": 32})),
    "t5": lambda: t.T5ForConditionalGeneration(t.T5Config(d_model=32, d_ff=64, d_kv=8, num_layers=2, num_heads=4)),
    "llama": lambda: t.LlamaForCausalLM(t.LlamaConfig(**SMALL)),
    "vit": lambda: t.ViTForImageClassification(t.ViTConfig(**SMALL)),
}
BERT = """\
root
├── embeddings (Embedding) weight:[30522, 32]
├── bert.embeddings.position_embeddings (Embedding) weight:[512, 32] (not common)
├── bert.embeddings.token_type_embeddings (Embedding) weight:[2, 32] (not common)
├── bert.embeddings.LayerNorm (LayerNorm) weight:[32] bias:[32] (not common)
├── encoder (BertEncoder)
│   └── block (ModuleList)
│       └── 0-1(BertLayer)
│           ├── attn (BertAttention)
│           │   ├── q,k,v,proj(Linear) weight:[32, 32] bias:[32]
│           │   └── layer_norm (LayerNorm) weight:[32] bias:[32]
│           └── ff (BertOutput)
│               ├── w1 (Linear) weight:[64, 32] bias:[64]
│               ├── w2 (Linear) weight:[32, 64] bias:[32]
│               └── layer_norm (LayerNorm) weight:[32] bias:[32]
└── lm_head (BertLMPredictionHead) bias:[30522]
    ├── transform (BertPredictionHeadTransform) (not common)
    │   ├── dense (Linear) weight:[32, 32] bias:[32] (not common)
    │   └── LayerNorm (LayerNorm) weight:[32] bias:[32] (not common)
    └── proj (Linear) weight:[30522, 32] bias:[30522]"""
BLOCK = ["attn", "q", "k", "v", "proj", "layer_norm", "ff", "w1", "w2", "layer_norm"]


@pytest.fixture(scope="module")
def captured():
    with torch.device("meta"):
        return {name: capture(build()) for name, build in MODELS.items()}


def drawn(model, **options):
    page = layout(model, Options(**{"common": "auto", **options}))
    return to_text(page).partition("\n\n")[0], page


def test_every_mapping_has_a_model():
    assert own_names() == sorted(MODELS)


def test_bert_is_drawn_as_in_the_source_document(captured):
    assert drawn(captured["bert"])[0] == BERT


@pytest.mark.parametrize("name", MODELS)
def test_mapping_is_found_by_class_and_fits_the_model(captured, name):
    text, page = drawn(captured[name])
    assert not page.warnings
    assert drawn(captured[name], common=name)[0] == text


@pytest.mark.parametrize("name", MODELS)
def test_totals_stay_and_repeats_stay_folded(captured, name):
    _, page = drawn(captured[name], only_common=True)
    plain = layout(captured[name], Options())
    assert page.totals == plain.totals
    assert ["0-1"] * (name != "t5") == [row.label for row in page.rows if row.label == "0-1"]
    assert page.ties == plain.ties


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"t5"}))
def test_block_has_the_same_rows_in_every_architecture(captured, name):
    _, page = drawn(captured[name], only_common=True)
    start = next(index for index, row in enumerate(page.rows) if row.label == "0-1")
    inside = [row for row in page.rows[start + 1 :] if row.path.startswith(page.rows[start].path) or row.depth > 3]
    names = [
        part for row in inside for name in row.names for part in name.split(",") if row.depth > page.rows[start].depth
    ]
    assert [n for n in names if n != "w3"] == BLOCK


def test_left_out_modules_count_and_affect_folding(captured):
    text, _ = drawn(captured["t5"], only_common=True)
    assert "relative_attention_bias" not in text
    assert "0 (T5Block)" in text
    assert "attn (T5LayerSelfAttention) … 1 module not common" in text


def test_virtual_levels_are_marked_and_have_no_place_in_the_model(captured):
    text, page = drawn(captured["opt"])
    assert "ff (Virtual)" in text
    html = BeautifulSoup(to_html(page, "opt"), "html.parser")
    virtual = [row.find_parent("li") for row in html.select(".bmvis-tree i.bmvis-virtual")]
    assert [row.get("id") for row in virtual] == [None, None]
    assert "virtual level" in html.select_one(".bmvis-legend").get_text()


def test_row_of_common_structure_keeps_the_path_of_the_model(captured):
    _, page = drawn(captured["bert"])
    html = BeautifulSoup(to_html(page, "bert"), "html.parser")
    label = html.find(id="bert.bert.encoder.layer.0.attention.self.query").b
    assert label.get_text() == "q,k,v,proj"
    assert label["data-p"].split()[3] == "bert.encoder.layer.0.attention.output.dense"
    assert html.find(id="bert.bert.embeddings.word_embeddings").b["title"] == "bert.embeddings.word_embeddings"


def test_references_by_the_models_paths_find_their_rows(captured):
    _, page = drawn(captured["bert"])
    shown = shown_at(captured["bert"], page.rows)
    assert shown["bert.encoder.layer.1.attention.output.dense"] == "bert.encoder.layer.0.attention.self.query"
    assert shown["bert.encoder.layer.1.intermediate.dense"] == "bert.encoder.layer.0.intermediate.dense"
    assert shown["bert.encoder.layer.1.intermediate"] == "bert.encoder.layer.0"


def test_highlight_takes_the_models_paths(captured):
    text, page = drawn(captured["bert"], highlight=("intermediate.dense",))
    assert page.matches == 2
    assert "w1 (Linear) weight:[64, 32] bias:[64] (match)" in text


def test_adapters_stay_below_what_they_adapt():
    peft = pytest.importorskip("peft", reason="peft is not installed")
    with torch.device("meta"):
        model = peft.get_peft_model(MODELS["bert"](), peft.LoraConfig(target_modules=["query"]))
    text, page = drawn(capture(model))
    assert not page.warnings
    assert "│           │   ├── q (Linear)\n│           │   │   ├── base_layer (Linear)" in text
    assert "│           │   ├── k,v,proj(Linear)" in text
    assert "q (Linear) … 5 modules not common" in drawn(capture(model), only_common=True)[0]


def test_common_structure_of_two_models_in_one():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = (t.BertModel(t.BertConfig(**SMALL)) for _ in range(2))

    with torch.device("meta"):
        text, page = drawn(capture(Pair()))
    assert not page.warnings
    assert text.splitlines()[1] == "└── left,right(BertModel)"
    assert "│   └── block" in text.replace("    ├── encoder", "├── encoder")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.blocks = nn.Linear(2, 2), nn.ModuleList(nn.Linear(2, 2) for _ in range(3))


MINE = """
models = ["Net"]
[names]
"stem" = "embeddings"
"blocks.$" = "encoder.block.$"
"blocks.$.attention" = "encoder.block.$.attn"
"""


def test_common_structure_by_a_mapping_file(tmp_path):
    (tmp_path / "mine.toml").write_text(MINE)
    text, page = drawn(capture(Net()), common=str(tmp_path / "mine.toml"))
    assert text.splitlines() == [
        "root",
        "├── embeddings (Linear) weight:[2, 2] bias:[2]",
        "└── encoder (Virtual)",
        "    └── block (Virtual)",
        "        └── 0-2(Linear) weight:[2, 2] bias:[2]",
    ]
    assert [str(warning) for warning in page.warnings] == [
        "the mapping mine.toml does not match this Net: no module 'blocks.$.attention' (encoder.block.$.attn) "
        "(the nearest is 'blocks.$')"
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("models = [", "cannot parse the mapping m.toml"),
        ("names = {}", "missing required field `models`"),
        ('models = ["Net"]\n[nmaes]\n"a" = "b"', "unknown field `nmaes`"),
        ('models = ["Net"]\n[names]\n"a" = 3', "Expected `str`, got `int` - at `$.names[...]`"),
        ('models = ["Net"]\n[names]\n"a.$" = "b"', "both need the same number of $"),
        ('models = ["Net"]\n[names]\n"a..b" = "b"', "'a..b' is not a valid path"),
        (f'models = ["Net"]\n[names]\n"{"a." * 5000}b" = "b"', "is not a valid path"),
        ('models = ["Net"]\nextends = "brt"', "did you mean 'bert'?"),
        (b"\xff\xfe", "cannot parse"),
        ("#" * 1_000_001, "has more than 1,000,000 bytes"),
        (None, "cannot read the mapping"),
    ],
)
def test_malformed_mapping_is_an_error_with_a_hint(tmp_path, content, message):
    file = tmp_path / "m.toml"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CommonStructureError) as caught:
        read_mapping(str(file))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("common", "message"),
    [
        ("auto", "there is no common structure for Net (built-in mappings: bert, "),
        ("llama", "the mapping llama is for LlamaModel or "),
        ("lama", "unknown mapping 'lama' (did you mean 'llama'?"),
    ],
)
def test_model_without_a_mapping_keeps_its_names_with_a_warning(common, message):
    text, page = drawn(capture(Net()), common=common)
    assert "0-2(Linear)" in text
    assert message in str(page.warnings[0])


def test_mappings_of_opendelta_are_accepted():
    written = {
        "stem": {"__name__": "embeddings"},
        "blocks": {"__name__": "encoder", "$": {"__name__": "$"}},
        "gone": {"__name__": ""},
    }
    naming = from_opendelta(written, "Net")
    assert naming.names == {"stem": "embeddings", "blocks": "encoder", "blocks.$": "encoder.$"}


def test_extended_mapping_keeps_its_base():
    assert read_own("roberta").names == read_own("bert").names
    assert read_own("deberta-v2").required == read_own("bert").required
