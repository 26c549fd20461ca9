"""What a call records of modules with hooks, in threads, of frozen code, and of modules whose weights others use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from bmvis.extraction.call.forward import trace_call
from bmvis.extraction.modules import capture_live
from bmvis.model.tree import Model
from bmvis.options.parsing import parse_options
from bmvis.render.text import to_text
from bmvis.view.layout import layout


class Layers(nn.Module):
    """Layers of four features, and a function that is the forward pass."""

    def __init__(self, run: Callable[..., Any], **layers: nn.Module) -> None:
        super().__init__()
        self.run = run
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: torch.Tensor) -> Any:
        return self.run(self, x)


def called(model: nn.Module, *inputs: torch.Tensor) -> Model:
    return trace_call(capture_live(model), inputs or [torch.zeros(2, 4)], {})


def marks(tree: Model) -> dict[str, str]:
    """Return `called`, `not called`, or '' if there is no record, by path."""
    states = {path: module.call for path, module in zip(tree.paths, tree.modules, strict=True)}
    return {path: "" if call is None else "called" if call.calls else "not called" for path, call in states.items()}


def weights_of(model: Any, x: torch.Tensor) -> torch.Tensor:
    return functional.linear(model.a(x), model.b.weight)


def buffer_of(model: Any, x: torch.Tensor) -> torch.Tensor:
    model.b(x)
    return x + model.norm.running_mean


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (lambda m, x: m.a(x), {"a": "called", "b": "not called"}),
        (weights_of, {"a": "called", "b": ""}),
        (lambda m, x: m.b.forward(m.a(x)), {"a": "called", "b": ""}),
        (lambda m, x: m.part[0].forward(x), {"part": "", "part.0": "", "part.1": "not called"}),
        (buffer_of, {"norm": "", "b": "called"}),
    ],
    ids=["called", "weight of another", "forward called directly", "inside a container", "buffer of another"],
)
def test_module_whose_tensors_are_used_is_not_marked_uncalled(run: Any, expected: dict[str, str]) -> None:
    model = Layers(run, part=nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), norm=nn.BatchNorm1d(4, affine=False))
    found = marks(called(model))
    assert {path: found[path] for path in expected} == expected


def test_uncalled_module_with_a_tied_weight_is_marked() -> None:
    model = Layers(lambda m, x: m.a(x))
    model.b.weight = model.a.weight
    assert marks(called(model))["b"] == "not called"


def test_projection_inside_attention_is_not_marked_uncalled() -> None:
    assert marks(called(nn.TransformerEncoderLayer(4, 2)))["self_attn.out_proj"] == ""


def test_modules_of_an_exported_graph_are_not_marked_uncalled() -> None:
    graph = torch.export.export(nn.Sequential(nn.Linear(4, 4)), (torch.zeros(2, 4),)).module()
    assert marks(called(graph))["0"] == ""


def test_row_counts_the_modules_that_are_not_called() -> None:
    model = nn.Module()
    model.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(4)])
    model.forward = lambda x: model.layers[2](functional.linear(x, model.layers[0].weight))  # type: ignore[method-assign]
    assert "0-3(Linear) weight:[4, 4] bias:[4] → [2, 4] (2 of 4 not called)" in to_text(
        layout(called(model), parse_options({"inputs": "float32[2, 4]"}))
    )


def hooked() -> nn.Module:
    layer = nn.Linear(4, 4)
    layer.register_forward_hook(lambda module, args, output: output[:, :2])
    layer.register_forward_hook(lambda module, args, output: output[:, :1])
    return layer


def test_output_is_that_after_the_hooks_of_a_module() -> None:
    model = Layers(lambda m, x: (m.layer(x), m.layer(x[:1])), layer=hooked())
    hooks = list(model.layer._forward_hooks.values())
    call = called(model).modules[-1].call
    assert call is not None
    assert [(one.shape, one.most) for one in call.outputs] == [((1, 1), (2, 1))]
    assert [(one.shape, one.most) for one in call.inputs] == [((1, 4), (2, 4))]
    assert list(model.layer._forward_hooks.values()) == hooks


def calls_again(model: Any, x: torch.Tensor) -> torch.Tensor:
    """Call a layer as SpeechBrain does, which does not know which of its layers take lengths."""
    try:
        return model.a(x, lengths=None)
    except TypeError:
        return model.b(model.a(x))


def test_calls_that_the_model_repeats_after_an_exception_are_not_counted() -> None:
    modules = called(Layers(calls_again)).modules
    assert [module.call and module.call.calls for module in modules] == [1, 1, 1]
    assert [module.call and module.call.macs for module in modules] == [2 * 2 * 4 * 4, 2 * 4 * 4, 2 * 4 * 4]


def test_failed_call_removes_its_hooks() -> None:
    model = Layers(lambda m, x: m.layer(m.a(x))[:, 5:] @ x, layer=hooked())
    with pytest.raises(RuntimeError):
        called(model)
    assert len(model.layer._forward_hooks) == 2


def in_threads(model: Any, x: torch.Tensor) -> torch.Tensor:
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda layer: layer(x), [model.a, model.b])
    return model.a(one + two)


def test_operations_of_other_threads_are_not_counted_and_named() -> None:
    tree = called(Layers(in_threads))
    calls = [module.call for module in tree.modules if module.call]
    assert [(call.calls, call.macs, call.uncounted) for call in calls] == [
        (1, 32, ("operations in other threads",)),
        (2, 32, ("operations in other threads",)),
        (1, 0, ("operations in other threads",)),
    ]


def in_started_thread(compute: Callable[[], Any]) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(compute()))
    thread.start()
    thread.join()
    return found[0]


def product_in_a_pool(model: Any, x: torch.Tensor) -> torch.Tensor:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.matmul, x, model.a.weight).result() + model.a(x)


def numpy_product(model: Any, x: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(x.numpy() @ model.a.weight.detach().numpy()) + model.a(x)


@pytest.mark.parametrize("dataflow", [False, True])
@pytest.mark.parametrize(
    ("forward", "macs", "uncounted"),
    [
        (product_in_a_pool, 32, ("operations in other threads",)),
        (
            lambda m, x: in_started_thread(lambda: functional.linear(x, m.a.weight, m.a.bias)),
            0,
            ("operations in other threads",),
        ),
        (lambda m, x: in_started_thread(lambda: x * 2) + m.a(x), 32, ()),
        (numpy_product, 32, ("operations in NumPy",)),
        (lambda m, x: m.a(torch.from_numpy(np.asarray(x) * 2)), 32, ("operations in NumPy",)),
        (lambda m, x: m.a(torch.from_numpy(np.from_dlpack(x) * 2)), 32, ("operations in NumPy",)),
        (lambda m, x: m.a(x)[x.argmax(-1).numpy()], 32, ()),
        (lambda m, x: m.a(x) * x[0].tolist()[0] * x.sum().item(), 32, ()),
    ],
)
def test_what_computes_where_it_is_not_counted_is_named(
    forward: Any, macs: int, uncounted: tuple[str, ...], dataflow: bool
) -> None:
    call = trace_call(capture_live(Layers(forward)), [torch.zeros(2, 4)], {}, dataflow=dataflow).root.call
    assert call is not None
    assert (call.macs, call.uncounted) == (macs, uncounted)


def test_threads_of_an_earlier_call_are_noted_for_the_call_that_runs() -> None:
    with ThreadPoolExecutor(1) as pool:
        models = [Layers(lambda m, x: pool.submit(torch.matmul, x, m.a.weight).result()) for _ in range(2)]
        calls = [called(model).root.call for model in models]
        pool.submit(torch.ones(2, 2).matmul, torch.ones(2, 2)).result()
    assert [call and call.uncounted for call in calls] == [("operations in other threads",)] * 2


@pytest.mark.parametrize(("items", "calls", "uncounted"), [(2, 2, ()), (10**9, 100, ("results of a generator",))])
def test_first_items_of_a_generator_are_computed(items: int, calls: int, uncounted: tuple[str, ...]) -> None:
    def lazily(model: Any, x: torch.Tensor) -> Iterator[torch.Tensor]:
        return (model.a(x) for _ in range(items))

    tree = called(Layers(lazily))
    root, layer = tree.root.call, tree.modules[tree.index_of["a"]].call
    assert root is not None
    assert layer is not None
    assert (layer.calls, root.macs, root.uncounted) == (calls, layer.macs, uncounted)


class Scales(nn.Module):
    """Yields one result for each of its layers, which are computed when they are read."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, size) for size in (3, 5))

    def forward(self, x: torch.Tensor) -> Iterator[torch.Tensor]:
        for layer in self.layers:
            yield layer(x)


class ReadsScales(nn.Module):
    def __init__(self, read: Callable[[Any], Any]) -> None:
        super().__init__()
        self.scales = Scales()
        self.read = read

    def forward(self, x: torch.Tensor) -> Any:
        return self.read(self.scales(x))


def test_outputs_of_a_model_that_returns_a_generator() -> None:
    root = trace_call(capture_live(Scales()), [torch.zeros(2, 4)], {}).root.call
    assert root is not None
    assert ([one.shape for one in root.outputs], root.macs, root.uncounted) == ([(2, 3), (2, 5)], 2 * 4 * (3 + 5), ())


@pytest.mark.parametrize(
    ("read", "macs", "of_root"),
    [(list, 2 * 4 * (3 + 5), ()), (lambda scales: {"later": scales}, 0, ("results of a generator",))],
    ids=["read", "returned"],
)
def test_module_that_returns_a_generator_has_a_minimum(
    read: Callable[[Any], Any], macs: int, of_root: tuple[str, ...]
) -> None:
    tree = trace_call(capture_live(ReadsScales(read)), [torch.zeros(2, 4)], {})
    root, scales = tree.root.call, tree.modules[tree.index_of["scales"]].call
    assert root is not None
    assert scales is not None
    assert (root.macs, root.uncounted) == (macs, of_root)
    assert (scales.macs, scales.uncounted) == (0, ("results of a generator",))


def test_frozen_torchscript_has_shapes_and_macs() -> None:
    frozen = torch.jit.freeze(torch.jit.script(nn.Sequential(nn.Linear(4, 3)).eval()))
    call = called(frozen).root.call
    assert call is not None
    assert (call.macs, call.outputs[0].shape) == (24, (2, 3))


def test_result_in_a_given_tensor_is_counted() -> None:
    call = called(Layers(lambda m, x: torch.mm(x, m.a.weight, out=x.new_empty(2, 4)))).root.call
    assert call is not None
    assert (call.macs, call.uncounted) == (32, ())


def test_output_that_is_an_object_has_its_tensors() -> None:
    call = called(Layers(lambda m, x: SimpleNamespace(logits=m.a(x), loss=0.5, hidden=[x]))).root.call
    assert call is not None
    assert [(one.name, one.shape) for one in call.outputs] == [("logits", (2, 4)), ("hidden", (2, 4))]
