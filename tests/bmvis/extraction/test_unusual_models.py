"""Capture models that are deep, wide, large or hostile."""

import gc
import tracemalloc

import msgspec
import pytest
import torch
from torch import nn

from bmvis.errors import FactoryError
from bmvis.extraction.modules import capture
from bmvis.model.snapshot import Snapshot, dump, load
from bmvis.model.totals import subtree_totals
from bmvis.model.tree import Model
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.render.latex import to_latex
from bmvis.render.text import printable, to_text
from bmvis.view.folding import fold
from bmvis.view.layout import layout


def nested(depth: int) -> nn.Module:
    """Return a linear layer inside `depth` modules."""
    model: nn.Module = nn.Linear(2, 3)
    for _ in range(depth):
        outer = nn.Sequential()
        outer._modules["0"] = model
        model = outer
    return model


def wide(children: int, size: int = 1) -> nn.Module:
    """Return a list of modules with a weight and a bias; their sizes differ unless `size` is 0."""
    model = nn.ModuleList()
    for index in range(children):
        layer = model._modules[str(index)] = nn.Module()
        side = 1 + index * size
        layer._parameters = {name: nn.Parameter(torch.empty(side, device="meta")) for name in ("weight", "bias")}
    return model


@pytest.mark.parametrize("depth", [1_000, pytest.param(4_000, marks=pytest.mark.builds)])
def test_deep_model_is_captured_and_drawn(depth):
    tree = capture(nested(depth))
    assert tree.modules[-1].depth == depth
    assert subtree_totals(tree)[0].count == 9
    assert len(fold(tree).groups) == depth + 1
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(tree), type=Model) == tree
    page = layout(tree, Options())
    last = "0 (Linear) weight:[3, 2] bias:[3]"
    assert to_text(page, marks=False).endswith(last)
    assert to_html(page, "deep").count("<li") == depth + 1
    if depth == 1_000:
        assert to_latex(page).count(r"\bmvisrow") == depth + 1


def test_equal_modules_of_wide_model_are_one_row():
    tree = capture(wide(10_000, size=0))
    page = layout(tree, Options())
    assert [(row.label, row.repeats) for row in page.rows] == [("root", 1), ("0-9999", 10_000)]
    assert page.totals.count == 20_000


def test_capture_takes_less_than_two_kilobytes_per_module():
    capture(wide(1))  # the first capture in a process reads the releases of libraries, and keeps facts of classes
    model = wide(5_000)
    gc.collect()
    tracemalloc.start()
    try:
        tree = capture(model)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(tree.modules) == 5_001
    assert peak / len(tree.modules) < 2_000


class Hostile(nn.Module):
    """Raises an error from each method and property of a module; only its dictionaries can be read."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def _refuse(self, *_, **__):
        raise RuntimeError("nobody should ask me")

    __len__ = __bool__ = __eq__ = __repr__ = __str__ = __iter__ = __dir__ = __contains__ = _refuse
    __getattr__ = __call__ = forward = extra_repr = _get_name = _refuse
    children = named_children = modules = named_modules = parameters = named_parameters = _refuse
    buffers = named_buffers = state_dict = get_submodule = get_parameter = _refuse

    def __hash__(self):
        raise RuntimeError("nor count me")


class Unreadable(Hostile):
    """Raises an error for every attribute after its construction."""

    def __getattribute__(self, name):
        if object.__getattribute__(self, "__dict__").get("_modules"):
            raise RuntimeError(name)
        return super().__getattribute__(name)


class Uninitialized(nn.Module):
    """Does not call `super().__init__()`."""

    def __init__(self):
        pass


class Growing(nn.Module):
    """Returns children that do not exist."""

    def __getattr__(self, name):
        return Growing()

    def named_children(self):
        while True:
            yield "more", Growing()


@pytest.mark.parametrize(
    ("cls", "types"),
    [
        (Hostile, ["Hostile", "Linear"]),
        (Unreadable, ["Unreadable", "Linear"]),
        (Growing, ["Growing"]),
    ],
)
def test_hostile_module_runs_no_code_of_its_own(cls, types):
    holder = nn.Module()
    holder._modules["inside"] = cls()
    for model in (cls(), holder):
        assert [module.type for module in capture(model).modules][-len(types) :] == types


def test_module_that_was_not_initialized_is_an_error_with_its_path():
    with pytest.raises(FactoryError, match=r"module '0.1' \(Uninitialized\) is not valid: it has no '_modules'"):
        capture(nn.Sequential(nn.Sequential(nn.Linear(3, 2), Uninitialized())))


def test_parameter_subclass_runs_no_code_of_its_own():
    class Overriding(torch.Tensor):
        @classmethod
        def __torch_function__(cls, *_, **__):
            raise RuntimeError("no operation on me")

        __len__ = __bool__ = __eq__ = __repr__ = lambda self, *_: 1 / 0
        __hash__ = torch.Tensor.__hash__

    model = nn.Linear(2, 3)
    model._parameters["weight"] = torch.zeros(3, 2).as_subclass(Overriding)
    weight, _ = capture(model).root.parameters
    assert (weight.shape, weight.dtype, weight.count, weight.stored_bytes) == ((3, 2), "float32", 6, 24)


@pytest.mark.parametrize("name", ["<b>", "a\nb", "\ud800", "'\"&", "a b", "é", "…", "\x00"])
def test_capture_accepts_any_name(name):
    model = nn.Module()
    model.add_module(name, nn.Linear(1, 1))
    tree = capture(model)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(tree), type=Model) == tree
    page = layout(tree, Options())
    assert printable(name.encode("utf-8", "backslashreplace").decode()) in to_text(page)
    to_html(page, "odd").encode()


def test_names_that_are_not_strings_become_strings():
    model = nn.Module()
    model._modules[7] = nn.Linear(1, 1)
    assert capture(model).modules[1].name == "7"


def ragged(kind: torch.layout) -> nn.Parameter:
    return nn.Parameter(torch.nested.nested_tensor([torch.zeros(2, 3), torch.zeros(4, 3)], layout=kind))


@pytest.mark.filterwarnings("ignore:.*prototype")
@pytest.mark.parametrize("kind", [torch.strided, torch.jagged], ids=str)
def test_nested_tensor_has_unknown_size(kind):
    model = nn.Linear(3, 3)
    model.weight = ragged(kind)
    model.register_buffer("extra", ragged(kind).detach())
    tree = capture(model)
    weight, _ = tree.root.parameters
    assert (weight.shape, weight.count) == ((2, -1, 3), 18)
    assert to_text(layout(tree, Options(buffers=True))).startswith(
        "root weight:[2, ?, 3] bias:[3] extra:[2, ?, 3] (buffer)"
    )
    record = Snapshot("ragged:model", tree)
    assert load(dump(record)) == record


@pytest.mark.filterwarnings("ignore:.*beta")
@pytest.mark.parametrize(
    ("kind", "stored"),
    [("coo", 50 * (2 * 8 + 4)), ("csr", 51 * 8 + 50 * (8 + 4)), ("csc", 51 * 8 + 50 * (8 + 4))],
)
def test_sparse_tensor_stores_values_and_indices(kind, stored):
    dense = torch.eye(50)
    model = nn.Module()
    model.dense = nn.Parameter(dense.clone())
    sparse = dense.to_sparse() if kind == "coo" else getattr(dense, f"to_sparse_{kind}")()
    model.inner = nn.Module()
    model.inner.dense = nn.Parameter(sparse)
    model.register_buffer("adjacency", sparse)
    tree = capture(model)
    (first,), (second,) = (module.parameters for module in tree.modules)
    assert (first.shape, first.count, first.stored_bytes) == ((50, 50), 2500, 10_000)
    assert (second.shape, second.count, second.stored_bytes) == ((50, 50), 2500, stored)
    assert tree.root.buffers[0].stored_bytes == stored


@pytest.mark.parametrize("module_name", [None, 3])
def test_class_without_module_name_is_captured(module_name):
    cls = type("Adrift", (nn.Linear,), {"__module__": module_name})
    assert capture(nn.Sequential(cls(1, 1))).modules[1].import_path == "Adrift"


def test_model_that_contains_itself_under_an_empty_name():
    model = nn.Sequential(nn.Linear(1, 1))
    model._modules[""] = model
    assert [module.shared_with for module in capture(model).modules] == [None, None, ""]


def test_names_with_line_breaks_stay_on_one_line():
    model = nn.Module()
    for name in ("a\nb", "a\r\x1b[2Jb", "a\u2028b", "a\u202eb"):
        model.add_module(name, nn.Linear(1, 1))
    text = to_text(layout(capture(model), Options()), marks=False)
    assert text.splitlines()[1] == r"└── a\u000ab,a\u000d\u001b[2Jb,a\u2028b,a\u202eb(Linear) weight:[1, 1] bias:[1]"
