"""Option `extra-repr`: show the `extra_repr()` common to all modules of a row."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from bmvis import capture
from bmvis.comparison.drift import find_drift
from bmvis.extraction import extra_repr
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.render.text import to_text
from bmvis.view.layout import layout


def drawn(model: nn.Module, **options) -> list[str]:
    text = to_text(layout(capture(model), Options(**{"extra_repr": True, "non_params": True} | options)), marks=False)
    return [line.lstrip("│├└─ ") for line in text.splitlines()]


class Described(nn.Module):
    """A module with a given `extra_repr()`."""

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


def test_the_items_of_a_set_are_in_order_because_theirs_depends_on_the_hash_seed():
    words = "names={'b', 'a'}, of={'b': {2, 1}}, pairs={(2, 1), (1, 2)}"
    assert drawn(Described(words)) == ["root weight:[1] # names={'a', 'b'}, of={'b': {1, 2}}, pairs={(2, 1), (1, 2)}"]


def test_folded_row_merges_extra_repr_of_its_members():
    layers = [nn.Sequential(nn.Dropout(p), nn.Linear(2, 2)) for p in (0.1, 0.1, 0.2)]
    assert drawn(nn.Sequential(*layers[:2]))[2] == "0 (Dropout) # p=0.1, inplace=False"
    assert drawn(nn.Sequential(*layers)) == [
        "root",
        "0-2(Sequential)",
        "0 (Dropout) # p=0.1-0.2, inplace=False",
        "1 (Linear) weight:[2, 2] bias:[2] # in_features=2, out_features=2, bias=True",
    ]


@pytest.mark.parametrize("shown", [True, False], ids=["shown", "hidden"])
def test_extra_repr_does_not_affect_folding(shown):
    model = nn.Sequential(*(nn.Conv1d(1, 1, 1, dilation=d) for d in (1, 2, 3)))
    words = " # 1, 1, kernel_size=(1,), stride=(1,), dilation=(2-3,) or default" if shown else ""
    assert drawn(model, extra_repr=shown) == ["root", f"0-2(Conv1d) weight:[1, 1, 1] bias:[1]{words}"]


def test_extra_reprs_of_siblings_with_other_children_do_not_mix():
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
    model = Described(words)
    assert capture(model).root.extra_repr == shown
    html = to_html(layout(capture(model), Options(extra_repr=True)), "m")
    assert "<b>&" not in html


def recurse():
    return recurse()


@pytest.mark.parametrize(
    ("seconds", "called"),
    [(extra_repr.TIME_LIMIT / 2, 2), (extra_repr.SLOW_CALL, 1000), (extra_repr.SLOW_CALL * 1.01, 199)],
    ids=["slow", "fast", "just too slow"],
)
def test_slow_extra_repr_is_skipped_after_a_limit(seconds, called, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(extra_repr, "time", clock)
    model = nn.Sequential(*(Described(lambda: clock.wait(seconds) or "words") for _ in range(1000)))
    words = [module.extra_repr for module in capture(model).modules[1:]]
    assert words == ["words"] * called + [""] * (1000 - called)


class Clock:
    """A clock that advances only when it is waited for."""

    def __init__(self):
        self.now = 0.0

    def wait(self, seconds):
        self.now += seconds

    def perf_counter(self):
        return self.now


def test_extra_repr_of_parametrized_module_is_not_called():
    model = parametrizations.spectral_norm(nn.Linear(4, 4)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert capture(model).root.extra_repr == ""
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_changed_extra_repr_is_drift():
    before, after = (capture(nn.Sequential(nn.Dropout(p))) for p in (0.1, 0.2))
    assert str(find_drift(before, after)).strip() == "~ 0  p: 0.1 → 0.2"
