"""Every mark of a row, state of a tensor, fact and legend entry is in every format.

A kind that is added to `bmvis.render.row_marks` needs a case here, and each case is looked for in each format.
"""

from collections.abc import Callable
from typing import get_args

import pytest
from bs4 import BeautifulSoup
from formats import CALL, FORMATS, LAZY, assert_only_there, layer, net, terminal
from networks import densenet
from trees import tensor

from bmvis.model.call import Call
from bmvis.model.optimizer import Optimizer, ParameterGroup
from bmvis.model.tree import Buffer, Change, Module
from bmvis.options.definitions import Options
from bmvis.render import legend, row_marks, row_tensors
from bmvis.render.html.legend import CLASSES
from bmvis.render.html.tree import to_html
from bmvis.render.terminal import lines_below
from bmvis.view.layout import layout
from bmvis.view.page import Page


def inner() -> Module:
    return Module("inner", 2, "Linear", parameters=(tensor("weight", 2, 2),))


def compared(**options) -> Page:
    before = net(layer("a"), layer("b"))
    after = net(layer("a"), layer("b", tensor("weight", 4, 4, trainable=False)))
    return layout(after, Options(base="m:before", **options), before)


def changed(change: Change) -> Page:
    return layout(net(layer(change=change)), Options())


def shared() -> Page:
    again = layer("b", tensor("weight", 4, 4, tied_to="a.weight"), shared_with="a")
    return layout(net(layer("a"), again), Options())


def unlike() -> Page:
    blocks = [layer(str(n)) for n in range(5)]
    return layout(net(*blocks, layer("5", tensor("weight", 4, 4, trainable=False))), Options())


MARKS: dict[row_marks.MarkKind, tuple[Callable[[], Page], dict[str, str]]] = {
    "similar": (
        lambda: layout(densenet((2, 3)), Options(fold="similar")),
        {
            "text": "(similar: 95K-148.8K parameters each)",
            "html": 'class="bmvis-x bmvis-similar"',
            "latex": r"(similar: ",
            "json": '"similar":true',
        },
    ),
    "change": (
        lambda: changed(Change("changed", ("renamed from query",))),
        {
            "text": "(renamed from query)",
            "html": "renamed from query",
            "latex": "(renamed from query)",
            "json": '"renamed from query"',
        },
    ),
    "shared": (
        shared,
        {
            "text": "(same module as a)",
            "html": "same module as a",
            "latex": "(same module as a)",
            "json": '"shared_with":"a"',
        },
    ),
    "outputs": (
        lambda: layout(net(layer(call=CALL), call=CALL), Options()),
        {"text": "→ [1, 4]", "html": "→ [1, 4]", "latex": r"$\rightarrow$ {[}1,", "json": '"shape":[1,4]'},
    ),
    "calls": (
        lambda: layout(net(layer(call=Call()), call=CALL), Options()),
        {"text": "(not called)", "html": "not called", "latex": "(not called)", "json": '"calls":[0,0]'},
    ),
    "hidden": (
        lambda: layout(net(layer(), inner()), Options(depth=1)),
        {
            "text": "… 1 module below, 20 parameters",
            "html": "1 module below",
            "latex": r"\ldots{} 1 module below,\bmvisbreak{} 20 parameters",
            "json": '"hidden":1',
        },
    ),
    "left_out": (
        lambda: compared(only_changes=True),
        {
            "text": "… 1 module unchanged",
            "html": "… 1 module unchanged",
            "latex": "1 module unchanged",
            "json": '"left_out":1',
        },
    ),
    "not_common": (
        lambda: layout(net(layer(common="other")), Options()),
        {"text": "(not common)", "html": "bmvis-other", "latex": "(not common)", "json": '"common":"other"'},
    ),
    "match": (
        lambda: layout(net(layer()), Options(highlight=("fc",))),
        {"text": "(match)", "html": '<mark class="bmvis-match">', "latex": r"\bmvismatch{", "json": '"match":true'},
    ),
    "differs": (
        unlike,
        {
            "text": "(differs from 0-4, where it is trainable)",
            "html": 'title="differs from 0-4, where it is trainable"',
            "latex": r"(differs from 0{-}4,\bmvisbreak{} where it is trainable)",
            "json": '"differs":"differs from 0-4, where it is trainable"',
        },
    ),
    "grouped": (
        lambda: layout(net(layer(extra_repr="8, 8, kernel_size=(3,), groups=8")), Options()),
        {
            "text": "(depthwise)",
            "html": "<small>depthwise</small>",
            "latex": "(depthwise)",
            "json": '"groups":"depthwise"',
        },
    ),
    "tensors": (
        lambda: layout(net(layer("fc", *(tensor(f"w{n}", 2) for n in range(9)))), Options()),
        {
            "text": "w0-8:[2] (9 parameters)",
            "html": "<small>9 parameters</small>",
            "latex": "(9 parameters)",
            "json": '"name":"w8"',
        },
    ),
    "extra_repr": (
        lambda: layout(net(layer(extra_repr="p=0.1")), Options(extra_repr=True)),
        {
            "text": "# p=0.1",
            "html": "<small>p=0.1</small>",
            "latex": r"p=0.\bmvisbreak{}1",
            "json": '"extra_repr":"p=0.1"',
        },
    ),
}
STATES: dict[row_tensors.StateKind, tuple[Callable[[], Page], dict[str, str]]] = {
    "delta": (
        lambda: layout(net(layer("fc", tensor("w", 2, delta=True, adapter="merged"))), Options()),
        {
            "text": "(delta, merged)",
            "html": 'title="delta, merged"',
            "latex": r"delta,\bmvisbreak{} merged",
            "json": '"adapter":"merged"',
        },
    ),
    "frozen": (
        lambda: layout(net(layer("fc", tensor("w", 2, trainable=False))), Options()),
        {"text": "(frozen)", "html": 'title="frozen"', "latex": r"\bmvismark{frozen}", "json": '"trainable":false'},
    ),
    "uninitialized": (
        lambda: layout(net(layer("fc", LAZY)), Options()),
        {
            "text": "w:[?] (uninitialized)",
            "html": 'title="uninitialized"',
            "latex": "uninitialized",
            "json": '"shape":null',
        },
    ),
    "parametrized": (
        lambda: layout(net(layer("fc", tensor("w", 2, parametrized="MaxNorm"))), Options()),
        {
            "text": "w:[2] (MaxNorm)",
            "html": 'data-mark="MaxNorm"',
            "latex": r"\bmvismark{MaxNorm}",
            "json": '"parametrized":"MaxNorm"',
        },
    ),
    "stored_as": (
        lambda: layout(net(layer("a"), layer("b", tensor("w", 2, quantization="nf4"))), Options()),
        {"text": "(nf4)", "html": 'data-mark="nf4"', "latex": r"\bmvismark{nf4}", "json": '"quantization":"nf4"'},
    ),
    "groups": (
        lambda: layout(net(layer("fc", tensor("w", 2, groups=(0, 2)))), Options(optimizer=True)),
        {
            "text": "(groups 0 and 2)",
            "html": 'aria-label="groups 0 and 2"',
            "latex": "groups 0 and 2",
            "json": '"groups":[0,2]',
        },
    ),
    "change": (
        compared,
        {
            "text": "(trainable → frozen)",
            "html": "trainable → frozen",
            "latex": r"trainable $\rightarrow$ frozen",
            "json": '"trainable → frozen"',
        },
    ),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", get_args(row_marks.MarkKind))
def test_every_format_has_every_mark(kind, form):
    make, expected = MARKS[kind]
    page = make()
    assert kind in {mark.kind for row in page.rows for mark in row_marks.row_marks(row)}
    assert_only_there(page, expected, form)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", get_args(row_tensors.StateKind))
def test_every_format_has_every_state_of_a_parameter(kind, form):
    make, expected = STATES[kind]
    page = make()
    states = [s.kind for row in page.rows for p in row.parameters for s in row_tensors.parameter_states(p, page.dtype)]
    assert kind in states
    assert_only_there(page, expected, form)


BUFFERS = {
    True: {"text": "(buffer)", "html": 'title="buffer"', "latex": r"\bmvismark{buffer}", "json": '"persistent":true'},
    False: {
        "text": "(buffer, not saved)",
        "html": "buffer, not in the state dict",
        "latex": "buffer, not saved",
        "json": '"persistent":false',
    },
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("persistent", [True, False])
def test_every_format_has_buffers(persistent, form):
    buffers = (Buffer("mean", (4,), "float32", 16, persistent=persistent),)
    page = layout(net(layer(buffers=buffers)), Options(buffers=True))
    key, render = FORMATS[form]
    drawn = render(page)
    assert BUFFERS[persistent][key] in drawn
    assert BUFFERS[not persistent][key] not in drawn
    assert "mean" in drawn


@pytest.mark.parametrize("form", ["text", "terminal", "html", "latex"])
def test_every_format_reports_unchanged_modules_below_a_limit(form):
    before, after = net(layer("a"), inner(), layer("b")), net(layer("a"), inner(), layer("b", tensor("weight", 9, 4)))
    page = layout(after, Options(base="m:m", depth=1), before)
    expected = {"latex": r"below,\bmvisbreak{} unchanged"}.get(form, "1 module below, unchanged")
    assert expected in FORMATS[form][1](page)


def legend_page() -> Page:
    parameters = (
        tensor("plain", 2, tied_by=("x.y",)),
        tensor("cold", 2, trainable=False),
        tensor("new", 2, delta=True),
        tensor("old", 2, delta=True, adapter="merged"),
        tensor("came", 2, change=Change("added")),
        tensor("went", 2, change=Change("removed")),
        tensor("turned", 2, change=Change("changed", ("a → b",))),
    )
    modules = (
        layer("fc", *parameters, buffers=(Buffer("b", (1,), "float32", 4),), common="virtual", call=CALL),
        layer("other", common="other", call=CALL),
        *(layer(str(n)) for n in range(3)),
        layer("3", tensor("weight", 4, 4, trainable=False)),
    )
    optimizers = (Optimizer("SGD", (ParameterGroup(tensors=1),)),)
    options = Options(buffers=True, highlight=("other",), optimizer=True)
    return layout(net(*modules, call=CALL, optimizers=optimizers), options)


def test_legend_has_every_kind_that_occurs():
    page = legend_page()
    similar = layout(densenet((2, 3)), Options(fold="similar"))
    assert {entry.kind for entry in [*legend.legend(page), *legend.legend(similar)]} == set(get_args(legend.LegendKind))
    assert set(get_args(legend.LegendKind)) == set(CLASSES)
    drawn = BeautifulSoup(to_html(page, "m"), "html.parser").select(".bmvis-legend > span")
    assert [(entry["class"], entry.get_text(), entry.get("data-mark", "")) for entry in drawn[1:]] == [
        (CLASSES[entry.kind].split(), entry.text, entry.detail) for entry in list(legend.legend(page))[1:]
    ]
    assert drawn[0].get_text() == "0 parameter group"


def test_legend_has_nothing_that_does_not_occur():
    assert [entry.kind for entry in legend.legend(layout(net(layer()), Options()))] == ["trainable"]
    assert [line.plain for line in lines_below(layout(net(layer()), Options()))][-1] == "trainable"


def test_terminal_explains_each_color_once():
    assert lines_below(legend_page())[-1].plain == "trainable  frozen  delta  repeated"


def test_output_without_colors_has_no_legend_of_colors():
    """The words on the rows, such as `(frozen)`, are enough."""
    printed = terminal(legend_page())
    assert printed.splitlines()[-1] == lines_below(legend_page())[-2].plain
    assert "(frozen)" in printed
