"""Calls of models import no compiler, and run compiled functions eagerly, in a process of its own."""

import json

import pytest
from forked_workers import printed_by_main


def main():
    """Print whether the compiler was imported before, in and after calls, and what it has compiled."""
    import sys

    import torch
    from torch import nn

    from bmvis.child.processes.user_process import import_own_modules

    import_own_modules()
    from bmvis.extraction.call.forward import trace_call
    from bmvis.extraction.modules import capture_live

    compiled = []

    def backend(graph, inputs):
        compiled.append(len(inputs))
        return graph.forward

    class Compiling(nn.Linear):
        def forward(self, x):
            return torch.compile(super().forward, backend=backend)(x)

    def call(model):
        before = list(sys.meta_path)
        imported = ["torch._dynamo" in sys.modules]
        tree = trace_call(capture_live(model), [torch.ones(2, 4)], {}, dataflow=True)
        imported.append("torch._dynamo" in sys.modules)
        return {"imported": imported, "macs": tree.root.call.macs, "restored": sys.meta_path == before}

    found = {"plain": call(nn.Linear(4, 3)), "compiling": call(Compiling(4, 3)), "again": call(Compiling(4, 3))}
    found["compiled in calls"] = list(compiled)
    Compiling(4, 3)(torch.ones(2, 4))
    found["compiled after calls"] = list(compiled)
    sys.stdout.write(json.dumps(found))


@pytest.fixture(scope="module")
def found():
    return printed_by_main(__file__)


def test_call_imports_no_compiler(found):
    """PyTorch imports 800 modules for it, in a second."""
    assert found["plain"] == {"imported": [False, False], "macs": 24, "restored": True}


def test_functions_that_a_call_compiles_run_eagerly(found):
    """Also if the call is the first that imports the compiler."""
    assert found["compiling"] == {"imported": [False, True], "macs": 24, "restored": True}
    assert found["again"] == {"imported": [True, True], "macs": 24, "restored": True}
    assert found["compiled in calls"] == []


def test_functions_are_compiled_after_a_call(found):
    assert len(found["compiled after calls"]) == 1
