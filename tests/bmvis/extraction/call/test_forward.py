"""One traced call: the outputs, order and number of calls of each module."""

from __future__ import annotations

import random
from collections import OrderedDict

import pytest
import torch
from torch import nn
from traced_calls import odd, page_of, traced

from bmvis.extraction.call.forward import trace_call
from bmvis.extraction.modules import capture, capture_live
from bmvis.options.parsing import parse_options
from bmvis.render.html.tree import to_html
from bmvis.render.json_data import to_data
from bmvis.render.latex import to_latex
from bmvis.render.text import to_text
from bmvis.view.layout import layout


def test_text_has_output_shapes_and_call_counts() -> None:
    assert to_text(page_of(odd(), "float32[3, 4]")).splitlines() == [
        "root → logits:[1, 2] hidden:[1, 4]",
        "├── last (Linear) weight:[2, 4] bias:[2] → [1, 2]",
        "├── first (Linear) weight:[4, 4] bias:[4] → [1-3, 4] (called 2 times)",
        "└── spare (Sequential) (not called)",
        "    └── 0-1(Linear) weight:[4, 4] bias:[4]",
        "",
        "Odd: 70 parameters, all trainable; float32, 280 bytes",
        "one call: 72 MACs, 72 bytes computed",
    ]


class Keywords(nn.Module):
    """Passes tensors by position, by keyword and in containers."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Mixed()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x, 3, mask=x[:, :1], pair=(x[0], None)) + self.inner(x[:1], 3, mask=x, pair=(x[0], None))


class Mixed(nn.Module):
    def forward(self, x: torch.Tensor, n: int, mask: torch.Tensor, pair: tuple[torch.Tensor, None]) -> torch.Tensor:
        return x + mask.sum()


def test_inputs_are_the_tensors_among_the_arguments_of_all_calls() -> None:
    call = traced(Keywords(), "float32[2, 4]").modules[1].call
    assert call is not None
    assert [(one.name, one.shape, one.most) for one in call.inputs] == [
        ("", (1, 4), (2, 4)),
        ("mask", (2, 1), (2, 4)),
        ("pair", (4,), ()),
    ]


def test_execution_order_sorts_by_first_call() -> None:
    rows = page_of(odd(), "float32[3, 4]", order="execution").rows
    assert [row.path for row in rows if row.depth == 1] == ["first", "last", "spare"]


def test_folded_row_shows_range_of_output_shapes() -> None:
    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, stride=2, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(x)

    with torch.device("meta"):
        model = nn.Sequential(*(Pooled() for _ in range(3)))
    lines = to_text(page_of(model, "float32[1, 3, 32, 32]")).splitlines()
    assert "0-2(Pooled) → [1, 3, 4-16, 4-16]" in lines[1]


def test_every_format_shows_output_shapes() -> None:
    page = page_of(odd(), "float32[3, 4]")
    html = to_html(page, "odd")
    assert 'class="bmvis-flow" title="32 MACs' not in html.partition("first")[0]
    assert "→ [1-3, 4]" in html
    assert "MACs" in html
    assert r"$\rightarrow$ {[}1," in to_latex(page)
    rows = to_data(page, "zoo:odd", "meta")["rows"]
    assert rows[1]["flow"] == {
        "outputs": [{"name": "", "shape": (1, 2)}],
        "calls": (1, 1),
        "macs": (8, 8),
        "bytes": (8, 8),
        "inputs": [{"name": "", "shape": (1, 4)}],
    }
    assert rows[3]["flow"]["calls"] == (0, 0)


def test_modules_have_no_calls_without_inputs() -> None:
    page = layout(capture(odd()), parse_options({}))
    assert page.call_summary is None
    assert all(row.call_summary is None for row in page.rows)


def test_forward_leaves_the_model_unchanged() -> None:
    model = nn.Sequential(OrderedDict(a=nn.Linear(4, 4), b=nn.BatchNorm1d(4), c=nn.Dropout(0.5)))
    model.b.eval()  # type: ignore[union-attr]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state, numbers = torch.get_rng_state(), random.getstate()
    traced(model, "float32[3, 4]", "cpu")
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert random.getstate() == numbers
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert not nn.modules.module._global_forward_hooks
    assert not nn.modules.module._global_forward_pre_hooks
    assert all(parameter.grad is None for parameter in model.parameters())


def test_failed_forward_leaves_no_hooks() -> None:
    with pytest.raises(RuntimeError):
        traced(nn.Linear(4, 4, device="meta"), "float32[3, 5]")
    assert not nn.modules.module._global_forward_hooks
    assert not nn.modules.module._global_forward_pre_hooks


def test_calls_of_shared_module_are_at_its_first_place() -> None:
    layer = nn.Linear(4, 4, device="meta")
    found = traced(nn.Sequential(layer, nn.ReLU(), layer), "float32[1, 4]")
    first, later = found.modules[1].call, found.modules[3].call
    assert first is not None
    assert (first.calls, first.macs) == (2, 32)
    assert later is None


@pytest.mark.parametrize("inputs", ["", "float32[3, 4]"], ids=["nowhere", "of the model"])
def test_execution_order_requires_inputs_of_the_page_or_the_model(inputs: str) -> None:
    live = capture_live(odd())
    tree = traced(odd(), inputs) if inputs else live.tree
    page = layout(tree, parse_options({"order": "execution"}))
    messages = [str(warning).partition(" (")[0] for warning in page.warnings]
    assert messages == ([] if inputs else ["the option order=execution requires 'inputs'"])
    assert page.missing == (() if inputs else ("call",))


class Refusing(nn.Module):
    """Fails under any dispatch mode."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        from torch.utils._python_dispatch import _get_current_dispatch_mode

        if _get_current_dispatch_mode() is not None:
            raise RuntimeError("no modes here")
        found: torch.Tensor = self.layer(x)
        return found


def test_model_that_fails_under_dispatch_mode_has_shapes() -> None:
    with torch.device("meta"):
        model = Refusing()
    found = traced(model, "float32[2, 4]")
    assert [module.call.outputs[0].shape for module in found.modules if module.call] == [(2, 4), (2, 4)]
    text = to_text(layout(found, parse_options({"inputs": "float32[2, 4]"})))
    assert "one call: MACs not counted" in text
    assert "0 MACs" not in text


@pytest.mark.parametrize("is_drawn", [False, True])
def test_figure_of_a_model_that_fails_under_dispatch_mode_is_reported(is_drawn: bool) -> None:
    with torch.device("meta"):
        live = capture_live(Refusing())
        found = trace_call(live, (torch.zeros(2, 4),), {}, dataflow=is_drawn)
    assert found.dataflow is None
    page = layout(found, parse_options({"flow": "auto"} if is_drawn else {}))
    what = "the operations of the call could not be recorded: it raised RuntimeError"
    assert [str(one) for one in page.warnings] == (
        [f"{what} (remove the option flow, as there is no figure)"] if is_drawn else []
    )


class Scripted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pre = torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))
        self.post = nn.Linear(4, 2)
        self.spare = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.post(self.pre(x))
        return found


def test_modules_inside_torchscript_are_not_marked_uncalled() -> None:
    found = traced(Scripted(), "float32[1, 4]", "cpu")
    calls = {path: module.call for path, module in zip(found.paths, found.modules, strict=True)}
    assert calls["pre.0"] is None
    assert calls["pre.1"] is None
    assert calls["spare"] is not None
    assert calls["spare"].calls == 0
    assert traced(torch.jit.script(nn.Sequential(nn.Linear(4, 4))), "float32[1, 4]", "cpu").modules[1].call is None


class Returning(nn.Module):
    def __init__(self, value: object) -> None:
        super().__init__()
        self.make = value

    def forward(self, x: torch.Tensor) -> object:
        return self.make(x)  # type: ignore[operator]


OUTPUTS = {
    "list": (lambda x: [x, x[0], None], [("", (2, 4)), ("", (4,))]),
    "nested": (lambda x: (x, (x[0], x[0, 0])), [("", (2, 4)), ("", (4,)), ("", ())]),
    "list of dictionaries": (lambda x: [{"boxes": x, "labels": x[:, 0]}], [("boxes", (2, 4)), ("labels", (2,))]),
    "tuple in a dictionary": (lambda x: {"states": (x, x[0])}, [("states", (2, 4)), ("states", (4,))]),
    "no tensor": (lambda x: "text", []),
    "deep": (lambda x: [[[[[[[[[[x]]]]]]]]]], []),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_call_records_every_tensor_of_the_output(name: str) -> None:
    make, expected = OUTPUTS[name]
    call = traced(Returning(make), "float32[2, 4]").root.call
    assert call is not None
    assert [(output.name, output.shape) for output in call.outputs] == expected


def test_row_shows_three_outputs_and_the_number_of_others() -> None:
    page = page_of(Returning(lambda x: [x] * 5), "float32[2, 4]")
    assert to_text(page).splitlines()[0] == "root → [2, 4] [2, 4] [2, 4] … 2 more"


def test_outputs_of_several_calls_are_matched_by_order() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pair = Returning(lambda x: (x, x[0]))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.pair(x)[0]
            return self.pair(found[:1])[0]  # type: ignore[no-any-return]

    (pair,) = traced(Twice(), "float32[3, 4]").modules[1:]
    assert pair.call is not None
    assert [(output.shape, output.most) for output in pair.call.outputs] == [((1, 4), (3, 4)), ((4,), ())]


def test_forward_initializes_lazy_modules() -> None:
    model = nn.Sequential(nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(10))
    found = traced(model, "float32[1, 3, 8, 8]", "cpu")
    assert sum(p.count for module in found.modules for p in module.parameters) == 224 + 16 + 2890
    assert found.notes == ("lazy modules inferred their shapes from `inputs`",)
    assert found.modules[1].type == "Conv2d"
