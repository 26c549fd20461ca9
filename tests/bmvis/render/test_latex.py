"""Rows in LaTeX."""

import pytest
from formats import layer, net
from trees import tensor

from bmvis.options.definitions import Options
from bmvis.render.latex import to_latex
from bmvis.view.layout import layout


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (net(layer("a"), layer("b")), r"\bmvisrepeated{a,\bmvisbreak{}b}{2}"),
        (net(layer()), r"\bmvisname{fc}"),
        (
            net(layer("a", tensor("w", 2, delta=True, trainable=False))),
            r"\bmvisdelta{w:{[}2{]}} \bmvismark{delta} \bmvismark{frozen}",
        ),
        (net(layer("a", tensor("w", 2, trainable=False))), r"\bmvisfrozen{w:{[}2{]}} \bmvismark{frozen}"),
        (net(layer("a", tensor("w", 2))), r"\bmvistrainable{w:{[}2{]}}}"),
        (net(layer("é")), r"\bmvisname{é}"),
        (net(layer("名")), r"\bmvisname{\bmviscode{540D}}"),
    ],
    ids=["repeated", "plain", "delta", "frozen", "trainable", "Latin-1", "beyond Latin-1"],
)
def test_row_in_latex(model, expected):
    assert expected in to_latex(layout(model, Options()))


def test_latex_labels_the_tree_once_and_each_row():
    drawn = to_latex(layout(net(layer()), Options()), lambda path: f"<{path}>")
    assert drawn.splitlines()[0] == r"\begin{bmvistree}<>"
    assert drawn.count("<") == 2
    assert "{<fc>" in drawn


def test_no_page_ends_below_the_first_rows():
    drawn = to_latex(layout(net(*(layer(str(number), tensor("w", number)) for number in range(1, 5))), Options()))
    rows = [line for line in drawn.splitlines() if line.startswith(r"\bmvisrow")]
    assert [row.endswith(r"}\bmviskeep") for row in rows] == [True, True, *[False] * (len(rows) - 2)]


@pytest.mark.parametrize("unicode", [False, True])
def test_signs_of_bmvis_are_those_of_latex(unicode):
    """Without Unicode, other characters are written as their code points."""
    before, after = net(layer("a", tensor("w", 2))), net(layer("a", tensor("w", 2, trainable=False)))
    drawn = to_latex(layout(after, Options(), before), unicode=unicode)
    assert r"\bmvismark{trainable $\rightarrow$ frozen}" in drawn
    caption = to_latex(layout(after, Options(caption="– ≈ ≠ − × …")), unicode=unicode)
    assert r"\bmviscaption{\textendash{} $\approx$ $\ne$ $-$ \texttimes{} \ldots{}}" in caption
