"""What PyTorch does without importing its compiler, in a process of its own."""

import json

import pytest
from forked_workers import printed_by_main


def main():
    """Print whether the compiler was imported after each step, and what it makes of a function."""
    import sys

    import torch
    from torch import nn
    from torch.utils._python_dispatch import TorchDispatchMode

    from bmvis.child.processes import dynamo_imports

    class Mode(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            return func(*args, **kwargs or {})

    calls = []

    @torch._disable_dynamo
    def marked(x):
        calls.append(torch.compiler.is_compiling())
        return x + 1

    dynamo_imports.avoid()
    found = {}
    with torch.device("meta"), Mode():
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.LayerNorm(4), nn.Linear(4, 2))
        found["shape"] = list(model(torch.empty(5, 3, 3, 3)).shape)
        torch.optim.SGD(model.parameters(), 1).add_param_group({"params": [nn.Parameter(torch.empty(2))]})
    marked(torch.ones(1))
    found["imported"] = "torch._dynamo" in sys.modules
    compiled = torch.compile(lambda x: marked(x) * 2, backend="eager")
    found["compiled"] = [float(compiled(torch.ones(1))) for _ in range(2)]
    found["is_compiling"] = calls
    sys.stdout.write(json.dumps(found))


@pytest.fixture(scope="module")
def found():
    return printed_by_main(__file__)


def test_calls_on_meta_modes_and_optimizers_import_no_compiler(found):
    assert found["shape"] == [5, 2]
    assert not found["imported"]


def test_compiled_code_calls_marked_functions_uncompiled(found):
    assert found["compiled"] == [4, 4]
    assert found["is_compiling"] == [False] * 3
