"""The text of rows that represent several modules."""

import pytest
from trees import tensor

from bmvis.model.tree import Model, Module
from bmvis.options import Options
from bmvis.render.text import to_text
from bmvis.view.extra_reprs import merge_extra_reprs
from bmvis.view.layout import layout


@pytest.mark.parametrize(
    ("texts", "merged"),
    [
        (["p=0.1"], "p=0.1"),
        (["p=0.1", "p=0.1"], "p=0.1"),
        (["dilation=(1,)", "dilation=(32,)", "dilation=(2,)"], "dilation=(1-32,)"),
        (["p=0.1", "p=0.25"], "p=0.1-0.25"),
        (["eps=1e-05", "eps=0.001"], "eps=1e-05-0.001"),
        (["x=-1", "x=3"], "x=-1-3"),
        (["8, 16, bias=True", "16, 16, bias=True"], "8-16, 16, bias=True"),
        (["4, bias=True", "4, bias=False"], "4, bias=True/False"),
        (["p=0.1, inplace=True", "p=0.1"], "p=0.1, inplace=True or default"),
        (["k=(3, 3), s=(1, 1)", "k=(5, 3), s=(2, 2)"], "k=(3-5, 3), s=(1-2, 1-2)"),
        (["k=(3,)", "k=(3, 3)"], "k=(3,)/(3, 3)"),
        (["3, p=(1,)", "3, p=(2,), d=(2,)", "3, p=(4,), d=(4,)"], "3, p=(1-4,), d=(2-4,) or default"),
        (["a", "b"], "a/b"),
        (["a", ""], "a or default"),
        ([f"mode={letter}" for letter in "abcde"], "mode=a/b/c/… 2 more"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_merged_extra_reprs_have_ranges(texts, merged):
    assert merge_extra_reprs(texts) == merged


def test_folded_row_merges_extra_repr():
    def convolution(index: int) -> Module:
        dilation = f", dilation=({2**index},)" if index else ""  # PyTorch leaves out 1
        words = f"16, 16, kernel_size=(3,), stride=(1,), padding=({2**index},){dilation}"
        return Module(str(index), 1, "Conv1d", parameters=(tensor("weight", 16, 16, 3),), extra_repr=words)

    model = Model((Module("", 0, "Net"), *map(convolution, range(6))))
    assert to_text(layout(model, Options(extra_repr=True))).splitlines()[1].partition("# ")[2] == (
        "16, 16, kernel_size=(3,), stride=(1,), padding=(1-32,), dilation=(2-32,) or default"
    )
