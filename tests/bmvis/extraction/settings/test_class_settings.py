"""Settings that `forward` reads and that are no attributes of an instance."""

import dis
import functools
import sys
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

import bmvis
from bmvis.extraction.settings.class_settings import class_settings

HEAD = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\nK = 2\n"
NET = "class Net(nn.Module):\n    "


def loaded(code: str) -> dict[str, object]:
    """Run code as the module `zoo` of a project."""
    namespace: dict[str, object] = {"__name__": "zoo"}
    exec(HEAD + code, namespace)
    return namespace


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (NET + "k = 2\n    def forward(self, x): return x * self.k", {"k": 2}),
        (NET + "k = 2\n    def forward(self, x): return x", {}),
        (NET + "k = 2\n    def __init__(self): super().__init__(); self.k", {}),
        (
            NET + "def forward(self, x, k=2, *, m=None): return x",
            {"forward.k": 2, "forward.m": None},
        ),
        (NET + "def forward(self, x): return x * K", {"forward.K": 2}),
        (NET + "def forward(self, x): return [y * K for y in x]", {"forward.K": 2}),
        (NET + "def forward(self, x): return x * self.K", {}),
        (NET + "def other(self, x): return x * K", {}),
        (
            NET + "def forward(self, x): return self.part(x)\n    def part(self, x): return x * K",
            {"part.K": 2},
        ),
        (
            "def scale(x): return x * K\nclass Net(nn.Module):\n    def forward(self, x): return scale(x)",
            {"forward.K": 2},
        ),
        (
            "def make(k):\n    class Net(nn.Module):\n        def forward(self, x): return x * k\n"
            "    return Net\nNet = make(2)",
            {"forward.k": 2},
        ),
        (
            "class Base(nn.Module):\n    k = 1\n    def forward(self, x, y=3): return x\n"
            "class Net(Base):\n    k = 2\n    def forward(self, x): return super().forward(x) * self.k",
            {"k": 2, "forward.y": 3},
        ),
        (
            "class Base(nn.Module):\n    def forward(self, x, y=3): return x\n"
            "class Net(Base):\n    def forward(self, x): return x",
            {},
        ),
        ("call_count = 2\nclass Net(nn.Module):\n    def forward(self, x): return x * call_count", {}),
        ("A = [1, 2]\n" + NET + "def forward(self, x): return x * A[1]", {"forward.A": [1, 2]}),
        ("DT = torch.half\n" + NET + "def forward(self, x): return x.to(DT)", {"forward.DT": torch.half}),
        ("act = F.gelu\n" + NET + "def forward(self, x): return act(x)", {"forward.act": functional.gelu}),
        ("relu = F.relu\n" + NET + "def forward(self, x): return relu(x)", {}),
        (NET + "def forward(self, x): return F.relu(x)", {}),
        (NET + "act = staticmethod(F.relu)\n    def forward(self, x): return self.act(x)", {"act": functional.relu}),
        (NET + "dt = torch.half\n    def forward(self, x): return x.to(self.dt)", {"dt": torch.half}),
        (NET + "def forward(self, x, ks=[1, 2]): return x * ks[1]", {"forward.ks": [1, 2]}),
        (NET + "def forward(self, x, act=F.relu): return act(x)", {"forward.act": functional.relu}),
        ("class C:\n    k = 2\n" + NET + "def forward(self, x): return x * C.k", {"forward.C.k": 2}),
        (
            "guidance_scale = 2\n" + NET + "def forward(self, x): return x * guidance_scale",
            {"forward.guidance_scale": 2},
        ),
        (
            NET
            + "discount = 2\n    callCount = 3\n    def forward(self, x): return x * self.discount + self.callCount",
            {"discount": 2},
        ),
        (
            NET + "def forward(self, x): return self.part(x)\n    @staticmethod\n    def part(x, k=2): return x * k",
            {"part.k": 2},
        ),
        (
            NET + "def forward(self, x): return x * self.part\n    @property\n    def part(self): return K",
            {"part.K": 2},
        ),
        (
            NET + "k = 2\n    @torch.no_grad()\n    def forward(self, x, y=3): return x * self.k",
            {"k": 2, "forward.y": 3},
        ),
        (
            "def d(f):\n    def g(*a): return f(*a)\n    return g\n"
            + NET
            + "k = 2\n    @d\n    def forward(self, x): return x * self.k * K",
            {"k": 2, "forward.K": 2},
        ),
        (
            "import functools\n@functools.lru_cache\ndef f(x, k=2): return x * k\n"
            + NET
            + "def forward(self, x): return f(x)",
            {"forward.f.k": 2},
        ),
        (
            "def f(x, k=2): return x * k\ndef g(x, k=3): return f(x) * k\n" + NET + "def forward(self, x): return g(x)",
            {"forward.g.k": 3, "forward.f.k": 2},
        ),
        ("def f(x): return f(x) * K\n" + NET + "def forward(self, x): return f(x)", {"forward.K": 2}),
        ("P = nn.Parameter(torch.ones(1))\nclass Net(nn.Module):\n    def forward(self, x): return x * P", {}),
    ],
)
def test_values_that_forward_reads_are_found(code: str, found: dict[str, object]) -> None:
    assert class_settings(loaded(code)["Net"]) == found  # type: ignore[arg-type]


OBJECT = "class H:\n    def __init__(self, k): self.k = k\n    def f(self, x): return x\nh = H(10)\n"
PLACES = {
    "a method of a global object": (OBJECT + NET + "def forward(self, x): return h.f(x)", "forward.h.k"),
    "an attribute of a global object": (OBJECT + NET + "def forward(self, x): return x * h.k", "forward.h.k"),
    "an object of the class": (OBJECT + NET + "own = h\n    def forward(self, x): return self.own.f(x)", "own.k"),
    "a constant of a function for autograd": (
        "class A(torch.autograd.Function):\n    k = 10\n    @staticmethod\n    def forward(ctx, x): return x * A.k\n"
        + NET
        + "def forward(self, x): return A.apply(x)",
        "forward.A.k",
    ),
    "a default of a function for autograd": (
        "class A(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x, k=10): return x\n"
        + NET
        + "def forward(self, x): return A.apply(x)",
        "forward.forward.k",
    ),
    "a member of an enum": (
        "import enum\nclass W(enum.Enum): SMALL = 10\n" + NET + "def forward(self, x): return x * W.SMALL.value",
        "forward.W.SMALL",
    ),
    "a class that groups constants": (
        NET + "class Cfg:\n        k = 10\n    def forward(self, x): return x * self.Cfg.k",
        "Cfg",
    ),
    "a tensor of the file": ("T = torch.tensor([10.0])\n" + NET + "def forward(self, x): return x * T", "forward.T"),
    "a tensor of the class": (NET + "t = torch.tensor([10.0])\n    def forward(self, x): return x * self.t", "t"),
    "a default of a method of an object": (
        "class H:\n    def f(self, x, k=10): return x\n"
        + NET
        + "def __init__(self): super().__init__(); self.h = H()\n    def forward(self, x): return self.h.f(x)",
        "h.f.k",
    ),
    "a constant of a method of objects in a list": (
        "K = 10\nclass H:\n    def f(self, x): return x * K\n"
        + NET
        + "def __init__(self): super().__init__(); self.hs = [H(), H()]\n"
        + "    def forward(self, x): return [h.f(x) for h in self.hs]",
        "hs",
    ),
    "a default of a method of an object in an object": (
        "class In:\n    def g(self, x, k=10): return x\n"
        "class H:\n    def __init__(self): self.inside = In()\n    def f(self, x): return self.inside.g(x)\n"
        + NET
        + "def __init__(self): super().__init__(); self.h = H()\n    def forward(self, x): return self.h.f(x)",
        "h.inside.g.k",
    ),
    "a default of a method that __call__ of an object calls": (
        "class H:\n    def f(self, x, k=10): return x\n    def __call__(self, x): return self.f(x)\n"
        + NET
        + "def __init__(self): super().__init__(); self.h = H()\n    def forward(self, x): return self.h(x)",
        "h",
    ),
    "an overridden __call__": (NET + "def __call__(self, x, k=10): return x", "__call__.k"),
    "a constant with the name of a counter": (
        "LAYER_COUNT = 10\n" + NET + "def forward(self, x): return x * LAYER_COUNT",
        "forward.LAYER_COUNT",
    ),
}


@pytest.mark.parametrize(("code", "name"), PLACES.values(), ids=PLACES)
def test_change_of_a_value_that_forward_reads_is_found(code: str, name: str) -> None:
    texts = []
    for changed in (code, code.replace("10", "20")):
        made = loaded(changed)["Net"]()  # type: ignore[operator]
        texts.append((bmvis.capture(made).root.settings or {})[name])
    assert "10" in texts[0]
    assert texts[1] == texts[0].replace("10", "20")


INIT = "def __init__(self): super().__init__(); "
SCALED = "\n    def forward(self, x): return x * self._k"
PRIVATE = {
    "an attribute": (NET + INIT + "self._k = 10" + SCALED, {"_k": "10"}),
    "an attribute of the class": (NET + "_k = 10" + SCALED, {"_k": "10"}),
    "an attribute with the name of the class": (
        NET + INIT + "self.__k = 10\n    def forward(self, x): return x * self.__k",
        {"_Net__k": "10"},
    ),
    "a property": (
        NET + INIT + "self._k = 10\n    @property\n    def k(self): return self._k\n"
        "    @k.setter\n    def k(self, k): self._k = k\n    def forward(self, x): return x * self.k",
        {"_k": "10"},
    ),
    "a method of a base class": (
        "class Base(nn.Module):\n    def __init__(self, k): super().__init__(); self._k = k" + SCALED + "\n"
        "class Net(Base):\n    def __init__(self): super().__init__(10)\n"
        "    def forward(self, x): return super().forward(x)",
        {"_k": "10"},
    ),
    "a function that gets the module": (
        "def scaled(net, x): return x * net._k\n"
        + NET
        + INIT
        + "self._k = 10\n    def forward(self, x): return scaled(self, x)",
        {"_k": "10"},
    ),
    "a hook": (
        NET
        + INIT
        + "self._k = 10; self.register_forward_hook(self.after)\n    def after(self, *a): return a[2] * self._k",
        {"forward_hooks": "zoo.Net.after(_k=10)"},
    ),
    "an object": (
        "class H:\n    def __init__(self): self._k = 10\n    def f(self, x): return x * self._k\n"
        + NET
        + INIT
        + "self._h = H()\n    def forward(self, x): return self._h.f(x)",
        {"_h": "zoo.H()", "_h._k": "10"},
    ),
    "an object that is called": (
        "class H:\n    def __init__(self): self._k = 10\n    def __call__(self, x): return x * self._k\n"
        + NET
        + INIT
        + "self._h = H()\n    def forward(self, x): return self._h(x)",
        {"_h": "zoo.H(_k=10)"},
    ),
    "an object in a list": (
        "class H:\n    def __init__(self): self._k = 10\n    def f(self, x): return x * self._k\n"
        + NET
        + INIT
        + "self._h = [H()]\n    def forward(self, x): return self._h[0].f(x)",
        {"_h": "(zoo.H(_k=10),)"},
    ),
    "a global object": (
        "class H:\n    def __init__(self): self._k = 10\nh = H()\n" + NET + "def forward(self, x): return x * h._k",
        {"forward.h._k": "10"},
    ),
    "a default that a partial function keeps": (
        "import functools\ndef f(x, y, k=10): return x * k\n"
        + NET
        + INIT
        + "self._f = functools.partial(f, y=2)\n    def forward(self, x): return self._f(x)",
        {"_f": "zoo.f(y=2, k=10)"},
    ),
    "defaults that a partial function replaces": (
        "import functools\ndef f(x=1, y=2, k=3): return x * k\n"
        + NET
        + INIT
        + "self._f = functools.partial(f, 10, y=4)\n    def forward(self, x): return self._f()",
        {"_f": "zoo.f(10, y=4, k=3)"},
    ),
    "arguments of a partial method": (
        "import functools\n"
        + NET
        + "def f(self, x, k): return x * k\n    g = functools.partialmethod(f, k=10)\n"
        + "    def forward(self, x): return self.g(x)",
        {"g": "zoo.Net.f(k=10)"},
    ),
    "what no method reads": (NET + INIT + "self._k = 10\n    def forward(self, x): return x", {}),
    "what another method reads": (NET + INIT + "self._k = 10\n    def log(self): print(self._k)", {}),
    "what forward changes": (
        NET + INIT + "self._k = 10\n    def forward(self, x): self._k += 1; return x * self._k",
        {},
    ),
    "what a function changes": (
        "def step(net): net._k = 11\n"
        + NET
        + INIT
        + "self._k = 10\n    def forward(self, x): step(self); return x * self._k",
        {},
    ),
    "what PyTorch has": (NET + "def forward(self, x): return x * len(self._modules) * len(self._forward_hooks)", {}),
}


@pytest.mark.parametrize(("code", "settings"), PRIVATE.values(), ids=PRIVATE)
def test_private_attributes_that_forward_reads_and_does_not_change_are_found(
    code: str, settings: dict[str, str]
) -> None:
    found = [bmvis.capture(loaded(text)["Net"]()).root for text in (code, code.replace("10", "20"))]  # type: ignore[operator]
    assert (found[0].settings or {}) == settings
    assert (found[1].settings or {}) == {name: text.replace("10", "20") for name, text in settings.items()}


def test_private_attributes_that_another_module_reads_are_found() -> None:
    code = "class Part(nn.Module):\n    " + INIT + "self._k, self._m = 2, 3\n" + NET + INIT
    code += "self.part = Part()\n    def forward(self, x): return x * self.part._k"
    assert bmvis.capture(loaded(code)["Net"]()).modules[1].settings == {"_k": "2"}  # type: ignore[operator]


def test_methods_of_objects_that_the_model_does_not_call_have_no_settings() -> None:
    code = "class H:\n    def f(self, x): return x\n    def draw(self, size=10): return size\n" + NET
    code += "def __init__(self): super().__init__(); self.h = H()\n    def forward(self, x): return self.h.f(x)"
    assert bmvis.capture(loaded(code)["Net"]()).root.settings == {"h": "zoo.H()"}  # type: ignore[operator]


def test_values_that_other_methods_of_modules_read_are_found_if_the_model_calls_them() -> None:
    part = "class Part(nn.Module):\n    gain = 2\n    def encode(self, x, k=3): return x * self.gain\n"
    part += "    def other(self, x, m=4): return x\n"
    net = NET + "def __init__(self): super().__init__(); self.part = Part()\n    "
    for call, found in (("encode(x)", {"gain": "2", "encode.k": "3"}), ("apply(x)", None)):
        made = loaded(part + net + f"def forward(self, x): return self.part.{call}")["Net"]()  # type: ignore[operator]
        assert bmvis.capture(made).modules[1].settings == found


def test_values_of_an_imported_module_and_of_configurations_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ModuleType("zoo_settings")
    exec("K = 2\nM = 3\ndef scaled(x, k=4): return x * k * M", settings.__dict__)
    monkeypatch.setitem(sys.modules, "zoo_settings", settings)
    code = "import zoo_settings as s\nclass NetConfig:\n    def __init__(self): self.heads, self.width = 8, 4\n"
    code += "c = NetConfig()\n"
    net = NET + "def forward(self, x): return s.scaled(x) * s.K * c.heads * len(c)"
    assert class_settings(loaded(code + net)["Net"]) == {  # type: ignore[arg-type]
        "forward.s.K": 2,
        "forward.c": {"heads": 8, "width": 4},
        "forward.c.heads": 8,
        "forward.scaled.k": 4,
        "forward.scaled.M": 3,
    }


def test_classes_of_libraries_have_no_settings_in_common() -> None:
    assert [cls for cls in vars(nn).values() if isinstance(cls, type) and class_settings(cls)] == []


def model(width: int) -> nn.Module:
    code = f"""
SLOPE = {width}
class Net(nn.Module):
    factor = {width}
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
    def forward(self, x, power={width}):
        return F.leaky_relu(self.layer(x) * self.factor, SLOPE) ** power
"""
    return loaded(code)["Net"]()  # type: ignore[operator]


def test_changes_of_class_attributes_constants_and_defaults_are_reported() -> None:
    drift = bmvis.compare(model(2), model(3))
    assert str(drift) == "~ the root  factor, forward.power, forward.SLOPE: 2 → 3"
    assert drift.impact == "numerics"
    assert not bmvis.compare(model(2), model(2))


def test_an_attribute_of_an_instance_replaces_that_of_its_class() -> None:
    before, after = model(2), model(3)
    before.factor = after.factor = torch.ones(1)  # of which no value is recorded
    assert "factor" not in str(bmvis.compare(before, after))


def scaled(factor: int) -> FunctionType:
    return lambda x: x * factor  # type: ignore[return-value]


class Act(nn.Module):
    def __init__(self, act: object) -> None:
        super().__init__()
        self.act = act


def test_the_closure_of_a_function_is_recorded_with_its_name() -> None:
    drift = bmvis.compare(Act(scaled(2)), Act(scaled(3)))
    assert str(drift) == "~ the root  act: <lambda>(factor=2) → <lambda>(factor=3)"
    assert not bmvis.compare(Act(scaled(2)), Act(scaled(2)))
    assert not bmvis.compare(Act(functional.relu), Act(functools.partial(functional.relu)))


class Scaled:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor

    def apply(self, x: torch.Tensor, power: int = 2) -> torch.Tensor:
        return x * self.factor**power


def test_the_attributes_of_an_object_that_is_called_are_recorded() -> None:
    assert str(bmvis.compare(Act(Scaled(2)), Act(Scaled(3)))) == (
        "~ the root  act: Scaled(factor=2) → Scaled(factor=3)"
    )
    assert str(bmvis.compare(Act(Scaled(2).apply), Act(Scaled(3).apply))) == (
        "~ the root  act: Scaled.apply(factor=2, power=2) → Scaled.apply(factor=3, power=2)"
    )


def test_a_function_that_mentions_itself_is_recorded() -> None:
    found = loaded("def f(x): return ALL[0](x) * other(x)\nother = g = lambda x: f(x)\nALL = [f, g]")["f"]
    assert bmvis.capture(Act(found)).root.settings == {"act": "zoo.f(ALL=(zoo.f(), zoo.<lambda>()))"}


def test_a_configuration_of_a_class_is_recorded() -> None:
    def made(width: int) -> nn.Module:
        return type("Net", (Act,), {"settings": NetConfig(width)})(None)  # type: ignore[no-any-return]

    assert str(bmvis.compare(made(2), made(3))) == "~ NetConfig  width: 2 → 3"


class NetConfig:
    depth = 2
    _private = 1

    def __init__(self, width: int) -> None:
        self.width = width


def test_an_object_of_the_project_that_is_named_as_a_configuration_is_one() -> None:
    drift = bmvis.compare(Act(NetConfig(2)), Act(NetConfig(3)))
    assert str(drift) == "~ NetConfig  width: 2 → 3"
    assert [c.values for c in bmvis.capture(Act(NetConfig(2))).configurations] == [{"depth": "2", "width": "2"}]


ROUTES: dict[Any, Any] = {}


def routed(x: torch.Tensor, scale: int = 2) -> torch.Tensor:
    return ROUTES[routed](x) * scale


class Routed(nn.Module):
    routes = ROUTES

    def __init__(self) -> None:
        super().__init__()
        self.own = functools.partial(routed, scale=3)
        self.own.keywords["again"] = self.own

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return routed(x)


@pytest.mark.parametrize("key", [routed, (routed, 1), functools.partial(routed)], ids=["function", "tuple", "partial"])
def test_a_dictionary_that_a_function_among_its_keys_mentions_is_read_once(key: Any) -> None:
    ROUTES[key] = torch.relu
    try:
        settings = bmvis.capture(Routed()).root.settings
    finally:
        ROUTES.clear()
    assert settings is not None
    assert f"{__name__}.routed(" in repr(settings)


def test_each_of_many_functions_is_disassembled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "".join(f"def f{number}(x):\n    return f{(number + 1) % 200}(x) * K\n" for number in range(200))
    found = loaded(code)
    table = {number: found[f"f{number}"] for number in range(200)}
    read: list[CodeType] = []
    instructions = dis.get_instructions
    monkeypatch.setattr(dis, "get_instructions", lambda code: read.append(code) or instructions(code))
    settings = bmvis.capture(Act(table)).root.settings
    assert settings is not None
    assert settings["act"].startswith("200 values #")
    assert 32 <= len(read) <= 200


def sparse(kind: str) -> nn.Module:
    layer = nn.Linear(2, 2)
    weight = layer.weight.detach()
    layer.weight = nn.Parameter(weight.to_sparse() if kind == "coo" else weight.to_sparse_csr())
    return layer


def test_a_sparse_parameter_is_another_tensor_than_a_dense_one() -> None:
    drift = bmvis.compare(nn.Linear(2, 2), sparse("coo"))
    assert str(drift) == "~ the root  weight: dense → sparse_coo"
    assert (drift.impact, drift.verdict.loads) == ("checkpoint", False)
    with pytest.raises(RuntimeError):
        sparse("coo").load_state_dict(nn.Linear(2, 2).state_dict())
    assert [p.stored_as for p in bmvis.capture(sparse("csr")).root.parameters] == ["float32 sparse_csr", "float32"]


def test_a_quantized_parameter_on_meta_has_its_data_type() -> None:
    module = nn.Module()
    module.w = nn.Parameter(torch.empty(6, 4, dtype=torch.quint8, device="meta"), requires_grad=False)
    (parameter,) = bmvis.capture(module).root.parameters
    assert (parameter.dtype, parameter.count, parameter.stored_bytes) == ("quint8", 24, 24)
