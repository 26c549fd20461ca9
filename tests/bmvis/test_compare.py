"""Two models laid over each other: what was added, removed and changed, each at its place."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from bmvis.capturing import capture
from bmvis.compare import compare
from bmvis.totals import subtree_totals

SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def told(before: nn.Module, after: nn.Module) -> list[str]:
    """Return a line for each module in which something changed: its sign, name, and what changed."""
    found = compare(capture(before), capture(after))
    return [_line(m) for i, m in enumerate(found.model.modules) if i not in found.unchanged]


def _line(module) -> str:
    sign = SIGNS[module.change.kind] if module.change else "."
    words = [sign, module.name or "root", *(module.change.details if module.change else ())]
    for parameter in module.parameters:
        if parameter.change:
            words.append(f"{SIGNS[parameter.change.kind]}{parameter.name}")
            words += parameter.change.details
    return "  " * module.depth + " ".join(words)


def mlp(*sizes: int) -> nn.Sequential:
    return nn.Sequential(*(nn.Linear(a, b) for a, b in pairwise(sizes)))


class Named(nn.Module):
    def __init__(self, **children: nn.Module) -> None:
        super().__init__()
        for name, child in children.items():
            self.add_module(name, child)


def frozen(module: nn.Module) -> nn.Module:
    return module.requires_grad_(False)


def tied(is_tied: bool) -> nn.Module:
    model = Named(embed=nn.Embedding(8, 4), head=nn.Linear(4, 8, bias=False))
    if is_tied:
        model.head.weight = model.embed.weight
    return model


CASES = {
    "nothing": (mlp(2, 3), mlp(2, 3), []),
    "resized": (
        Named(embed=nn.Embedding(10, 4)),
        Named(embed=nn.Embedding(12, 4)),
        [". root", "  . embed ~weight [10, 4] → [12, 4]"],
    ),
    "frozen": (mlp(2, 3), frozen(mlp(2, 3)), [". root", "  . 0 ~weight trainable → frozen ~bias trainable → frozen"]),
    "dtype": (
        nn.Linear(2, 2, bias=False),
        nn.Linear(2, 2, bias=False, dtype=torch.bfloat16),
        [". root ~weight float32 → bfloat16"],
    ),
    "type": (
        Named(act=nn.ReLU(), fc=nn.Linear(1, 1)),
        Named(act=nn.GELU(), fc=nn.Linear(1, 1)),
        [". root", "  ~ act ReLU → GELU"],
    ),
    "bias": (nn.Linear(2, 2), nn.Linear(2, 2, bias=False), [". root -bias"]),
    "head replaced": (
        Named(body=mlp(4, 4), fc=nn.Linear(4, 10)),
        Named(body=mlp(4, 4), fc=mlp(4, 8, 2)),
        [". root", "  ~ fc Linear → Sequential -weight -bias", "    + 0 +weight +bias", "    + 1 +weight +bias"],
    ),
    "tied": (tied(False), tied(True), [". root", "  . head ~weight not tied → tied to embed.weight"]),
    "untied": (tied(True), tied(False), [". root", "  . head ~weight tied to embed.weight → not tied"]),
    "renamed": (
        Named(fc=mlp(2, 3)),
        Named(head=mlp(2, 3)),
        [". root", "  ~ head was fc"],
    ),
    "removed in the middle": (
        mlp(2, 3, 3, 4),
        nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4)),
        [". root", "  - 1 -weight -bias", "  ~ 1 was 2"],
    ),
    "inserted in front": (
        nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4)),
        nn.Sequential(nn.LayerNorm(2), nn.Linear(2, 3), nn.Linear(3, 4)),
        [". root", "  + 0 +weight +bias", "  ~ 1 was 0", "  ~ 2 was 1"],
    ),
    "wrapped whole": (
        mlp(2, 3),
        Named(inner=Named(model=mlp(2, 3))),
        ["~ root Sequential → Named", "  + inner", "    ~ model was the root"],
    ),
    "wrapped part": (
        Named(query=nn.Linear(4, 4), key=nn.Linear(4, 4)),
        Named(query=Named(base=frozen(nn.Linear(4, 4)), low=nn.Linear(4, 1)), key=nn.Linear(4, 4)),
        [
            ". root",
            "  ~ query Linear → Named",
            "    ~ base was query ~weight trainable → frozen ~bias trainable → frozen",
            "    + low +weight +bias",
        ],
    ),
    "unwrapped": (
        Named(query=Named(base=nn.Linear(4, 4), low=nn.Linear(4, 1))),
        Named(query=nn.Linear(4, 4)),
        [". root", "  ~ query was query.base", "    - low -weight -bias"],
    ),
    "ties move with what is wrapped": (
        tied(True),
        Named(inner=tied(True)),
        ["+ root", "  ~ inner was the root"],
    ),
}


@pytest.mark.parametrize(("before", "after", "lines"), CASES.values(), ids=CASES)
def test_changes_stand_at_their_places(before, after, lines):
    assert told(before, after) == lines


def test_totals_are_those_of_either_model():
    before, after = mlp(4, 8, 2), mlp(4, 8)
    found = compare(capture(before), capture(after))
    assert found.before.count == sum(p.numel() for p in before.parameters())
    assert subtree_totals(found.model)[0].count == sum(p.numel() for p in after.parameters())


def test_what_did_not_change_is_known():
    found = compare(
        capture(Named(a=mlp(2, 3), b=nn.Linear(1, 1))), capture(Named(a=mlp(2, 3), b=nn.Linear(1, 1, bias=False)))
    )
    assert [found.model.modules[i].name for i in sorted(found.unchanged)] == ["a", "0"]


def test_a_thousand_levels_and_a_hundred_thousand_siblings():
    deep = nn.Linear(1, 1)
    for _ in range(1000):
        deep = Named(inside=deep)
    assert told(deep, deep) == []
    wide, wider = Named(), Named()
    for model, size in ((wide, 20_000), (wider, 20_001)):
        model._modules = {str(i): nn.Linear(1, 1) for i in range(size)}
    assert told(wide, wider) == [". root", "  + 20000 +weight +bias"]
