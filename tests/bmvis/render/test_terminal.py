"""Print trees in a terminal of any width and any number of colors."""

import io
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from formats import layer, net
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from trees import HOSTILE, bert, linear, tensor

from bmvis.model.optimizer import Optimizer, ParameterGroup
from bmvis.model.tree import Change, Model, Module
from bmvis.options.definitions import Options
from bmvis.render.terminal import (
    DELTA,
    FROZEN,
    MUTED,
    REPEATED,
    TRAINABLE,
    TYPE,
    WIDE,
    print_page,
    row_label,
    to_tree,
)
from bmvis.render.terminal_svg import to_svg
from bmvis.render.text import to_text
from bmvis.view.layout import layout

ESCAPE = re.compile(r"\x1b\[[\d;]*m")


def page(model=None, **options):
    return layout(model or bert(lora=True), Options(**options))


def printed(drawn, width: int = 100, **console) -> str:
    out = io.StringIO()
    print_page(drawn, Console(file=out, width=width, legacy_windows=False, **console))
    return out.getvalue()


def test_wide_terminal_shows_the_same_lines_as_text():
    assert printed(page(), 200).startswith(to_text(page()).partition("\n\n")[0])


def in_columns(width: int, **options) -> list[str]:
    out = io.StringIO()
    print_page(page(**options), Console(file=out, width=width, legacy_windows=False), columns=True)
    return out.getvalue().splitlines()


def test_wide_terminal_shows_counts_and_shares_in_columns():
    lines = in_columns(100, depth=5)
    assert max(map(cell_len, lines)) <= 100
    assert lines[0].split() == ["parameters", "share"]
    assert re.split(" {2,}", lines[1].strip()) == ["root (BertForMaskedLM)", "109.8M", "100 %"]
    [layer] = [line for line in lines if "0-11(BertLayer)" in line]
    assert layer.endswith("12 × 7.1M  77.7 %")
    [cut] = [line for line in lines if "attention (BertAttention)" in line]
    assert re.split(" {2,}", cut)[-3:] == ["├── attention (BertAttention) … 17 modules below", "2.4M", "26.1 %"]


def test_selected_share_is_one_column():
    lines = in_columns(100, depth=5, columns=("share",))
    assert lines[0].split() == ["share", "parameters"]
    assert [line.count("%") for line in lines if "Layer)" in line] == [1]


def test_narrow_terminal_has_no_columns():
    assert in_columns(WIDE - 1) == printed(page(), WIDE - 1).splitlines()
    assert "share" in in_columns(WIDE)[0]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_long_lines_wrap_at_the_terminal_width(width):
    lines = printed(page(), width).splitlines()
    assert max(map(cell_len, lines)) <= width
    words = re.findall(r"[\w:]+", re.sub(r"[│├└─]", " ", "\n".join(lines)))
    assert words.count("frozen") == printed(page(), 400).count("frozen") > 1


def test_wrapped_rows_have_tree_lines():
    tree = Model((Module("", 0, "Net"), linear("first", 1, 8, 8), linear("second", 1, 8, 8, trainable=False)))
    assert printed(page(tree), 32).splitlines()[:5] == [
        "root",
        "├── first (Linear) weight:[8, 8]",
        "│       bias:[8]",
        "└── second (Linear)",
        "        weight:[8, 8] (frozen)",
    ]


@pytest.mark.parametrize(
    ("facts", "first", "second"),
    [
        (
            {"extra_repr": " ".join(["option=1"] * 12), "parameters": (tensor("w", 4),)},
            "├── layer (Linear) w:[4] # option=1 option=1 option=1 option=1 option=1 option=1 option=1 option=1",
            "│       option=1 option=1 option=1 option=1",
        ),
        (
            {"parameters": (tensor(",".join(f"{letter}_long_name" for letter in "abcdefghi"), 4),)},
            "├── layer (Linear) a_long_name,b_long_name,c_long_name,d_long_name,e_long_name,f_long_name,",
            "│       g_long_name,h_long_name,i_long_name:[4]",
        ),
    ],
    ids=["words of a mark", "names of tensors"],
)
def test_part_longer_than_a_line_continues_the_line_and_breaks_at_words(facts, first, second):
    model = Model((Module("", 0, "Net"), Module("layer", 1, "Linear", **facts), linear("last", 1, 4, 4)))
    lines = printed(page(model, extra_repr=True)).splitlines()
    assert lines[1:3] == [first, second]


def test_name_longer_than_the_terminal_wraps():
    tree = Model((Module("", 0, "Net"), linear("n" * 100, 1, 8, 8)))
    rows = printed(page(tree, whole_names=True), 40).partition("weight")[0]
    assert rows.count("n") == 100 + len("(Linear)") - len("(Liear)")


def test_tree_with_a_thousand_levels_is_printed():
    deep = Model(tuple(Module("in" if depth else "", depth, "Deep") for depth in range(1000)))
    assert printed(page(deep, non_params=True), 80).count("(Deep)") == 999


PRINT = """
from rich.console import Console
from trees import bert
from bmvis.options.definitions import Options
from bmvis.render.terminal import print_page
from bmvis.view.layout import layout
print_page(layout(bert(), Options()), Console())
"""


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({"COLORTERM": "truecolor"}, "\x1b[38;2;24;136;52m"),
        ({"TERM": "xterm-256color"}, "\x1b[38;5;"),
        ({"TERM": "xterm"}, "\x1b[3"),
        ({"NO_COLOR": "1"}, ""),
        ({"TERM": "dumb"}, ""),
    ],
    ids=["24-bit", "8-bit", "16 colors", "NO_COLOR", "dumb"],
)
def test_output_uses_the_colors_of_the_terminal(environment, code):
    known = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLORTERM", "TERM")}
    done = subprocess.run(
        [sys.executable, "-c", PRINT],
        env={**known, "PYTHONPATH": os.pathsep.join(sys.path), "FORCE_COLOR": "1", **environment},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert code in done.stdout
    assert bool(ESCAPE.search(done.stdout)) == bool(code)
    assert bool(re.search("^trainable  ", ESCAPE.sub("", done.stdout), re.MULTILINE)) == bool(code)


def test_terminal_without_box_characters_gets_ascii():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_page(page(), Console(file=out, width=80))
    out.seek(0)
    assert "|   |-- word" not in out.read()
    out.seek(0)
    assert "|   +-- embeddings (BertEmbeddings)\n|   |   +-- word_embeddings" in out.read()


@pytest.mark.parametrize("name", ["\x1b[31mred", "a\rb", "a\nb", "\x9b2J", "\u202egnol", "\u2066x"])
def test_control_characters_of_a_name_are_escaped(name):
    drawn = page(Model((Module("", 0, name), linear(name, 1, 2, 2))))
    special = set(name) & set("\x1b\r\x9b\u202e\u2066")
    assert not special & set(printed(drawn) + to_svg(drawn, name))
    assert "\\u" in printed(drawn)
    assert len(printed(drawn).splitlines()) == 4


def test_rich_markup_in_a_name_is_escaped():
    assert "[bold]x[/bold] (Linear)" in printed(page(Model((Module("", 0, "N"), linear("[bold]x[/bold]", 1, 2, 2)))))


def luminance(style) -> float:
    channels = [value / 255 for value in style.color.triplet]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("style", [TYPE, TRAINABLE, FROZEN, DELTA, REPEATED])
def test_every_color_is_readable_on_black_and_on_white(style):
    assert 1.05 / (luminance(style) + 0.05) > 4.4
    assert (luminance(style) + 0.05) / 0.05 > 4.4


def test_svg_is_xml_without_network_access():
    svg = to_svg(page(Model((Module("", 0, HOSTILE), linear(HOSTILE, 1, 2, 2)))), HOSTILE + "{x}")
    root = ET.fromstring(svg)
    assert root.find("{*}title").text == HOSTILE + "{x}"
    assert "url(http" not in svg
    assert "script" not in svg
    assert "prefers-color-scheme: dark" in svg


def test_rich_tree_has_the_same_rows():
    out = io.StringIO()
    Console(file=out, width=200).print(to_tree(page()))
    assert out.getvalue().rstrip() == to_text(page()).partition("\n\n")[0]
    assert len(page().rows) > 5


@pytest.mark.parametrize(
    ("facts", "text", "style"),
    [
        ({"change": Change("removed")}, "fc", Style.parse("strike #757575")),
        ({"change": Change("added")}, "fc", DELTA),
        ({"common": "other"}, "fc", MUTED),
        ({}, "fc", None),
        ({"change": Change("removed")}, "weight:[4, 4]", Style.parse("strike #757575")),
    ],
    ids=["removed", "added", "not common", "plain", "parameter of a removed module"],
)
def test_row_style_depends_on_its_state(facts, text, style):
    label = row_label(page(net(layer(**facts))).rows[1], "float32")
    start = label.plain.index(text)
    assert next((span.style for span in label.spans if span.start == start and span.style), None) == style


def test_parameter_group_without_tensors_has_no_trainable_share():
    groups = (ParameterGroup("empty", {"lr": "1"}), ParameterGroup("full", {"lr": "2"}, 1))
    model = net(layer("fc", tensor("w", 2, groups=(1,))), optimizers=(Optimizer("SGD", groups),))
    rows = [line.split() for line in printed(page(model, optimizer=True)).splitlines()]
    assert ["0", "empty", "0", "0", "0", "%", "–", "1"] in rows
    assert ["1", "full", "1", "2", "100", "%", "all", "2"] in rows
