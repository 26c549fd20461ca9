"""Every fact of a page's totals, every note below a tree and every limit is in every format."""

from collections.abc import Callable
from typing import get_args

import msgspec
import pytest
from bs4 import BeautifulSoup
from formats import CALL, FORMATS, LAZY, assert_only_there, layer, net
from trees import tensor

from bmvis.model.call import Call, Output
from bmvis.model.call_summary import ALL_OPERATIONS, CallSummary
from bmvis.model.optimizer import Optimizer, ParameterGroup
from bmvis.model.tree import Module, Problem
from bmvis.options.definitions import Options
from bmvis.render import row_calls, row_marks, summary
from bmvis.render.html.tree import to_html
from bmvis.render.text import to_text
from bmvis.view.layout import layout
from bmvis.view.page import Page


def mixed() -> Page:
    return layout(net(layer("a", tensor("v", 2), tensor("w", 6, trainable=False, delta=True))), Options())


def spread() -> Page:
    elsewhere = msgspec.structs.replace(tensor("w", 2), device="cuda:0", dtype="bfloat16")
    here = msgspec.structs.replace(tensor("v", 4), device="cpu")
    return layout(net(layer("a", here, elsewhere)), Options())


def called(**facts) -> Page:
    return layout(net(layer(call=CALL), call=msgspec.structs.replace(CALL, **facts)), Options())


def optimized() -> Page:
    groups = (ParameterGroup("head", {"lr": "0.1"}, 1),)
    model = net(
        layer("a", tensor("v", 2, groups=(0,)), tensor("w", 6, groups=())), optimizers=(Optimizer("SGD", groups),)
    )
    return layout(model, Options(optimizer=True))


def compared() -> Page:
    before = net(layer("a", tensor("v", 2000), tensor("w", 1000, trainable=False, delta=True)))
    return layout(net(layer("a", tensor("v", 9))), Options(base="m:before"), before)


def tied() -> Page:
    return layout(net(layer("a"), layer("b", tensor("weight", 4, 4, tied_to="a.weight"))), Options())


def many_outputs() -> Page:
    call = msgspec.structs.replace(CALL, outputs=tuple(Output(name, (1,)) for name in "abcde"))
    return layout(net(layer(call=call), call=CALL), Options())


def recorded() -> Page:
    versions = {"mylib": "1.2", "torch": "2.13.0"}
    problem = Problem("no output shapes in the snapshot")
    return layout(net(layer(), versions=versions, is_recorded=True, untraced=problem), Options())


FACTS: dict[summary.FactKind, tuple[Callable[[], Page], dict[str, str]]] = {
    "active": (
        lambda: msgspec.structs.replace(mixed(), active=4),
        {
            "text": "4 active for each token",
            "html": "active for each token",
            "latex": "4 active for each token",
            "json": '"active":4',
        },
    ),
    "note": (
        recorded,
        {
            "text": "output shapes and MACs not in the snapshot\nrecorded with torch 2.13.0, mylib 1.2",
            "html": "recorded with torch 2.13.0, mylib 1.2",
            "latex": r"recorded with torch 2.\bmvisbreak{}13.\bmvisbreak{}0,\bmvisbreak{} mylib 1.\bmvisbreak{}2",
            "json": '"recorded_with":{"mylib":"1.2","torch":"2.13.0"},"missing":["recorded call"]',
        },
    ),
    "count": (
        mixed,
        {"text": "Net: 8 parameters", "html": "8 parameters", "latex": "8 parameters", "json": '"parameters":8'},
    ),
    "trainable": (
        mixed,
        {
            "text": "2 trainable (25 %)",
            "html": "2 trainable (25 %)",
            "latex": r"2 trainable (25 \%)",
            "json": '"trainable":2,',
        },
    ),
    "delta": (
        mixed,
        {"text": "6 delta (75 %)", "html": "6 delta (75 %)", "latex": r"6 delta (75 \%)", "json": '"delta":6'},
    ),
    "uninitialized": (
        lambda: layout(net(layer("a", LAZY)), Options()),
        {
            "text": "1 uninitialized and not counted",
            "html": "1 uninitialized, not counted",
            "latex": "1 uninitialized and not counted",
            "json": '"shape":null',
        },
    ),
    "storage": (
        spread,
        {
            "text": "float32 + bfloat16 on cpu + cuda:0",
            "html": "float32 + bfloat16 on cpu + cuda:0",
            "latex": "float32 + bfloat16 on cpu + cuda:0",
            "json": '"device":"cuda:0"',
        },
    ),
    "bytes": (
        mixed,
        {"text": "; float32, 32 bytes", "html": ">32 bytes<", "latex": "32 bytes", "json": '"bytes":32'},
    ),
    "call": (
        called,
        {
            "text": "one call: 16 MACs, 64 bytes computed",
            "html": 'title="16 MACs in one call">16 MACs, 64 bytes computed',
            "latex": r"one call: 16 MACs,\bmvisbreak{} 64 bytes computed",
            "json": '"macs":[16,16]',
        },
    ),
    "matches": (
        lambda: layout(net(layer()), Options(highlight=("fc",))),
        {"text": "; 1 match", "html": "<span>1 match</span>", "latex": "; 1 match", "json": '"match":true'},
    ),
}
NOTES: dict[str, tuple[Callable[[], Page], dict[str, str]]] = {
    "totals of the model before": (
        compared,
        {
            "text": "before: Net, 3,000 parameters, 2,000 trainable, 1,000 delta; float32, 12 KB",
            "html": '<span role="img" title="12,000 bytes">12 KB</span>',
            "latex": r"before: Net,\bmvisbreak{} 3,\bmvisbreak{}000 parameters",
            "json": '"before":{"parameters":3000,"trainable":2000,"delta":1000,"bytes":12000}',
        },
    ),
    "tied tensors": (
        tied,
        {
            "text": "tied: b.weight = a.weight",
            "html": 'title="tied to a.weight"',
            "latex": r"tied: b.\bmvisbreak{}weight = a.\bmvisbreak{}weight",
            "json": '"tied_to":"a.weight"',
        },
    ),
    "names of parameter groups": (
        optimized,
        {"text": "0 head", "html": '<th scope="row">0 head</th>', "latex": "0 head & 1", "json": '"name":"head"'},
    ),
    "parameters in no group": (
        optimized,
        {
            "text": "! 1 trainable parameter (6 elements) is in no group, so never updated: a.w",
            "html": "never updated: <code>a.w</code>",
            "latex": r"so never updated: a.\bmvisbreak{}w",
            "json": '"places":["a.w"]',
        },
    ),
    "hyperparameters": (
        optimized,
        {"text": "lr 0.1", "html": "lr 0.1", "latex": r"lr 0.\bmvisbreak{}1", "json": "lr 0.1"},
    ),
    "outputs beyond the limit of a row": (
        many_outputs,
        {"text": "c:[1] … 2 more", "html": "c:[1] … 2 more", "latex": r"\ldots{} 2 more", "json": '"name":"e"'},
    ),
    "operations without a count": (
        lambda: called(uncounted=("m::a",)),
        {
            "text": "at least 16 MACs, 64 bytes computed; 1 operation not counted (m::a)",
            "html": 'title="at least 16 MACs in one call">at least 16 MACs, 64 bytes computed; 1 operation not counted',
            "latex": "1 operation not counted (m::a)",
            "json": '"uncounted":["m::a"]',
        },
    ),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", get_args(summary.FactKind))
def test_every_format_has_every_fact(kind, form):
    make, expected = FACTS[kind]
    page = make()
    assert kind in {fact.kind for fact in summary.totals_facts(page)}
    assert_only_there(page, expected, form)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("note", NOTES)
def test_every_format_has_every_note(note, form):
    make, expected = NOTES[note]
    assert_only_there(make(), expected, form)


def test_notes_have_an_order():
    before = net(layer("a"), layer("b", tensor("weight", 4, 4, tied_to="a.weight")))
    page = msgspec.structs.replace(layout(before, Options()), before=mixed().totals, call_summary=called().call_summary)
    assert [note.partition(":")[0] for note in summary.notes(page)] == ["Net", "one call", "before", "tied"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, "16 MACs, 64 bytes computed"),
        ({"macs": (0, 3_200_000_000), "bytes": (64, 2000)}, "0-3.2G MACs, 64 bytes-2 KB computed"),
        ({"uncounted": tuple("abcd")}, "at least 16 MACs, 64 bytes computed; 4 operations not counted (a, b, c, d)"),
        (
            {"uncounted": tuple("abcde")},
            "at least 16 MACs, 64 bytes computed; 5 operations not counted (a, b, c, d, …)",
        ),
        ({"uncounted": (ALL_OPERATIONS,)}, "MACs not counted: the model fails when its operations are traced"),
    ],
    ids=["exact", "range", "as many as are named", "more than are named", "all"],
)
def test_macs_text_names_uncounted_operations(facts, expected):
    calls = CallSummary(**{"outputs": (), "calls": (1, 1), "macs": (16, 16), "bytes": (64, 64), **facts})
    assert row_calls.macs_text(calls) == expected


@pytest.mark.parametrize(
    ("calls", "expected"),
    [((0, 0), "not called"), ((0, 2), "called 0-2 times"), ((3, 3), "called 3 times"), ((1, 1), "")],
)
def test_calls_of_a_row(calls, expected):
    model = net(*(layer(str(number), call=Call(count)) for number, count in enumerate(calls)), call=CALL)
    marks = [mark.text for mark in row_marks.row_marks(layout(model, Options()).rows[1]) if mark.kind == "calls"]
    assert marks == [expected] * bool(expected)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (net(layer("a")), ["16 parameters: 100 %; 64 bytes"]),
        (net(*(layer(str(n)) for n in range(4))), ["16 parameters each, 4 times, together 100 %; 64 bytes"]),
        (net(Module("a", 1, "", parameters=(tensor("w", 2),)), is_checkpoint=True), ["2 elements: 100 %; 8 bytes"]),
        (
            net(layer("a", tensor("v", 3), msgspec.structs.replace(tensor("w", 1), dtype="int8"))),
            ["4 parameters: 100 %; 16 bytes, float32 + int8"],
        ),
        (net(Module("a", 1, "ReLU")), []),
    ],
    ids=["one", "repeated", "checkpoint", "data types", "no parameters"],
)
def test_tooltip_of_the_count(model, expected):
    page = layout(model, Options(non_params=True))
    counts = BeautifulSoup(to_html(page, "m"), "html.parser").select("li li data")
    assert [count["title"] for count in counts] == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (net(layer("a", tensor("w", 25_000))), ["25K parameters", "100 KB"]),
        (net(layer("a", tensor("w", 25)), is_checkpoint=True), ["25 elements", "100 bytes"]),
        (
            net(layer("a", tensor("v", 1), tensor("w", 3, delta=True, trainable=False))),
            ["4 parameters", "25 % trainable", "75 % delta", "16 bytes"],
        ),
        (net(Module("a", 1, "ReLU")), ["no parameters"]),
    ],
    ids=["plain", "checkpoint", "adapter", "none"],
)
def test_card_has_the_facts_of_its_model(model, expected):
    assert summary.card_facts(layout(model, Options())) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, None),
        ({"quantization": "nf4"}, "nf4"),
        ({"delta": True, "adapter": "merged"}, "merged"),
        ({"delta": True, "adapter": "merged", "quantization": "nf4"}, "merged, nf4"),
    ],
)
def test_mark_in_the_margin_of_a_parameter(facts, expected):
    page = layout(net(layer("a"), layer("b", tensor("w", 2, **facts))), Options())
    drawn = BeautifulSoup(to_html(page, "m"), "html.parser").select_one('[id="m.b"] .bmvis-p')
    assert drawn is not None
    assert drawn.get("data-mark") == expected


@pytest.mark.parametrize(
    ("facts", "title", "target"),
    [
        ({"tied_to": "a.weight"}, "tied to a.weight", "#m.a"),
        ({"tied_by": ("a.weight", "z.weight")}, "tied to a.weight, z.weight", "#m.a"),
        ({"tied_to": "gone.weight"}, "tied to gone.weight", None),
    ],
    ids=["later", "first", "row is not shown"],
)
def test_link_of_a_tied_parameter(facts, title, target):
    page = layout(net(layer("a"), layer("b", tensor("w", 4, 4, **facts))), Options())
    link = BeautifulSoup(to_html(page, "m"), "html.parser").select_one('[id="m.b"] .bmvis-tie')
    assert link is not None
    assert (link["title"], link.get("href")) == (title, target)


TOTALS = {
    "one": (net(Module("a", 1, "P", parameters=(tensor("w"),))), "Net: 1 parameter, all trainable; float32, 4 bytes"),
    "none": (net(Module("a", 1, "ReLU")), "Net: no parameters"),
    "frozen": (net(layer("a", tensor("w", 2, trainable=False))), "Net: 2 parameters, all frozen; float32, 8 bytes"),
    "mixed": (
        net(layer("a", tensor("v", 2), tensor("w", 6, trainable=False, delta=True))),
        "Net: 8 parameters, 2 trainable (25 %), 6 delta (75 %); float32, 32 bytes",
    ),
    "checkpoint": (net(layer("a", tensor("w", 2)), is_checkpoint=True), "Net: 2 elements; float32, 8 bytes"),
    "one element": (net(layer("a", tensor("w")), is_checkpoint=True), "Net: 1 element; float32, 4 bytes"),
    "lazy": (
        net(layer("a", LAZY)),
        "Net: 0 parameters, 1 uninitialized and not counted; float32, 0 bytes",
    ),
}


@pytest.mark.parametrize("name", TOTALS)
def test_totals_are_equal_in_text_and_html(name):
    model, expected = TOTALS[name]
    page = layout(model, Options())
    assert to_text(page).splitlines()[-1] == expected
    shown = BeautifulSoup(to_html(page, "m"), "html.parser").select(".bmvis-totals > span")
    exact = [fact.get("title") or fact.get_text() for fact in shown]
    assert exact[0] == expected.removeprefix("Net: ").split(",")[0].split(";")[0]
    assert name == "none" or exact[-1] == expected.rpartition(", ")[2]


def test_totals_on_the_page_are_rounded_and_exact_in_their_tooltips():
    page = layout(net(layer("a", tensor("w", 500, 500))), Options())
    shown = BeautifulSoup(to_html(page, "m"), "html.parser").select(".bmvis-totals > span")
    assert [(fact.get_text(), fact.get("title")) for fact in shown] == [
        ("250K parameters", "250,000 parameters"),
        ("all trainable", None),
        ("float32", None),
        ("1 MB", "1,000,000 bytes"),
    ]
