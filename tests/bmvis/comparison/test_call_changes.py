"""Changes of the forward pass are reported once, where nothing else explains them."""

import msgspec
import pytest
from trees import linear

from bmvis.comparison.drift import find_drift
from bmvis.model.call import Call, Output
from bmvis.model.tree import Model, Module, Problem

SMALL, LARGE = (Output("", (1, 8)),), (Output("", (1, 16)),)


def net(
    *calls: Call | None, root: Call | None = None, inputs: str = "float32[1, 2]", width: int = 8, **facts: object
) -> Model:
    """Return a model of linear layers, each with its call."""
    total = Call(1, 0, SMALL, sum(call.macs for call in calls if call))
    layers = (msgspec.structs.replace(linear(f"{n}", 1, 2, width), call=call) for n, call in enumerate(calls))
    modules = (Module("", 0, "Net", call=root or total), *layers)
    return Model(modules, **{"inputs": inputs, **facts})


def call(macs: int = 10, outputs: tuple[Output, ...] = SMALL, calls: int = 1, **facts: object) -> Call:
    return Call(calls, 1, outputs, macs, **facts)


PLAIN = net(call(), call())
UNCALLED = Model(tuple(msgspec.structs.replace(module, call=None) for module in PLAIN.modules))
PARTIAL = net(call(), call(5, uncounted=("mylib::mm",)), root=Call(1, 0, SMALL, 15, 0, ("mylib::mm",)))
FAILED = net(None, None, root=Call(), untraced=Problem("the model could not be called: no"))
CASES = {
    "nothing": (PLAIN, PLAIN, []),
    "bytes": (PLAIN, net(call(bytes=9), call()), []),
    "order": (PLAIN, net(msgspec.structs.replace(call(), order=2), call()), []),
    "MACs of one module": (
        PLAIN,
        net(call(1010), call()),
        ["~ whole model  MACs: 20 → 1,020", "~ 0  MACs: 10 → 1,010"],
    ),
    "an output": (PLAIN, net(call(), call(outputs=LARGE)), ["~ 1  output: [1, 8] → [1, 16]"]),
    "an output of the model": (
        PLAIN,
        net(call(), call(), root=Call(1, 0, LARGE, 20)),
        ["~ whole model  output: [1, 8] → [1, 16]"],
    ),
    "no longer called": (PLAIN, net(call(), Call()), ["~ whole model  MACs: 20 → 10", "~ 1  no longer called"]),
    "called now": (net(call(), Call()), PLAIN, ["~ whole model  MACs: 10 → 20", "~ 1  called now"]),
    "called twice": (PLAIN, net(call(), call(calls=2)), ["~ 1  calls: 1 → 2"]),
    "sizes explain the rest": (
        PLAIN,
        net(call(20, LARGE), call(20, LARGE), width=16),
        [
            "~ 0-1  weight: [8, 2] → [16, 2], bias: [8] → [16]",
            "~ whole model  MACs: 20 → 40",
            "  parameters 48 → 96 (+48)",
            "  trainable 48 → 96 (+48)",
        ],
    ),
    "another set of counted operations": (PLAIN, PARTIAL, []),
    "inputs are new": (UNCALLED, PLAIN, ["~ whole model  inputs: not recorded → float32[1, 2]"]),
    "other inputs": (
        net(call(), call(), inputs="float32[4, 2]"),
        net(call(40), call(40)),
        ["~ whole model  inputs: float32[4, 2] → float32[1, 2]"],
    ),
    "not callable": (PLAIN, FAILED, ["~ whole model  cannot be called: the model could not be called: no"]),
    "callable": (FAILED, PLAIN, ["~ whole model  can be called now"]),
    "neither is callable": (FAILED, FAILED, []),
    "active parameters": (
        net(call(), active=30),
        net(call(), active=20),
        ["~ whole model  active parameters: 30 → 20"],
    ),
    "active parameters are not recorded": (net(call()), net(call(), active=20), []),
}


@pytest.mark.parametrize(("before", "after", "lines"), CASES.values(), ids=CASES)
def test_changed_calls_are_reported_once(before: Model, after: Model, lines: list[str]) -> None:
    drift = find_drift(before, after)
    assert str(drift).splitlines() == lines
    assert bool(drift) == bool(lines)


@pytest.mark.parametrize(
    ("case", "impact"),
    [
        ("MACs of one module", "cosmetic"),
        ("an output", "numerics"),
        ("no longer called", "numerics"),
        ("inputs are new", "cosmetic"),
        ("not callable", "numerics"),
    ],
)
def test_class_of_a_changed_call(case: str, impact: str) -> None:
    before, after, _ = CASES[case]
    assert find_drift(before, after).impact == impact
