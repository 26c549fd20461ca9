"""Edits of source code that do not change the model: its snapshot still matches."""

import itertools
import os

import pytest

from bmvis.comparison.drift import find_drift
from bmvis.model.snapshot import Snapshot, dump, load
from bmvis.source.source import Source

CODE = """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width, rate=0.1):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.act = nn.ReLU()
        self.drop = nn.Dropout(rate)

    def forward(self, x):
        return x + self.drop(self.act(self.norm(self.conv(x))))


class Net(nn.Module):
    def __init__(self, width=4, depth=3):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3)
        self.pool = nn.MaxPool2d(2)
        self.blocks = nn.ModuleList([Block(width) for _ in range(depth)])
        self.scale = nn.Parameter(torch.ones(width))
        self.register_buffer("mean", torch.zeros(3))
        self.head = nn.Sequential(nn.Linear(width, 8), nn.Linear(8, 2))

    def forward(self, x):
        x = self.pool(self.stem(x))
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)) * self.scale)


def build():
    return Net()
"""
STEM, POOL, CONV, BLOCKS = (
    "self.stem = nn.Conv2d(3, width, 3)",
    "self.pool = nn.MaxPool2d(2)",
    "nn.Conv2d(width, width, 3, padding=1)",
    "self.blocks = nn.ModuleList([Block(width) for _ in range(depth)])",
)
HEAD = "nn.Sequential(nn.Linear(width, 8), nn.Linear(8, 2))"
EDITS = {
    "comment": (STEM, f"{STEM}  # three colors"),
    "docstring": ("class Net(nn.Module):", 'class Net(nn.Module):\n    """A network."""'),
    "type hints": (
        "def __init__(self, width, rate=0.1):",
        "def __init__(self, width: int, rate: float = 0.1) -> None:",
    ),
    "renamed argument": ("[Block(width) for _ in range(depth)]", "[Block(width) for number in range(depth)]"),
    "keyword arguments": (STEM, "self.stem = nn.Conv2d(in_channels=3, out_channels=width, kernel_size=3)"),
    "written default": (STEM, "self.stem = nn.Conv2d(3, width, 3, stride=1, dilation=1, groups=1, bias=True)"),
    "pair of a number": (CONV, "nn.Conv2d(width, width, (3, 3), padding=(1, 1))"),
    "pool of a pair": (POOL, "self.pool = nn.MaxPool2d((2, 2))"),
    "stride of a pool": (POOL, "self.pool = nn.MaxPool2d(2, stride=2)"),
    "written dtype": (STEM, "self.stem = nn.Conv2d(3, width, 3, dtype=torch.float32)"),
    "import": ("from torch import nn", "import torch.nn as nn"),
    "another import": ("import torch\n", "import torch\nimport json, collections  # noqa\n"),
    "old super": ("super().__init__()\n        self.stem", "super(Net, self).__init__()\n        self.stem"),
    "loop": (
        BLOCKS,
        "self.blocks = nn.ModuleList()\n        for _ in range(depth):\n            self.blocks.append(Block(width))",
    ),
    "add_module": (STEM, 'self.add_module("stem", nn.Conv2d(3, width, 3))'),
    "setattr": (STEM, "setattr(self, f\"{'stem'}\", nn.Conv2d(3, width, 3))"),
    "names of a Sequential": (
        HEAD,
        'nn.Sequential(nn.modules.container.OrderedDict([("0", nn.Linear(width, 8)), ("1", nn.Linear(8, 2))]))',
    ),
    "partial": (
        HEAD,
        "nn.Sequential(*(__import__('functools').partial(nn.Linear, a)(b) for a, b in ((width, 8), (8, 2))))",
    ),
    "extracted function": ("return Net()", "return assemble(Net)\n\n\ndef assemble(kind):\n    return kind()"),
    "written arguments": ("return Net()", "return Net(width=4, depth=3)"),
    "base class": ("class Net(nn.Module):", "class Base(nn.Module):\n    pass\n\n\nclass Net(Base):"),
    "more methods": ("def build():", "def describe(model):\n    return str(model)\n\n\ndef build():"),
    "property": (
        "    def forward(self, x):\n        x =",
        "    @property\n    def width(self):\n        return 4\n\n    def forward(self, x):\n        x =",
    ),
    "class attribute": ("class Net(nn.Module):", "class Net(nn.Module):\n    version = 2\n"),
    "private attribute": (STEM, f"{STEM}\n        self._calls = 0"),
    "local attribute": (STEM, f"self.count = 3\n        {STEM}\n        del self.count"),
    "other code of forward": ("return x + self.drop(", "return self.drop("),
    "string of a module": (
        "class Net(nn.Module):",
        "class Net(nn.Module):\n    def __repr__(self):\n        return 'Net'\n",
    ),
    "initial values": ("torch.ones(width)", "torch.randn(width)"),
    "initialization": ("return Net()", "model = Net()\n    nn.init.normal_(model.scale)\n    return model"),
    "seed": ("return Net()", "torch.manual_seed(3)\n    return Net()"),
    "printed text": ("return Net()", "print('building')\n    return Net()"),
    "warning": ("return Net()", "import warnings\n    warnings.warn('slow')\n    return Net()"),
    "no_grad": ("return Net()", "with torch.no_grad():\n        return Net()"),
    "explicit gradient": ("return Net()", "return Net().requires_grad_(True)"),
    "explicit mode": ("return Net()", "return Net().train()"),
    "mode of a whole model": ("return Net()", "return Net().eval()"),
    "device of the machine": ("return Net()", 'return Net().to("cuda" if torch.cuda.is_available() else "cpu")'),
    "loaded state": ("return Net()", "model = Net()\n    model.load_state_dict(Net().state_dict())\n    return model"),
    "persistent buffer": ('"mean", torch.zeros(3)', '"mean", torch.zeros(3), persistent=True'),
    "explicit parameter": ("nn.Parameter(torch.ones(width))", "nn.Parameter(torch.ones(width), requires_grad=True)"),
    "removed hook": (
        "return Net()",
        "model = Net()\n    model.register_forward_hook(print).remove()\n    return model",
    ),
    "cached factory": ("def build():", "@__import__('functools').cache\ndef build():"),
    "environment": ("return Net()", "__import__('os').environ['ZOO'] = '1'\n    return Net()"),
    "model in place of a factory": ("def build():\n    return Net()", "build = Net()"),
    "factory from another file": ("def build():\n    return Net()", "from factories import build"),
}
COSMETIC = {
    "words for a padding": (CONV, 'nn.Conv2d(width, width, 3, padding="same")'),
    "class in another file": ("class Block(nn.Module):", "from layers import Block\n\n\nclass Former(nn.Module):"),
}
"""Edits that can have one line."""
FILES = {
    "pyproject.toml": '[tool.bmvis.models]\nnet = "zoo:build"\n',
    "factories.py": "def build():\n    from zoo import Net\n    return Net()\n",
    "layers.py": CODE.partition("class Net")[0],
}
SECONDS = itertools.count(1_000_000_000)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    with Source(folder, path=["."]) as source:
        yield folder, source


@pytest.fixture(scope="module")
def recorded(project):
    return load(dump(Snapshot("zoo:build", built(project, CODE)))).model


def built(project, code):
    folder, source = project
    (folder / "zoo.py").write_text(code)
    seconds = next(SECONDS)  # bytecode is valid for a file of the same second and size
    os.utime(folder / "zoo.py", (seconds, seconds))
    return source.build("net").model


def edited(old, new):
    assert CODE.count(old) == 1
    return CODE.replace(old, new)


@pytest.mark.parametrize(("old", "new"), EDITS.values(), ids=EDITS)
def test_edit_is_not_reported(project, recorded, old, new):
    drift = find_drift(recorded, built(project, edited(old, new)))
    assert [str(line) for line in drift.changes] == []
    assert not drift


@pytest.mark.parametrize(("old", "new"), COSMETIC.values(), ids=COSMETIC)
def test_edit_of_names_is_one_cosmetic_line(project, recorded, old, new):
    drift = find_drift(recorded, built(project, edited(old, new)))
    assert [line.impact for line in drift.changes] in ([], ["cosmetic"])
    assert drift.verdict.loads


def test_edit_with_an_effect_is_reported(project, recorded):
    drift = find_drift(recorded, built(project, edited("nn.ReLU()", "nn.GELU()")))
    assert [str(line) for line in drift.changes] == ["~ blocks.0-2.act  ReLU → GELU"]
