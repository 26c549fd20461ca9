"""A model has the same tree and sources whether its process is forked from a template or is a new one."""

import sys

import pytest

from bmvis.source.source import Source
from bmvis.worker import client

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="templates need Linux")

ZOO = """
import json, os
from pathlib import Path
import torch
from torch import nn

def plain(): return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
def tied():
    net = nn.Sequential(nn.Embedding(4, 3), nn.Linear(3, 4, bias=False)); net[1].weight = net[0].weight
    return net
def data(): return nn.Linear(json.loads(Path(__file__).with_name("width.json").read_text()), 1)
def on_cpu():
    return nn.Linear(int(torch.ones(3).sum().item()), 2)
def lazy(): return nn.LazyLinear(2)
def random_numbers(): torch.manual_seed(7); return nn.Linear(int(torch.randint(2, 9, (), device="cpu")), 2)
def attention(): return nn.TransformerEncoderLayer(8, 2)
def modules():
    import sys
    return nn.Linear(1 + ("transformers" in sys.modules) + ("peft" in sys.modules), 1)
def environment(): return nn.Linear(1 + len([n for n in os.environ if n.startswith("PYTORCH")]), 1)
def arguments():
    import sys
    return nn.Linear(len(sys.argv), len(sys.argv[0]))
def bert():
    from transformers import BertConfig, BertModel
    return BertModel(BertConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8))
def lora():
    from peft import LoraConfig, get_peft_model
    return get_peft_model(plain(), LoraConfig(target_modules=["0"], r=2))
def quantized(): return torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(3, 2)), {nn.Linear})
def optimized():
    net = plain(); return net, torch.optim.SGD(net.parameters(), lr=0.1)
"""
MODELS = {
    "plain": ("auto", ""),
    "tied": ("auto", ""),
    "data": ("auto", ""),
    "on_cpu": ("auto", ""),
    "lazy": ("auto", ""),
    "random_numbers": ("auto", ""),
    "modules": ("auto", ""),
    "environment": ("auto", ""),
    "arguments": ("auto", ""),
    "bert": ("auto", ""),
    "lora": ("auto", ""),
    "optimized": ("auto", ""),
    "quantized": ("cpu", ""),
    "attention": ("auto", "float32[5, 1, 8]"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "zoo.py").write_text(ZOO)
    (folder / "width.json").write_text("3")
    return folder


@pytest.fixture(scope="module")
def forked(project):
    with Source(project, path=["."]) as source:
        yield source


@pytest.mark.parametrize("name", MODELS)
def test_forked_and_new_processes_give_the_same_tree(name, project, forked, monkeypatch):
    device, inputs = MODELS[name]
    from_template = forked.resolve(f"zoo:{name}", device, inputs)
    monkeypatch.setattr(client, "_CAN_FORK", False)
    with Source(project, path=["."]) as source:
        alone = source.resolve(f"zoo:{name}", device, inputs)
    assert from_template.model == alone.model
    assert from_template.sources == alone.sources
