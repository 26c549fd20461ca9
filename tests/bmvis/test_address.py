"""Patterns match modules as in OpenDelta; pages show the matches, and warn of patterns without one."""

import re

import pytest
from trees import bert, tensor

from bmvis import address
from bmvis.errors import HighlightError, OptionError
from bmvis.model.tree import Model, Module
from bmvis.options.definitions import Options
from bmvis.options.parsing import parse_options, parse_site_options
from bmvis.render.html.tree import to_html
from bmvis.render.latex import to_latex
from bmvis.render.text import to_text
from bmvis.view.layout import layout

BERT = bert()
LAYERS = [f"bert.encoder.layer.{index}" for index in range(12)]


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("attention.output.dense", [f"{layer}.attention.output.dense" for layer in LAYERS]),
        ("layer.3.attention", [f"{LAYERS[3]}.attention"]),
        ("bert", ["bert"]),
        ("bert.encoder.layer.0.output", [f"{LAYERS[0]}.output"]),
        ("ense", []),
        ("encoder.layer.", []),
        ("query key", [f"{layer}.attention.self.{name}" for layer in LAYERS for name in ("query", "key")]),
        ("query,bert", ["bert", *(f"{layer}.attention.self.query" for layer in LAYERS)]),
        (r"[r]layer\.(3|5)\.attention", [f"{LAYERS[3]}.attention", f"{LAYERS[5]}.attention"]),
        (r"[r]layer\.\d{1,2}", LAYERS),
        (r"[r][37]\.output", [f"{LAYERS[3]}.output", f"{LAYERS[7]}.output"]),
        (r"[r]\d+.attention.output", [f"{layer}.attention.output" for layer in LAYERS]),
        (r"[r]ense", []),
        (r"[r]layer\.3", [LAYERS[3]]),
        (r"[r]bert|encoder", ["bert"]),
        (
            r"[r].*embeddings",
            ["bert.embeddings"] + [f"bert.embeddings.{n}_embeddings" for n in ("word", "position", "token_type")],
        ),
        (r"[r]", []),
    ],
)
def test_pattern_matches_path_suffix_at_whole_names(pattern, paths):
    assert address.match(BERT, pattern) == paths


def test_pattern_rule_equals_opendelta():
    """Use the first match of an expression: `bert|encoder` matches `bert` in `bert.encoder`."""
    assert address.match(BERT, r"[r]encoder$") == ["bert.encoder"]
    assert address.match(BERT, [r"[r]bert|encoder", "cls"]) == ["bert", "cls"]


@pytest.mark.parametrize("written", ["[r](", "[r]" + "(" * 5000, "[r]" + "a" * 2000, "[r]a{99999999999999999999}"])
def test_invalid_expression_is_an_option_error(written):
    with pytest.raises(OptionError, match=r"invalid regular expression"):
        parse_options({"highlight": written})


@pytest.mark.parametrize("written", ["", " ", ","])
def test_empty_highlight_is_an_option_error(written):
    with pytest.raises(OptionError, match="for option 'highlight'"):
        parse_options({"highlight": written})


def test_highlight_is_rejected_as_a_site_default():
    with pytest.raises(OptionError, match="option 'highlight' applies to a single tree"):
        parse_site_options({"highlight": "query"})


def test_endless_regular_expression_is_stopped_and_reported(monkeypatch):
    monkeypatch.setattr(address, "TIMEOUT", 0.5)
    model = Model((Module("", 0, "M"), Module("a" * 40 + "b", 1, "Linear", parameters=(tensor("w", 1),))))
    with pytest.raises(HighlightError, match="takes longer than"):
        address.match(model, "[r](a+)+$")
    page = layout(model, Options(highlight=("[r](a+)+$",)))
    assert [row.label[0] for row in page.rows] == ["r", "a"]
    assert "takes longer" in str(page.warnings[0])


def lines(**options) -> list[str]:
    page = layout(BERT, parse_options({name.replace("_", "-"): value for name, value in options.items()}))
    return [line.lstrip("│├└─ ") for line in to_text(page).splitlines()]


def test_match_in_a_fold_unfolds_its_block():
    found = lines(highlight="layer.3.attention")
    assert [line for line in found if "(BertLayer)" in line] == ["0-2,4-11(BertLayer)", "3 (BertLayer)"]
    assert [line for line in found if "(match)" in line] == ["attention (BertAttention) (match)"]
    assert found.index("3 (BertLayer)") + 1 == found.index("attention (BertAttention) (match)")


def test_match_in_every_block_keeps_the_fold_and_counts_matches():
    found = lines(highlight="attention.output.dense")
    assert len([line for line in found if "(match)" in line]) == 1
    assert "0-11(BertLayer)" in found
    assert found[-2].endswith("; 12 matches")


def test_match_below_depth_shows_while_siblings_stay_summed_up():
    found = lines(highlight="layer.3.attention", depth="2")
    assert "attention (BertAttention) … 7 modules below, 2.4M parameters (match)" in found
    assert "0-2,4-11(BertLayer) … 13 modules below, 7.1M parameters" in found
    assert "embeddings (BertEmbeddings) … 4 modules below, 23.8M parameters" in found


def test_match_without_parameters_is_shown():
    dropout = Module("dropout", 1, "Dropout")
    model = Model((Module("", 0, "M"), dropout, Module("act", 1, "ReLU")))
    assert [row.path for row in layout(model, Options(highlight=("dropout",))).rows] == ["", "dropout"]


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("attenton.output.dense", "did you mean 'attention.output.dense'?"),
        ("layer.12.attention", "did you mean 'layer.0.attention'?"),
        (r"[r]layer\.\d+\.outptu", "did you mean 'layer.0.output'?"),
        ("attention.output.dense.weight", "it is a parameter; its module is 'attention.output.dense'"),
        ("vision.patches", "the first modules are bert, cls"),
    ],
)
def test_pattern_without_match_is_a_warning_with_suggestion(pattern, hint):
    page = layout(BERT, Options(highlight=(pattern, "bert")))
    assert page.matches == 1
    [warning] = page.warnings
    assert (warning.kind, warning.hint) == ("highlight", hint)
    assert warning.message == f"{pattern!r} matches no module of this BertForMaskedLM"


def test_html_marks_the_name_and_counts_the_matches():
    html = to_html(layout(BERT, Options(highlight=("attention.output.dense", "query"))), "bert")
    assert '<mark class="bmvis-match" data-n="12"><b>dense</b></mark>' in html
    assert "<span>24 matches</span>" in html
    assert re.search(r'<span class="bmvis-match"[^>]*>match</span>', html)
    assert "bmvis-match" not in to_html(layout(BERT, Options()), "bert")


def test_match_below_closed_levels_is_open():
    html = to_html(layout(BERT, Options(highlight=("layer.3.attention.self",), open=0)), "bert")
    opened = html.count('<details open="">')
    assert opened == 6  # the root, bert, encoder, layer, 3, attention


def test_latex_marks_the_name():
    latex = to_latex(layout(BERT, Options(highlight=("key",))))
    assert r"\bmvismatch{\bmvisname{key}}" in latex
