"""Optimizers that a factory returns with its model: parameter groups and findings."""

from __future__ import annotations

import inspect
import json
import re

import pytest
import torch
from bs4 import BeautifulSoup
from click.testing import CliRunner
from torch import nn, optim

from bmvis.cli import main
from bmvis.comparison.drift import find_drift
from bmvis.errors import FactoryError, OptionError
from bmvis.extraction.modules import capture, capture_live
from bmvis.extraction.optimizers import note_groups, unpack
from bmvis.model.snapshot import Snapshot, dump, load
from bmvis.model.tree import Model
from bmvis.options.parsing import parse_options, parse_site_options
from bmvis.render.html.tree import to_html
from bmvis.render.json_data import to_data
from bmvis.render.latex import to_latex
from bmvis.render.text import to_text
from bmvis.view.layout import layout
from bmvis.view.page import Page
from bmvis.view.param_groups import ParamGroupTable

OPTIMIZERS = sorted(
    (cls for cls in vars(optim).values() if inspect.isclass(cls) and issubclass(cls, optim.Optimizer)),
    key=lambda cls: cls.__name__,
)
OPTIMIZERS.remove(optim.Optimizer)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.dense = nn.Linear(8, 8)


class Net(nn.Module):
    """Four blocks between tied ends: 64 + 4 x (16 + 72) + 8 = 424 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(8, 8)
        self.blocks = nn.ModuleList(Block() for _ in range(4))
        self.head = nn.Linear(8, 8)
        self.head.weight = self.embed.weight


def net() -> Net:
    with torch.device("meta"):
        return Net()


def model_of(model: nn.Module, *returned: object) -> Model:
    return note_groups(capture_live(model), returned).tree


def page_of(model: nn.Module, *returned: object, **written: str) -> Page:
    return layout(model_of(model, *returned), parse_options({"optimizer": None, **written}))


def training_of(model: nn.Module, *returned: object) -> ParamGroupTable:
    training = page_of(model, *returned).param_groups
    assert training is not None
    return training


def split(model: nn.Module, *, by=lambda name, p: p.ndim > 1) -> list[dict[str, object]]:
    """Return the usual two groups: parameters with and without weight decay."""
    named = list(model.named_parameters())
    return [
        {"params": [p for n, p in named if by(n, p)], "weight_decay": 0.01},
        {"params": [p for n, p in named if not by(n, p)], "weight_decay": 0.0},
    ]


def found(training: ParamGroupTable) -> dict[str, str]:
    return {finding.kind: str(finding) for finding in training.findings}


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda cls: cls.__name__)
def test_param_groups_of_every_torch_optimizer(optimizer):
    model = nn.Sequential(nn.Linear(8, 4, bias=False), nn.Linear(4, 2, bias=False)).to("meta")
    made = optimizer(model.parameters()) if optimizer is not optim.SGD else optimizer(model.parameters(), lr=0.1)
    before = {key: value for key, value in made.param_groups[0].items() if key != "params"}
    states = len(made.state)
    training = training_of(model, made)
    [group] = training.groups
    assert (group.number, group.tensors, group.totals.count) == (0, 2, 40)
    assert not training.findings
    assert training.heads[0].startswith(f"{optimizer.__name__}: lr ")
    assert {key: value for key, value in made.param_groups[0].items() if key != "params"} == before
    assert len(made.state) == states


def test_small_number_is_in_one_line():
    model = net()
    html = to_html(page_of(model, optim.AdamW(split(model), lr=2e-5)), "m")
    head = BeautifulSoup(html, "html.parser").select_one(".bmvis-training p")
    assert head.get_text() == "AdamW lr 2e-05, betas (0.9, 0.999), eps 1e-08"
    assert [part.get_text() for part in head.select("span")] == ["2e-05", "1e-08"]


def test_param_groups_have_settings_and_counts():
    model = net()
    training = training_of(model, optim.AdamW(split(model), lr=2e-5, betas=(0.9, 0.95)))
    assert training.heads == ("AdamW: lr 2e-05, betas (0.9, 0.95), eps 1e-08",)
    assert training.columns == ("weight_decay",)
    groups = [(g.label, g.tensors, g.totals.count, g.totals.trainable, g.settings) for g in training.groups]
    assert groups == [("0", 5, 320, 320, ("0.01",)), ("1", 13, 104, 104, ("0",))]
    assert sum(group.totals.count for group in training.groups) == sum(p.numel() for p in model.parameters())
    assert not training.findings


def test_param_groups_have_names_and_initial_rates_of_schedulers():
    model = net()
    groups = [{**group, "name": name} for group, name in zip(split(model), ("decay", "no decay"), strict=True)]
    optimizer = optim.SGD(groups, lr=0.5)
    schedule = optim.lr_scheduler.LambdaLR(optimizer, lambda step: (step + 1) / 10)
    training = training_of(model, optimizer, schedule)
    assert [group.label for group in training.groups] == ["0 decay", "1 no decay"]
    assert training.heads[0].startswith("SGD with LambdaLR: lr 0.05 (initially 0.5), momentum 0")


def test_different_rates_split_the_fold_only_with_optimizer():
    model = net()
    rates = [{"params": block.parameters(), "lr": 0.1 * 0.5**depth} for depth, block in enumerate(model.blocks)]
    model_read = model_of(model, optim.SGD([*rates, {"params": [*model.head.parameters()]}], lr=0.1))
    with_groups = layout(model_read, parse_options({"optimizer": None}))
    assert [row.label for row in with_groups.rows if row.depth == 2] == ["0", "1", "2", "3"]
    alone = layout(model_read, parse_options({}))
    assert [row.label for row in alone.rows if row.depth == 2] == ["0-3"]
    assert to_text(alone) == to_text(layout(capture(model), parse_options({})))
    assert [row.differs for row in with_groups.rows if row.depth == 2][1] == (
        "differs from blocks.0, where all parameters are in group 0"
    )


def broken_missing(model):
    return optim.SGD([p for n, p in model.named_parameters() if "blocks.3" not in n and n != "head.bias"], lr=1)


def broken_frozen(model):
    model.embed.requires_grad_(False)
    return optim.SGD(model.parameters(), lr=1)


def broken_twice(model):
    return optim.SGD(model.parameters(), lr=1), optim.Adam(model.blocks[1].dense.parameters())


def broken_empty(model):
    return optim.SGD([{"params": model.parameters()}, {"params": []}], lr=1)


def broken_foreign(model):
    optimizer = optim.SGD(model.parameters(), lr=1)
    model.head = nn.Linear(8, 2, bias=False, device="meta").requires_grad_(False)
    return optimizer


def broken_decay(model):
    return optim.AdamW(split(model, by=lambda name, p: not name.endswith("bias")))


@pytest.mark.parametrize(
    ("broken", "kind", "text"),
    [
        (
            broken_missing,
            "missing",
            "5 trainable parameters (96 elements) are in no group, so never updated: blocks.3.norm.weight, "
            "blocks.3.norm.bias, blocks.3.dense.weight, blocks.3.dense.bias, and 1 more",
        ),
        (
            broken_frozen,
            "frozen",
            "1 frozen parameter (64 elements) is in a group, but frozen parameters are never updated: embed.weight",
        ),
        (
            broken_twice,
            "twice",
            "2 parameters (72 elements) are in more than one group, so updated by each: "
            "blocks.1.dense.weight, blocks.1.dense.bias",
        ),
        (broken_empty, "empty", "group 1 is empty"),
        (
            broken_foreign,
            "foreign",
            "in group 0, 1 of 18 tensors are not in the model: was a module replaced after the optimizer was created?",
        ),
        (
            broken_decay,
            "decay",
            "4 biases and normalization weights (32 elements) are in a group with weight decay, though another group "
            "has none: blocks.0-3.norm.weight",
        ),
    ],
)
def test_optimizer_findings(broken, kind, text):
    model = net()
    returned = broken(model)
    page = page_of(model, *(returned if isinstance(returned, tuple) else [returned]))
    assert found(page.param_groups) == {kind: text}
    [warning] = page.warnings
    assert (warning.kind, warning.message) == ("optimizer", text)
    assert warning.hint == f"fix the factory, or accept={kind} if intended"
    for draw in (to_text, to_latex, lambda page: to_html(page, "m")):
        assert kind == "empty" or "group" in draw(page)
    assert not page_of(model, *(returned if isinstance(returned, tuple) else [returned]), accept=kind).warnings


def test_weight_decay_on_all_parameters_is_no_finding():
    model = net()
    assert not training_of(model, optim.AdamW(model.parameters(), weight_decay=0.1)).findings


def test_groups_of_several_optimizers_are_numbered_consecutively():
    model = net()
    muon = optim.Muon([p for p in model.blocks.parameters() if p.ndim > 1], lr=0.02)
    rest = {id(p) for p in muon.param_groups[0]["params"]}
    training = training_of(model, muon, optim.AdamW([p for p in model.parameters() if id(p) not in rest], lr=3e-4))
    assert [(g.label, g.optimizer, g.totals.count) for g in training.groups] == [
        ("0", "Muon", 256),
        ("1", "AdamW", 168),
    ]
    assert training.columns[0] == "lr"
    assert [group.settings[0] for group in training.groups] == ["0.02", "0.0003"]
    assert not training.findings


def test_parameters_without_group_have_their_own_line():
    model = net()
    model.embed.requires_grad_(False)
    training = training_of(model, optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1))
    assert [(g.label, g.tensors, g.totals.count, g.totals.trainable) for g in training.groups] == [
        ("0", 17, 360, 360),
        ("none", 1, 64, 0),
    ]
    assert not training.findings


class Unprintable:
    def __repr__(self) -> str:
        raise AssertionError("repr() was called")

    __str__ = __repr__


def test_hyperparameters_can_be_any_object():
    model = nn.Linear(2, 2)
    optimizer = optim.SGD(model.parameters(), lr=torch.tensor(0.25))
    markup = "<img src=x onerror=alert(1)>"
    optimizer.param_groups[0] |= {
        "unprintable": Unprintable(),
        "long": "x" * 10_000,
        "many": list(range(1000)),
        "name": markup,
        markup: 1,
        "call": torch.relu,
    }
    page = page_of(model, optimizer)
    [head] = page.param_groups.heads
    assert head.startswith("SGD: lr 0.25, momentum 0, dampening 0, ")
    assert re.search(r"unprintable [\w.]*\.Unprintable\(\)", head)
    assert re.search(r"many 1000 values #[0-9a-f]+\b", head)
    assert "call relu" in head
    assert len(head) < 400
    assert not BeautifulSoup(to_html(page, "m"), "html5lib").select("img")


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (("text", 1), "'zoo:f' returned a tuple"),
        (None, "'zoo:f' returned None"),
        ({"model": 1}, "'zoo:f' returned a dict"),
        ((nn.Linear(1, 1), {"lr": 1}), "'zoo:f' returned a module and a dict"),
        ((nn.Linear(1, 1), [None]), "'zoo:f' returned a module and None"),
    ],
)
def test_invalid_return_values_are_rejected(returned, message):
    with pytest.raises(FactoryError) as raised:
        unpack(returned, "zoo:f")
    assert raised.value.message == message


@pytest.mark.parametrize(
    ("returned", "hint"),
    [
        ({"name": "x", "model": nn.Linear(1, 1)}, "its item 'model' is one: return that"),
        (nn.Linear, "call the class that it returns"),
        (object.__new__(torch.export.ExportedProgram), "return its module()"),
    ],
    ids=["dictionary", "class", "exported program"],
)
def test_hint_names_the_module_in_what_was_returned(returned, hint):
    with pytest.raises(FactoryError) as raised:
        unpack(returned, "zoo:f")
    assert raised.value.hint == f"a factory must return a torch.nn.Module; {hint}"


def test_optimizers_that_accelerate_prepared_are_those_inside():
    accelerate = pytest.importorskip("accelerate")
    model = nn.Linear(4, 2)
    optimizer = optim.Adam(model.parameters())
    rate = optim.lr_scheduler.StepLR(optimizer, 1)
    model, returned = unpack(accelerate.Accelerator(cpu=True).prepare(model, optimizer, rate), "zoo:f")
    [found] = note_groups(capture_live(model), returned).tree.optimizers
    assert (found.type, found.schedulers) == ("Adam", ("StepLR",))


def configured(form: str) -> object:
    """Return what `configure_optimizers` of a LightningModule returns, in each documented form."""
    model = nn.Linear(4, 2)
    first, second = optim.SGD([model.weight], lr=0.1), optim.Adam([model.bias], lr=0.1)
    rate = optim.lr_scheduler.StepLR(first, 1)
    forms = {
        "one": first,
        "none": None,
        "list": [first, second],
        "lists": ([first, second], [rate]),
        "dictionary": {"optimizer": first, "lr_scheduler": rate},
        "dictionary of a dictionary": {"optimizer": first, "lr_scheduler": {"scheduler": rate, "interval": "step"}},
        "monitored": {"optimizer": first, "lr_scheduler": rate, "monitor": "loss"},
        "dictionaries": ({"optimizer": first, "frequency": 5}, {"optimizer": second, "lr_scheduler": None}),
        "lists of dictionaries": ([first, second], [{"scheduler": rate, "name": "decay"}]),
    }
    return model, forms[form]


@pytest.mark.parametrize(
    ("form", "types", "schedulers"),
    [
        ("one", ["SGD"], []),
        ("none", [], []),
        ("list", ["SGD", "Adam"], []),
        ("lists", ["SGD", "Adam"], ["StepLR"]),
        ("dictionary", ["SGD"], ["StepLR"]),
        ("dictionary of a dictionary", ["SGD"], ["StepLR"]),
        ("monitored", ["SGD"], ["StepLR"]),
        ("dictionaries", ["SGD", "Adam"], []),
        ("lists of dictionaries", ["SGD", "Adam"], ["StepLR"]),
    ],
)
def test_forms_of_configure_optimizers_are_read(form, types, schedulers):
    model, returned = unpack(configured(form), "zoo:f")
    optimizers = note_groups(capture_live(model), returned).tree.optimizers
    assert [optimizer.type for optimizer in optimizers] == types
    assert [name for optimizer in optimizers for name in optimizer.schedulers] == schedulers


def test_model_without_optimizer_is_drawn_with_a_warning():
    page = page_of(net())
    assert page.param_groups is None
    assert [str(warning) for warning in page.warnings] == [
        "the factory returns no optimizer (return (model, optimizer) from the factory)"
    ]


def test_snapshot_records_groups_and_changed_rate_is_drift():
    model = net()
    recorded = model_of(model, optim.AdamW(split(model), lr=1e-3))
    text = dump(Snapshot("zoo:recipe", recorded))
    assert load(text).model == recorded
    assert max(map(len, text.splitlines())) < 400
    changed = model_of(model, optim.AdamW(split(model, by=lambda name, p: name != "blocks.0.dense.bias"), lr=2e-3))
    lines = str(find_drift(recorded, changed)).splitlines()
    assert lines[:2] == ["~ the root  groups 1 → 0 (12 of 19 tensors)", "~ optimizer, groups 0-1  lr: 0.001 → 0.002"]
    assert not find_drift(recorded, model_of(model, optim.AdamW(split(model), lr=1e-3)))


def test_html_group_table_has_headings():
    model = net()
    soup = BeautifulSoup(to_html(page_of(model, optim.AdamW(split(model), lr=1e-3)), "m"), "html5lib")
    [table] = soup.select("table")
    assert [cell.get_text() for cell in table.select("thead th[scope=col]")] == [
        "group",
        "tensors",
        "parameters",
        "share",
        "trainable",
        "weight_decay",
    ]
    rows = [[cell.get_text() for cell in row.select("th, td")] for row in table.select("tbody tr")]
    assert rows == [["0", "5", "320", "75.5 %", "all", "0.01"], ["1", "13", "104", "24.5 %", "all", "0"]]
    marks = {mark["aria-label"] for mark in soup.select(".bmvis-tree .bmvis-g")}
    assert marks == {"group 0", "group 1"}


def test_text_has_group_table_after_the_tree():
    model = net()
    text = to_text(page_of(model, optim.AdamW(split(model), lr=1e-3)))
    assert "norm (LayerNorm) weight:[8] (group 1) bias:[8] (group 1)" in text
    assert text.splitlines()[-6:-3] == [
        "group  tensors  parameters   share  trainable  weight_decay",
        "0            5         320  75.5 %  all        0.01",
        "1           13         104  24.5 %  all        0",
    ]


def test_json_has_optimizers_and_findings():
    model = net()
    data = to_data(page_of(model, broken_decay(model)), "zoo:recipe", "meta")
    optimizers = json.loads(json.dumps(data))["optimizers"]
    assert [group["settings"] for group in optimizers["groups"]] == [{"weight_decay": "0.01"}, {"weight_decay": "0"}]
    assert optimizers["findings"][0]["kind"] == "decay"
    assert optimizers["findings"][0]["places"] == ["blocks.0-3.norm.weight"]


def test_invalid_optimizer_options_are_rejected():
    with pytest.raises(OptionError, match="exclude each other"):
        parse_options({"optimizer": "", "base": "zoo:other"})
    with pytest.raises(OptionError, match="invalid value 'frosen' for option 'accept'"):
        parse_options({"accept": "frosen"})
    with pytest.raises(OptionError, match="applies to a single tree"):
        parse_site_options({"optimizer": True})


RECIPE = """
import torch
from torch import nn

def recipe(frozen=False):
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2).requires_grad_(not frozen))
    return model, [torch.optim.Adam(model.parameters(), lr=0.001)]
"""


def test_show_prints_optimizer_groups(tmp_path, monkeypatch):
    (tmp_path / "recipes.py").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["show", "recipes:recipe(frozen=True)", "--optimizer"])
    assert result.exit_code == 0
    assert "Adam: lr 0.001, betas (0.9, 0.999), eps 1e-08, weight_decay 0" in result.stdout
    assert "! 2 frozen parameters (10 elements) are in a group" in result.stdout
    assert not result.stderr
    plain = CliRunner().invoke(main, ["show", "recipes:recipe"])
    assert "group" not in plain.stdout
    without = CliRunner().invoke(main, ["show", "torch.nn:Linear(2, 2)", "--optimizer"])
    assert "the factory returns no optimizer" in without.stderr


def test_param_groups_of_bitsandbytes_optimizers():
    bnb = pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed: see make test-libraries")
    model = net()
    training = training_of(model, bnb.optim.AdamW8bit(split(model), lr=1e-3))
    assert training.heads[0].startswith("AdamW8bit: lr 0.001, betas (0.9, 0.999)")
    assert [group.totals.count for group in training.groups] == [320, 104]


class Wrapper:
    """An object around a model, such as a trainer or a detector."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    @property
    def network(self):
        raise AssertionError("properties do not run")


@pytest.mark.parametrize(
    ("wrapper", "path"),
    [
        (Wrapper(name="x", model=nn.Linear(2, 2)), "model"),
        (Wrapper(model=Wrapper(model=nn.Linear(2, 2))), "model.model"),
        (Wrapper(a=Wrapper(b=Wrapper(net=nn.Linear(2, 2)))), "a.b.net"),
    ],
)
def test_wrapper_object_names_the_module_inside(wrapper, path):
    with pytest.raises(FactoryError) as raised:
        unpack(wrapper, "zoo:f")
    assert raised.value.message == "'zoo:f' returned a Wrapper"
    assert raised.value.hint == f"a factory must return a torch.nn.Module; its attribute {path!r} is one: return that"


def test_object_without_a_module_inside_names_none():
    deep = Wrapper(a=Wrapper(b=Wrapper(c=Wrapper(net=nn.Linear(2, 2)))))
    itself = Wrapper()
    itself.again = itself
    for thing in (Wrapper(), Wrapper(kind=nn.Linear), deep, itself, 3, Wrapper):
        with pytest.raises(FactoryError) as raised:
            unpack(thing, "zoo:f")
        assert raised.value.hint == "a factory must return a torch.nn.Module"
    with pytest.raises(FactoryError, match="its `return` may be missing"):
        unpack(None, "zoo:f")
