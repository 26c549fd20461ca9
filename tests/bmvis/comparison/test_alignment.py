"""Find corresponding modules of two trees where the first candidate is not the best one."""

from collections.abc import Callable

import pytest
from small_models import Named
from torch import nn

from bmvis.comparison.alignment import align
from bmvis.comparison.changes import compare_models
from bmvis.comparison.drift import find_drift
from bmvis.extraction.modules import capture


def paired(before: nn.Module, after: nn.Module) -> tuple[dict[str, str], set[str], set[str]]:
    """Return the paths that correspond, those that were removed, and those that were added."""
    old, new = capture(before), capture(after)
    places = align(old, new)
    pairs = {old.paths[p.before]: new.paths[p.after] for p in places if p.before is not None and p.after is not None}
    removed = {old.paths[p.before] for p in places if p.before is not None and p.after is None}
    added = {new.paths[p.after] for p in places if p.after is not None and p.before is None}
    return pairs, removed, added


def stage(width: int) -> nn.Module:
    skip = nn.Sequential(nn.Conv2d(width, width, 1), nn.BatchNorm2d(width))
    return Named(conv=nn.Conv2d(width, width, 3), bn=nn.BatchNorm2d(width), downsample=skip)


def resnet() -> nn.Module:
    return Named(
        conv1=nn.Conv2d(3, 4, 7), relu=nn.ReLU(), layer1=stage(4), layer2=stage(8), pool=nn.AvgPool2d(2),
        fc=nn.Linear(8, 2),
    )  # fmt: skip


def with_pooler() -> nn.Module:
    return Named(**dict(stage(4).named_children()), pooler=nn.Linear(4, 4))


def smallest() -> nn.Module:
    return Named(a=nn.Linear(4, 8), b=nn.Linear(8, 8), skip=nn.Sequential(nn.Linear(3, 3)))


def flat(classes: int = 2) -> nn.Module:
    return Named(stem=nn.Linear(3, 4), body=stage(4), norm=nn.LayerNorm(4), head=nn.Linear(4, classes))


def with_backbone(classes: int = 2) -> nn.Module:
    backbone = Named(stem=nn.Linear(3, 4), body=stage(4), norm=nn.LayerNorm(4))
    return Named(backbone=backbone, head=nn.Linear(4, classes))


IN_BACKBONE = {"": "backbone", "stem": "backbone.stem", "body.conv": "backbone.body.conv", "head": "head"}


CASES: dict[str, tuple[nn.Module, nn.Module, dict[str, str], set[str], set[str]]] = {
    "a container inside is no evidence": (
        smallest(),
        nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8)),
        {"": "", "a": "0", "b": "1"},
        {"skip", "skip.0"},
        set(),
    ),
    "all children but the last": (
        resnet(),
        nn.Sequential(*list(resnet().children())[:-1]),
        {"": "", "conv1": "0", "relu": "1", "layer1": "2", "layer2.downsample.1": "3.downsample.1", "pool": "4"},
        {"fc"},
        set(),
    ),
    "a body that gained a layer like one of the former head": (
        Named(body=stage(4), dense=nn.Linear(4, 4), out=nn.Linear(4, 9)),
        Named(body=with_pooler(), classifier=nn.Linear(4, 2)),
        {"": "", "body": "body", "body.conv": "body.conv", "body.downsample.1": "body.downsample.1"},
        {"dense", "out"},
        {"body.pooler", "classifier"},
    ),
    "a body that lost a layer like one of the new head": (
        Named(body=with_pooler(), classifier=nn.Linear(4, 2), scale=nn.Linear(1, 2)),
        Named(body=stage(4), dense=nn.Linear(4, 4), out=nn.Linear(4, 9)),
        {"": "", "body": "body", "body.conv": "body.conv", "body.downsample.1": "body.downsample.1"},
        {"body.pooler", "classifier", "scale"},
        {"dense", "out"},
    ),
    "a backbone with a new head": (
        resnet(),
        nn.ModuleDict({"backbone": nn.Sequential(*list(resnet().children())[:-2]), "head": nn.Linear(8, 8)}),
        {"": "backbone", "conv1": "backbone.0", "layer2": "backbone.3"},
        {"pool", "fc"},
        {"", "head"},
    ),
    "layers that moved into a backbone next to their head": (flat(), with_backbone(), IN_BACKBONE, set(), {""}),
    "the same, and the head has another size": (flat(), with_backbone(9), IN_BACKBONE, set(), {""}),
    "the same inside a model": (
        Named(net=flat(), loss=nn.Linear(1, 1)),
        Named(net=with_backbone(), loss=nn.Linear(1, 1)),
        {"net": "net.backbone", "net.norm": "net.backbone.norm", "net.head": "net.head", "loss": "loss"},
        set(),
        {"net"},
    ),
    "layers that moved out of a backbone": (
        with_backbone(),
        nn.ModuleDict(dict(flat().named_children())),
        {path: was for was, path in IN_BACKBONE.items()},
        set(),
        set(),
    ),
    "a new head of another class": (
        flat(),
        Named(backbone=flat(), head=nn.Conv1d(4, 2, 1)),
        {"": "backbone", "head": "backbone.head"},
        set(),
        {"", "head"},
    ),
    "the best of several wrapped modules": (
        Named(net=nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3))),
        Named(net=Named(small=nn.Sequential(nn.Linear(2, 2)), whole=nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3)))),
        {"net": "net.whole", "net.1": "net.whole.1"},
        set(),
        {"net", "net.small", "net.small.0"},
    ),
    "an equal subtree under another name": (
        Named(features=stage(4), extra=nn.Linear(2, 2)),
        Named(features=nn.Sequential(nn.Linear(5, 5)), body=stage(4), extra=nn.Linear(2, 2)),
        {"features": "body", "features.conv": "body.conv", "extra": "extra"},
        set(),
        {"features", "features.0"},
    ),
    "one of many layers was inside another module": (
        Named(inner=Named(x=nn.Linear(1, 2), y=nn.Linear(2, 3))),
        Named(x=nn.Linear(1, 2), p=nn.Linear(7, 7), q=nn.Linear(8, 8), r=nn.Linear(9, 9)),
        {"": ""},
        {"inner", "inner.x", "inner.y"},
        {"x", "p", "q", "r"},
    ),
    "a module and the modules inside it were renamed": (
        Named(layers=nn.ModuleList([Named(q=nn.Linear(2, 2), o=nn.Linear(2, 3))]), head=nn.Linear(3, 2)),
        Named(h=nn.ModuleList([Named(q_proj=nn.Linear(2, 2), o_proj=nn.Linear(2, 3))]), head=nn.Linear(3, 2)),
        {"layers": "h", "layers.0.q": "h.0.q_proj", "layers.0.o": "h.0.o_proj", "head": "head"},
        set(),
        set(),
    ),
    "a module was renamed, and has another class": (
        Named(mlp=Named(up=nn.Linear(2, 4), act=nn.GELU(), down=nn.Linear(4, 2)), head=nn.Linear(3, 2)),
        Named(ffn=nn.ModuleDict({"up": nn.Linear(2, 4), "act": nn.SiLU(), "down": nn.Linear(4, 2)}), head=nn.Tanh()),
        {"mlp": "ffn", "mlp.up": "ffn.up", "mlp.act": "ffn.act", "mlp.down": "ffn.down"},
        set(),
        set(),
    ),
    "other layers under another name": (
        Named(mlp=Named(up=nn.Linear(2, 4)), head=nn.Linear(3, 2)),
        Named(ffn=Named(up=nn.Conv1d(2, 4, 1)), head=nn.Linear(3, 2)),
        {"": "", "head": "head"},
        {"mlp", "mlp.up"},
        {"ffn", "ffn.up"},
    ),
    "a model before a softmax": (
        nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3)),
        nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3)), nn.Softmax()),
        {"": "0", "0": "0.0", "1": "0.1"},
        set(),
        {"", "1"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "pairs", "removed", "added"), CASES.values(), ids=CASES)
def test_best_match_is_found(
    before: nn.Module, after: nn.Module, pairs: dict[str, str], removed: set[str], added: set[str]
) -> None:
    found, gone, new = paired(before, after)
    assert {path: found.get(path) for path in pairs} == pairs
    assert (gone, new) == (removed, added)


@pytest.mark.parametrize("build", [smallest, resnet], ids=["smallest", "resnet"])
def test_equal_models_correspond_everywhere(build: Callable[[], nn.Module]) -> None:
    found, gone, new = paired(build(), build())
    assert all(path == other for path, other in found.items())
    assert not gone
    assert not new


def encoder(layers: str, query: str, output: str, act: nn.Module) -> nn.Module:
    blocks = (Named(attn=Named(**{query: nn.Linear(2, 2), output: nn.Linear(2, 3)}), act=act) for _ in range(3))
    return Named(embed=nn.Linear(9, 2), **{layers: nn.ModuleList(blocks)})


def test_modules_that_were_renamed_at_two_levels_are_not_reported_as_removed() -> None:
    drift = find_drift(capture(encoder("layers", "q", "o", nn.GELU())), capture(encoder("h", "wq", "wo", nn.SiLU())))
    assert [str(change) for change in drift.changes] == [
        "~ layers → h  renamed",
        "~ layers.0-2.attn.q → h.0-2.attn.wq  renamed",
        "~ layers.0-2.attn.o → h.0-2.attn.wo  renamed",
        "~ h.0-2.act  GELU → SiLU",
    ]
    assert "saved optimizer states" not in drift.headline
    page = compare_models(capture(encoder("layers", "q", "o", nn.GELU())), capture(encoder("h", "wq", "wo", nn.GELU())))
    marks = {module.name: module.change.details for module in page.model.modules if module.change}
    assert (marks["wq"], marks["h"]) == (("renamed from q",), ("renamed from layers",))


def test_head_next_to_a_new_backbone_is_no_change() -> None:
    old, new = capture(flat()), capture(with_backbone())
    assert [str(change) for change in find_drift(old, new).changes] == ["~ the root  wrapped in small_models.Named"]
    head = next(module for module in compare_models(old, new).model.modules if module.name == "head")
    assert head.change is None
