"""Snapshots: they contain a model exactly, are small, and can be reviewed."""

import difflib
import json

import msgspec
import pytest
import torch
from torch import nn

from bmvis.child.building.model_call import call_model
from bmvis.comparison.drift import find_drift
from bmvis.errors import SnapshotError
from bmvis.extraction.modules import capture, capture_live
from bmvis.model.snapshot import Snapshot, dump, load
from bmvis.model.tree import Problem
from bmvis.worker.protocol import Request


def llama(layers=126):
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=128256,
        hidden_size=16384,
        intermediate_size=53248,
        num_hidden_layers=layers,
        num_attention_heads=128,
        num_key_value_heads=8,
    )
    return LlamaForCausalLM(config)


def tied_t5():
    from transformers import T5Config, T5ForConditionalGeneration

    return T5ForConditionalGeneration(T5Config(num_layers=3))


def lora_bert():
    import peft
    from transformers import BertConfig, BertModel

    return peft.get_peft_model(BertModel(BertConfig(num_hidden_layers=4)), peft.LoraConfig(target_modules=["query"]))


class Block(nn.Module):
    def __init__(self, size=4):
        super().__init__()
        self.inner = nn.Linear(size, size)
        self.outer = nn.Linear(size, size)
        self.outer.weight = self.inner.weight
        self.norm = nn.BatchNorm1d(size)
        self.register_buffer("mask", torch.zeros(2), persistent=False)


def ties_in_blocks():
    return nn.Sequential(*(Block() for _ in range(5)))


def alternating():
    return nn.ModuleList(Block(4 + index % 2) for index in range(40))


def shared_module():
    model = nn.Module()
    model.first = Block()
    model.again = nn.ModuleDict({"here": model.first, "there": model.first})
    model.cycle = model
    return model


def lazy():
    return nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 3, dtype=torch.bfloat16), nn.Linear(1, 1))


def odd_names():
    model = nn.Module()
    for name in ("0-3", "01", "²", '"quoted"\\', "<b>", "a\nb", "...".replace(".", "…"), "like", "0"):
        model.add_module(name, nn.Linear(2, 2))
    model.register_parameter("is", nn.Parameter(torch.zeros(())))
    return model


def half_frozen():
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(4)))
    model[2].requires_grad_(False)
    return model


MODELS = [
    llama,
    tied_t5,
    lora_bert,
    ties_in_blocks,
    alternating,
    shared_module,
    lazy,
    odd_names,
    half_frozen,
    nn.Identity,
]


def captured(factory, device="meta"):
    with torch.device(device):
        return capture(factory())


@pytest.mark.parametrize(
    ("factory", "device"),
    [
        pytest.param(factory, device, id=f"{factory.__name__}-{device}")
        for factory in MODELS
        for device in ("meta", "cpu")
        if (factory, device) != (llama, "cpu")  # it takes 1.6 TB on the CPU
    ],
)
def test_loaded_snapshot_equals_the_captured_model(factory, device):
    model = captured(factory, device)
    text = dump(Snapshot("zoo:build", model))
    assert load(text) == Snapshot("zoo:build", model)
    assert dump(load(text)) == text
    assert not find_drift(load(text).model, model)


class Reversed(nn.Module):
    """Calls its modules in another order than they are defined, one of them twice, and one not at all."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Linear(4, 4)
        self.last = nn.ModuleList(Block() for _ in range(3))
        self.first = nn.Linear(4, 4)
        self.again = self.first

    def forward(self, x):
        x = self.again(self.first(x))
        for block in self.last:
            x = block.norm(block.outer(block.inner(x)))
        return {"x": x, 'a "b"; c: [1]': [x[0], x]}


CALLED = {
    "reversed": (Reversed, "float32[2, 4]"),
    "blocks": (lambda: nn.Sequential(*(nn.Linear(4, 4) for _ in range(9)), nn.ReLU()), "float32[2, 4]"),
    "not callable": (lambda: nn.Sequential(nn.Linear(3, 4)), "float32[2, 4]"),
}


def called(factory, inputs):
    with torch.device("meta"):
        live = capture_live(factory())
        return call_model(live, Request(0, "zoo:build", "meta", (), inputs=inputs))


@pytest.mark.parametrize(("factory", "inputs"), CALLED.values(), ids=CALLED)
def test_snapshot_has_the_forward_pass(factory, inputs):
    model = called(factory, inputs)
    untraced = model.untraced and msgspec.structs.replace(model.untraced, detail="")  # a traceback is not recorded
    model = msgspec.structs.replace(model, untraced=untraced)
    text = dump(Snapshot("zoo:build", model))
    assert load(text).model == model
    assert not find_drift(load(text).model, model)


def test_calls_of_equal_blocks_share_a_row():
    rows = json.loads(dump(Snapshot("zoo:build", called(*CALLED["blocks"]))))["rows"]
    assert [(row.get("names"), row["call"]) for row in rows[1:]] == [
        ("0-8", {"outputs": "[2, 4]", "inputs": "[2, 4]", "macs": "32", "bytes": "32"}),
        (None, {"outputs": "[2, 4]", "inputs": "[2, 4]", "bytes": "32"}),
    ]


def test_order_is_recorded_as_the_distance_from_the_definition_order():
    model = called(*CALLED["reversed"])
    rows = json.loads(dump(Snapshot("zoo:build", model)))["rows"]
    found = {row.get("name") or row.get("names"): (row.get("call"), row.get("call_varies")) for row in rows}
    assert found["unused"] == ({"calls": "0"}, None)
    assert found["first"][0]["order"] == "-9"
    assert {found[name][0]["order"] for name in ("inner", "outer", "norm")} == {"+1"}


def test_facts_of_a_whole_model_are_recorded():
    model = captured(half_frozen)
    facts = {"active": 3, "incomplete": Problem("it may be incomplete", "set device: cpu")}
    model = msgspec.structs.replace(model, **facts)
    assert load(dump(Snapshot("zoo:build", model))).model == model


def test_snapshot_of_llama_is_small():
    text = dump(Snapshot("zoo:build", captured(llama)))
    assert len(text) < 5_000
    assert text.count("\n") < 40


def test_snapshot_of_alternating_blocks_is_small():
    assert len(dump(Snapshot("zoo:build", captured(alternating)))) < 5_000


def test_snapshot_has_one_line_for_each_row():
    lines = dump(Snapshot("zoo:build", captured(ties_in_blocks))).splitlines()
    rows = [json.loads(line.rstrip(",")) for line in lines[lines.index('"rows": [') + 1 : -2]]
    assert [(row["depth"], row.get("name") or row.get("names")) for row in rows] == [
        (0, None), (1, "0-4"), (2, "inner"), (2, "outer"), (2, "norm")
    ]  # fmt: skip
    assert rows[3]["parameters"] == {
        "weight": {"is": "float32[4, 4]", "tied_to": ".inner.weight"},
        "bias": "float32[4]",
    }


def changed_lines(before, after):
    texts = [dump(Snapshot("zoo:build", captured(factory))).splitlines() for factory in (before, after)]
    return [line for line in difflib.ndiff(*texts) if line[0] in "+-"]


def test_change_of_one_layer_changes_few_lines():
    def change():
        model = llama()
        model.model.layers[60].mlp.up_proj = nn.Linear(3, 3)
        return model

    assert len(changed_lines(llama, change)) < 25
    # the totals, the configuration, the names and `layer_idx`, before and after
    assert len(changed_lines(llama, lambda: llama(127))) <= 8


def edit(change):
    content = json.loads(dump(Snapshot("zoo:build", captured(half_frozen))))
    change(content)
    return json.dumps(content)


def doubling(levels):
    """Return rows that represent twice as many modules at each level."""
    for depth in range(1, levels):
        yield {"depth": depth, "name": "a", "type": "N"}
    for depth in range(levels - 1, 0, -1):
        yield {"depth": depth, "name": "b", "like": "a"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "not a snapshot", id="empty"),
        pytest.param("[1, 2]", "not a snapshot", id="other JSON"),
        pytest.param('{"a": 1}', "'bmvis-snapshot' is missing", id="other object"),
        pytest.param("[" * 100_000, "not a snapshot", id="deep"),
        pytest.param(
            edit(lambda c: c.update({"bmvis-snapshot": 1})),
            "has format 1; this version of bmvis reads 2 and 3",
            id="format",
        ),
        pytest.param(edit(lambda c: c.update(more=1)), "'more' is unknown", id="unknown head"),
        pytest.param(edit(lambda c: c["rows"][1].update(more=1)), "'more' is unknown", id="unknown field"),
        pytest.param(
            edit(lambda c: c.update(optimizers=[{"type": "SGD", "groups": [{"strangers": 1}]}])),
            "unknown field `strangers`",
            id="unknown field of a parameter group",
        ),
        pytest.param(
            edit(lambda c: c["rows"][1]["parameters"].update(weight="big")),
            "'big' is not the text of a tensor",
            id="tensor",
        ),
        pytest.param(
            edit(lambda c: c["rows"][1].update(call={"outputs": "[a]"})), "'\\[a\\]' cannot be read", id="outputs"
        ),
        pytest.param(
            edit(lambda c: c["rows"][1].update(call={"outputs": "[1-]"})), "'1-' is not a size", id="output size"
        ),
        pytest.param(edit(lambda c: c["rows"][1].update(call={"order": "-9"})), "out of range", id="order of a call"),
        pytest.param(edit(lambda c: c["rows"][1].update(call={"macs": "-1"})), "out of range", id="negative MACs"),
        pytest.param(edit(lambda c: c["rows"][1].update(call={"flops": "1"})), "unknown facts: flops", id="call"),
        pytest.param(edit(lambda c: c.update(active=-1)), "-1 active parameters", id="active"),
        pytest.param(edit(lambda c: c["rows"].pop(1)), "do not match its rows", id="row lost"),
        pytest.param(edit(lambda c: c["rows"][1].update(depth=3)), "but has no parent", id="depth"),
        pytest.param(edit(lambda c: c["rows"][1].update(depth=-1)), "but has no parent", id="negative depth"),
        pytest.param(edit(lambda c: c["rows"][1].update(names="0-9999999999")), "too many", id="bomb"),
        pytest.param(edit(lambda c: c["rows"][1].update(like="x")), "is missing", id="like nothing"),
        pytest.param(
            edit(lambda c: c["rows"][1].update(shared_with="no.where")), "does not precede it", id="shared with nothing"
        ),
        pytest.param(edit(lambda c: c["rows"][1].update(type="\ud800")), "cannot be encoded in UTF-8", id="surrogate"),
        pytest.param(
            edit(lambda c: c["rows"].extend({"depth": d, "names": "0-999998", "type": "N"} for d in (1, 2))),
            "too many",
            id="bomb in a bomb",
        ),
        pytest.param(
            edit(lambda c: c["rows"].extend(doubling(60))), "more than 1,000,000 modules and tensors", id="like in like"
        ),
        pytest.param(
            edit(lambda c: c["rows"][1]["parameters"].update(weight=f"float32[{', '.join(['1'] * 999)}]")),
            "999 dimensions",
            id="dimensions",
        ),
    ],
)
def test_load_rejects_invalid_snapshot(text, reason):
    with pytest.raises(SnapshotError, match=reason):
        load(text)
