"""`extra-repr` shows what modules say of themselves, where that is true of all that a row stands for."""

import time

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from bmvis import capture
from bmvis.comparison.drift import find_drift
from bmvis.extraction import extra_repr
from bmvis.options import Options
from bmvis.render.html.tree import to_html
from bmvis.render.text import to_text
from bmvis.view.layout import layout


def drawn(model: nn.Module, **options) -> list[str]:
    text = to_text(layout(capture(model), Options(**{"extra_repr": True, "non_params": True} | options)), marks=False)
    return [line.lstrip("│├└─ ") for line in text.splitlines()]


class Saying(nn.Module):
    """A module that says what it is told to."""

    def __init__(self, words):
        super().__init__()
        self.words = words
        self.weight = nn.Parameter(torch.zeros(1))

    def extra_repr(self):
        return self.words() if callable(self.words) else self.words


def test_extra_repr_follows_the_shapes():
    model = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.Dropout(0.1), nn.ReLU())
    assert drawn(model) == [
        "root",
        "0 (Conv2d) weight:[8, 3, 3, 3] bias:[8] # 3, 8, kernel_size=(3, 3), stride=(2, 2)",
        "1 (Dropout) # p=0.1, inplace=False",
        "2 (ReLU)",
    ]
    assert "# " not in "".join(drawn(model, extra_repr=False))


def test_folded_row_merges_extra_repr_of_its_members():
    layers = [nn.Sequential(nn.Dropout(p), nn.Linear(2, 2)) for p in (0.1, 0.1, 0.2)]
    assert drawn(nn.Sequential(*layers[:2]))[2] == "0 (Dropout) # p=0.1, inplace=False"
    assert drawn(nn.Sequential(*layers)) == [
        "root",
        "0-2(Sequential)",
        "0 (Dropout) # p=0.1-0.2, inplace=False",
        "1 (Linear) weight:[2, 2] bias:[2] # in_features=2, out_features=2, bias=True",
    ]


@pytest.mark.parametrize("shown", [True, False], ids=["asked for", "not"])
def test_extra_repr_does_not_affect_folding(shown):
    model = nn.Sequential(*(nn.Conv1d(1, 1, 1, dilation=d) for d in (1, 2, 3)))
    words = " # 1, 1, kernel_size=(1,), stride=(1,), dilation=(2-3,) or default" if shown else ""
    assert drawn(model, extra_repr=shown) == ["root", f"0-2(Conv1d) weight:[1, 1, 1] bias:[1]{words}"]


def test_extra_modules_of_a_longer_sibling_do_not_mix_extra_reprs():
    with_dropout = nn.Sequential(nn.Dropout(0.5), nn.Linear(1, 1))
    without = nn.Sequential(nn.Identity(), nn.Linear(1, 1))
    rows = drawn(nn.Sequential(with_dropout, without), non_params=False)
    assert rows == [
        "root",
        "0-1(Sequential)",
        "1 (Linear) weight:[1, 1] bias:[1] # in_features=1, out_features=1, bias=True",
    ]


def refuse():
    raise ValueError


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        pytest.param("a\n  b", "a b", id="lines"),
        pytest.param("<b>&", "<b>&", id="markup"),
        pytest.param("f=<function f at 0x7f00deadbeef>", "f=<function f>", id="address"),
        pytest.param("x" * 10**6, "x" * (extra_repr.MAX_LENGTH - 1) + "…", id="huge"),
        pytest.param(refuse, "", id="raises"),
        pytest.param(lambda: recurse(), "", id="recursion"),
        pytest.param(lambda: 7, "", id="no text"),
        pytest.param("\ud800", "\\ud800", id="half a pair"),
    ],
)
def test_extra_repr_is_one_short_line(words, shown):
    model = Saying(words)
    assert capture(model).root.extra_repr == shown
    html = to_html(layout(capture(model), Options(extra_repr=True)), "said")
    assert "<b>&" not in html


def recurse():
    return recurse()


def test_slow_words_are_not_waited_for(monkeypatch):
    monkeypatch.setattr(extra_repr, "TIME_LIMIT", 0.05)
    model = nn.Sequential(*(Saying(lambda: time.sleep(0.03) or "slow") for _ in range(50)))
    words = [module.extra_repr for module in capture(model).modules[1:]]
    assert words[0] == "slow"
    assert 1 <= words.count("slow") <= 2


def test_quick_words_are_heard_from_any_number_of_modules(monkeypatch):
    monkeypatch.setattr(extra_repr, "TIME_LIMIT", 1e-6)
    model = nn.ModuleList(Saying("quick") for _ in range(1_000))
    words = [module.extra_repr for module in capture(model).modules[1:]]
    assert words[:10] == ["quick"] * 10  # after a pause of the machine none might be asked


def test_parametrized_module_is_not_asked_for_extra_repr():
    model = parametrizations.spectral_norm(nn.Linear(4, 4)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert capture(model).root.extra_repr == ""
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_change_of_words_is_drift():
    before, after = (capture(nn.Sequential(nn.Dropout(p))) for p in (0.1, 0.2))
    assert str(find_drift(before, after)).strip() == "~ 0  p: 0.1 → 0.2"
