"""Compare two models: what was added, removed and changed, and where."""

from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from bs4 import BeautifulSoup
from small_models import Named, bert
from torch import nn

from bmvis.comparison.changes import compare_models
from bmvis.comparison.drift import find_drift
from bmvis.extraction.modules import capture, capture_live
from bmvis.extraction.optimizers import note_groups
from bmvis.model.totals import subtree_totals
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.render.latex import to_latex
from bmvis.render.text import to_text
from bmvis.view.layout import layout

SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def changed_lines(before: nn.Module, after: nn.Module) -> list[str]:
    """Return a line for each module in which something changed: its sign, name, and what changed."""
    found = compare_models(capture(before), capture(after))
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


def frozen(module: nn.Module) -> nn.Module:
    return module.requires_grad_(False)


def tied(is_tied: bool) -> nn.Module:
    model = Named(embed=nn.Embedding(8, 4), head=nn.Linear(4, 8, bias=False))
    if is_tied:
        model.head.weight = model.embed.weight
    return model


def buffered(**buffers: torch.Tensor) -> nn.Module:
    model = nn.Linear(2, 2, bias=False)
    for name, buffer in buffers.items():
        model.register_buffer(name, buffer, persistent=name != "unsaved")
    return model


def norm(size: int = 4, **settings) -> nn.Module:
    return nn.BatchNorm1d(size, **settings)


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
    "tied": (tied(False), tied(True), [". root", "  . head ~weight tied to embed.weight"]),
    "untied": (tied(True), tied(False), [". root", "  . head ~weight no longer tied to embed.weight"]),
    "renamed": (
        Named(fc=mlp(2, 3)),
        Named(head=mlp(2, 3)),
        [". root", "  ~ head renamed from fc"],
    ),
    "removed in the middle": (
        mlp(2, 3, 3, 4),
        nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4)),
        [". root", "  - 1 -weight -bias", "  ~ 1 moved from 2"],
    ),
    "inserted in front": (
        nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4)),
        nn.Sequential(nn.LayerNorm(2), nn.Linear(2, 3), nn.Linear(3, 4)),
        [". root", "  + 0 +weight +bias", "  ~ 1 moved from 0", "  ~ 2 moved from 1"],
    ),
    "wrapped whole": (
        mlp(2, 3),
        Named(inner=Named(model=mlp(2, 3))),
        ["~ root wrapped in Named", "  + inner", "    ~ model wrapped"],
    ),
    "wrapped part": (
        Named(query=nn.Linear(4, 4), key=nn.Linear(4, 4)),
        Named(query=Named(base=frozen(nn.Linear(4, 4)), low=nn.Linear(4, 1)), key=nn.Linear(4, 4)),
        [
            ". root",
            "  ~ query wrapped in Named",
            "    ~ base wrapped ~weight trainable → frozen ~bias trainable → frozen",
            "    + low +weight +bias",
        ],
    ),
    "unwrapped": (
        Named(query=Named(base=nn.Linear(4, 4), low=nn.Linear(4, 1))),
        Named(query=nn.Linear(4, 4)),
        [". root", "  ~ query no longer wrapped in Named", "    - low -weight -bias"],
    ),
    "ties move with what is wrapped": (
        tied(True),
        Named(inner=tied(True)),
        ["~ root wrapped in small_models.Named", "  ~ inner wrapped"],
    ),
    "buffer resized": (
        buffered(mask=torch.zeros(3)),
        buffered(mask=torch.zeros(4)),
        ["~ root mask: [3] → [4]"],
    ),
    "buffer renamed": (
        buffered(mask=torch.zeros(3)),
        buffered(shift=torch.zeros(3)),
        ["~ root mask: removed, float32[3] shift: added, float32[3]"],
    ),
    "buffer added": (
        buffered(),
        buffered(unsaved=torch.zeros(3)),
        ["~ root unsaved: added, float32[3] not saved"],
    ),
    "buffer of another type": (
        buffered(mask=torch.zeros(3)),
        buffered(mask=torch.zeros(3, dtype=torch.bool)),
        ["~ root mask: float32 → bool"],
    ),
    "statistics removed": (
        norm(),
        norm(track_running_stats=False),
        [
            "~ root track_running_stats: True → False running_mean, running_var: removed, float32[4] "
            "num_batches_tracked: removed, int64[]"
        ],
    ),
    "buffers change as the parameters do": (
        Named(norm=norm(4), rope=buffered(angles=torch.zeros(3))),
        Named(norm=norm(8), rope=buffered(angles=torch.zeros(3))).half(),
        [
            ". root",
            "  . norm ~weight [4] → [8] float32 → float16 ~bias [4] → [8] float32 → float16",
            "  . rope ~weight float32 → float16",
        ],
    ),
    "order of modules": (
        Named(a=nn.Linear(1, 1), b=nn.Linear(2, 2)),
        Named(b=nn.Linear(2, 2), a=nn.Linear(1, 1)),
        ["~ root order of modules changed to b, a"],
    ),
    "order of parameters": (
        nn.ParameterDict([("a", torch.zeros(1)), ("b", torch.zeros(2))]),
        nn.ParameterDict([("b", torch.zeros(2)), ("a", torch.zeros(1))]),
        ["~ root order: a, b → b, a"],
    ),
}


@pytest.mark.parametrize(("before", "after", "lines"), CASES.values(), ids=CASES)
def test_compare_models_reports_each_change_at_its_module(before, after, lines):
    assert changed_lines(before, after) == lines


def optimized(first: int = 2, rate: float = 0.1, steps: int = 10, kind: type = torch.optim.SGD):
    """Return a model with two parameter groups and a scheduler."""
    model = mlp(2, 3, 4)
    parameters = list(model.parameters())
    groups = [{"params": parameters[:first]}, {"params": parameters[first:]}]
    optimizer = kind(groups, lr=rate)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    return note_groups(capture_live(model), (optimizer, scheduler)).tree


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (optimized, lambda: optimized(rate=0.2), "root (optimizer groups 0-1 lr: 0.1 → 0.2) … 2 modules unchanged"),
        (
            optimized,
            lambda: optimized(steps=20),
            "root (optimizer CosineAnnealingLR T_max: 10 → 20) … 2 modules unchanged",
        ),
        (optimized, lambda: capture(mlp(2, 3, 4)), "root (optimizer removed: SGD (2 groups)) … 2 modules unchanged"),
        (optimized, lambda: optimized(first=3), "└── 1 (Linear) weight:[4, 3] (groups 1 → 0) bias:[4]"),
    ],
    ids=["rate", "schedule", "removed", "groups"],
)
def test_changes_of_optimizers_are_on_the_rows(before, after, line):
    assert line in to_text(layout(after(), Options(only_changes=True), before())).splitlines()


def test_comparison_has_totals_of_both_models():
    before, after = mlp(4, 8, 2), mlp(4, 8)
    found = compare_models(capture(before), capture(after))
    assert found.before.count == sum(p.numel() for p in before.parameters())
    assert subtree_totals(found.model)[0].count == sum(p.numel() for p in after.parameters())


def test_comparison_lists_unchanged_modules():
    found = compare_models(
        capture(Named(a=mlp(2, 3), b=nn.Linear(1, 1))), capture(Named(a=mlp(2, 3), b=nn.Linear(1, 1, bias=False)))
    )
    assert [found.model.modules[i].name for i in sorted(found.unchanged)] == ["a", "0"]


def test_compare_models_accepts_deep_and_wide_models():
    deep = nn.Linear(1, 1)
    for _ in range(1000):
        deep = Named(inside=deep)
    assert changed_lines(deep, deep) == []
    wide, wider = Named(), Named()
    for model, size in ((wide, 2_000), (wider, 2_001)):
        model._modules = {str(i): nn.Linear(1, 1) for i in range(size)}
    assert changed_lines(wide, wider) == [". root", "  + 2000 +weight +bias"]


def drawn(before, after, **options):
    return layout(capture(after), Options(**options), capture(before))


CHANGED = (
    Named(a=mlp(2, 3, 3), b=nn.Linear(1, 1)),
    Named(a=mlp(2, 3, 3), b=nn.Linear(1, 1, bias=False), c=nn.Linear(2, 2)),
)


def test_unchanged_modules_are_folded():
    assert to_text(drawn(*CHANGED)).splitlines() == [
        "root",
        "├── a (Sequential) … 2 modules below, unchanged, 21 parameters",
        "├── b (Linear) weight:[1, 1] bias:[1] (removed)",
        "└── c (Linear) weight:[2, 2] bias:[2] (added)",
        "",
        "Named: 28 parameters, all trainable; float32, 112 bytes",
        "before: Named, 23 parameters, 23 trainable; float32, 92 bytes",
    ]


def test_changes_only_leaves_out_unchanged_modules():
    assert to_text(drawn(*CHANGED, only_changes=True)).splitlines()[:3] == [
        "root … 3 modules unchanged",
        "├── b (Linear) weight:[1, 1] bias:[1] (removed)",
        "└── c (Linear) weight:[2, 2] bias:[2] (added)",
    ]


def test_blocks_with_equal_changes_fold():
    blocks = [nn.ModuleList(nn.Linear(3, 3) for _ in range(4)) for _ in range(2)]
    frozen(blocks[1])
    assert to_text(drawn(*blocks)).splitlines()[1] == (
        "└── 0-3(Linear) weight:[3, 3] (trainable → frozen) bias:[3] (trainable → frozen)"
    )


def test_added_and_removed_modules_have_their_own_classes_in_html():
    before, after = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4)), nn.Sequential(nn.Linear(3, 4))
    html = BeautifulSoup(to_html(drawn(before, after), "net"), "html5lib")
    removed, moved = html.select(".bmvis-tree li li")
    assert removed.b["class"] == ["bmvis-removed"]
    assert {tuple(p["class"]) for p in removed.select(".bmvis-p")} == {("bmvis-p", "bmvis-removed")}
    assert not removed.has_attr("id")  # another module has its path now
    assert moved["id"] == "net.0"
    assert moved.select_one(".bmvis-changed").get_text() == "moved from 1"
    assert [e.get_text() for e in html.select(".bmvis-legend > *")] == [
        "name",
        "(type)",
        "trainable",
        "removed",
        "changed",
    ]
    assert "21 parameters" not in html.select_one(".bmvis-before").get_text()
    assert html.select_one(".bmvis-before").get_text().startswith("before: Sequential 25 parameters")


def test_same_change_of_all_parameters_is_written_once():
    html = BeautifulSoup(to_html(drawn(mlp(2, 2), frozen(mlp(2, 2))), "net"), "html5lib")
    assert [e.get_text() for e in html.select(".bmvis-tree .bmvis-changed")] == ["trainable → frozen"]


def half_frozen(model):
    frozen(model.bert.encoder.layer[:6])
    return model


def backbone_frozen(model):
    frozen(model.bert)
    return model


def lora(model):
    peft = pytest.importorskip("peft")
    return peft.get_peft_model(model, peft.LoraConfig(target_modules=["query", "value"], lora_dropout=0.1))


@pytest.mark.parametrize(
    ("change", "rows", "sentence"),
    [
        (
            lora,
            [
                "root (wrapped in PeftModel, trainable → frozen (201 tensors))",
                "└── base_model.model.bert.encoder.layer.0-11.attention.self.query,value(Linear)"
                " (wrapped in peft.tuners.lora.layer.Linear) … 140 modules without other changes",
                "    ├── lora_dropout.default (Dropout) (added)",
                "    ├── lora_A.default (Linear) weight:[8, 32] (delta) (added)",
                "    └── lora_B.default (Linear) weight:[32, 8] (delta) (added)",
            ],
            "base frozen: 123.3K; LoRA on query and value of 12 layers: 12.3K",
        ),
        (
            backbone_frozen,
            [
                "root … 1 module without other changes",
                "└── bert (BertModel) (trainable → frozen (199 tensors)) … 177 modules without other changes",
            ],
            "frozen: 123.3K",
        ),
        (
            half_frozen,
            [
                "root … 1 module without other changes",
                "└── bert.encoder.layer.0-5(BertLayer) (trainable → frozen (16 tensors))"
                " … 169 modules without other changes",
            ],
            "frozen: 51.3K",
        ),
        (
            lambda model: model.bfloat16(),
            ["root (float32 → bfloat16 (201 tensors)) … 179 modules without other changes"],
            "float32 → bfloat16: 123.3K",
        ),
    ],
    ids=["LoRA", "backbone", "some layers", "bfloat16"],
)
def test_changes_of_whole_subtrees_are_summed_up(change, rows, sentence):
    pytest.importorskip("transformers")
    sizes = {"head": "BertForSequenceClassification", "num_hidden_layers": 12, "vocab_size": 99}
    with torch.device("meta"):
        page = drawn(bert(**sizes), change(bert(**sizes)), only_changes=True)
    tree, _, notes = to_text(page).partition("\n\n")
    assert tree.splitlines() == rows
    assert f"changes: {sentence}" in notes.splitlines()
    assert BeautifulSoup(to_html(page, "net"), "html5lib").select_one(".bmvis-sum").get_text() == sentence


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.ReLU()), ["no changes"]),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.GELU()), []),
        (lambda: nn.Sequential(nn.Linear(2, 3), nn.ReLU()), ["changes: resized: 9"]),
    ],
    ids=["equal", "other class", "other shape"],
)
def test_sentence_states_whether_anything_changed(after, found):
    page = drawn(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), after(), only_changes=True)
    assert [line for line in to_text(page).splitlines() if "changes" in line and "other" not in line] == found


class Sized(nn.Module):
    """A module that reads its configuration in `forward`."""

    def __init__(self, heads: int, width: int = 2):
        super().__init__()
        self.config = SimpleNamespace(heads=heads, width=width)
        self.layer = nn.Linear(width, width)


def test_a_configuration_that_no_module_shows_is_on_the_row_of_the_model():
    page = drawn(Sized(8), Sized(16), only_changes=True)
    assert to_text(page).splitlines()[0] == "root (SimpleNamespace heads: 8 → 16) … 1 module unchanged"
    assert "no changes" not in to_text(page)
    assert to_text(drawn(Sized(8, 2), Sized(8, 3))).splitlines()[0] == "root"


def tied_to_one(*names: str) -> nn.Module:
    model = nn.ModuleDict({name: nn.Linear(2, 2, bias=name == "own") for name in names})
    for name in names[1:]:
        if name != "own":
            model[name].weight = model[names[0]].weight
    return model


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (("a", "own"), ("a",), ["changes: removed: 6"]),
        (("a",), ("a", "own"), ["changes: added: 6"]),
        (("a",), ("a", "b"), []),
        (("a", "b"), ("a",), []),
        (("a", "b", "own"), ("a", "c"), ["changes: removed: 6"]),
    ],
)
def test_sentence_counts_removed_parameters_and_counts_tied_ones_once(before, after, sentence):
    text = to_text(drawn(tied_to_one(*before), tied_to_one(*after), only_changes=True))
    assert [line for line in text.splitlines() if line.startswith("changes")] == sentence


def test_both_models_have_their_class_and_data_type_in_the_heading():
    notes = to_text(drawn(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2).bfloat16()))).partition("\n\n")[2]
    assert notes.splitlines()[:2] == [
        "Sequential: 6 parameters, all trainable; bfloat16, 12 bytes",
        "before: Linear, 6 parameters, 6 trainable; float32, 24 bytes",
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda stride: nn.Conv2d(3, 4, 3, stride, bias=False),
        lambda stride: nn.ConvTranspose1d(4, 6, 3, stride, groups=2, bias=False),
    ],
    ids=["convolution", "transposed"],
)
def test_parametrized_module_keeps_its_arguments(make):
    normed = nn.utils.parametrizations.weight_norm
    (row,) = to_text(drawn(Named(conv=make(2)), Named(conv=normed(make(2))))).splitlines()[1:2]
    assert row.endswith("] (not parametrized → weight_norm)")
    (row,) = to_text(drawn(Named(conv=normed(make(1))), Named(conv=make(2)))).splitlines()[1:2]
    assert (
        row.partition("(weight_norm → not parametrized) ")[2]
        .removeprefix("(2 groups) ")
        .startswith("(stride: default → (2")
    )
    assert "bias" not in row


def test_added_modules_without_parameters_are_shown():
    page = drawn(Named(fc=nn.Linear(1, 1)), Named(fc=nn.Linear(1, 1), pool=nn.Flatten(), none=nn.Identity()))
    assert [row.label for row in page.rows] == ["root", "fc", "pool"]


def test_a_resized_block_is_a_chain_and_its_siblings_are_not():
    def net(width):
        return Named(body=Named(layers=nn.ModuleList(mlp(4, width, 4) for _ in range(3))), head=nn.Linear(4, 1))

    assert to_text(drawn(net(5), net(6), only_changes=True)).splitlines()[:4] == [
        "root … 1 module unchanged",
        "└── body.layers.0-2(Sequential)",
        "    ├── 0 (Linear) weight:[6, 4] ([5, 4] → [6, 4]) bias:[6] ([5] → [6])",
        "    └── 1 (Linear) weight:[4, 6] ([4, 5] → [4, 6]) bias:[4]",
    ]


@pytest.mark.parametrize("render", [to_html, to_latex])
def test_hostile_names_in_changes_stay_text(render):
    bad = "<script>alert(1)</script>\\input{x}"
    page = drawn(Named(**{bad: nn.Linear(1, 1)}), Named(**{bad: Named(inner=nn.Linear(1, 1))}))
    out = render(page, "net") if render is to_html else render(page)
    assert "alert(1)" in out
    assert "<script>" not in out
    assert "\\input{" not in out or render is to_html


def test_comparison_with_lora_marks_only_the_adapters():
    """Answer the question of the source document: is the modification what was expected?"""
    pytest.importorskip("transformers")
    peft = pytest.importorskip("peft")
    with torch.device("meta"):
        base = bert(num_hidden_layers=3)
        tuned = peft.get_peft_model(bert(num_hidden_layers=3), peft.LoraConfig(target_modules=["query", "value"]))
    page = drawn(base, tuned)
    added = [row.path for row in page.rows if row.module.change and row.module.change.kind == "added"]
    assert added[0] == "base_model"
    assert all("lora" in path for path in added[1:])
    assert not [row for row in page.rows if row.module.change and row.module.change.kind == "removed"]
    assert {row.label for row in page.rows} >= {"0-2", "query,value"}


def test_comparison_with_a_checkpoint_ignores_types_and_trainable(tmp_path):
    """A checkpoint has no module types, and does not distinguish trainable parameters or buffers."""
    from safetensors.torch import save_file

    from bmvis.source import checkpoint

    model = Named(conv=nn.Conv2d(3, 4, 1), norm=nn.BatchNorm2d(4), head=nn.Linear(4, 2))
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    saved = checkpoint.read(tmp_path / "model.safetensors").model
    other = Named(conv=frozen(nn.Conv2d(3, 4, 1)), norm=nn.BatchNorm2d(4), head=nn.Linear(4, 5))
    for before, after, sizes in ((saved, capture(other), "[2] → [5]"), (capture(other), saved, "[5] → [2]")):
        lines = sorted(map(_line, compare_models(before, after).model.modules))
        assert [line.partition(" ~")[0] for line in lines] == ["  . conv", "  . head", "  . norm", ". root"]
        assert sizes in lines[1]
        assert "trainable" not in " ".join(lines)
    page = layout(capture(other), Options(), saved)
    assert "before: 43 elements; " in to_text(page)
    assert "43 elements" in to_html(page, "m")
    assert "28 trainable" not in to_html(page, "m")


@pytest.mark.parametrize(("before", "after"), [case[:2] for case in CASES.values()], ids=CASES)
def test_rows_and_reports_have_the_same_words(before, after):
    model = compare_models(capture(before), capture(after)).model
    drift = find_drift(capture(before), capture(after))
    texts = " ".join(part.text for line in drift.changes for part in line.parts or (line,))
    changes = [m.change for m in model.modules] + [p.change for m in model.modules for p in m.parameters]
    details = {detail.rpartition("trainable → ")[2] for change in changes if change for detail in change.details}
    words = {detail.partition(" from ")[0] for detail in details}
    assert not {detail for detail in words if detail not in texts and detail != "wrapped"}
