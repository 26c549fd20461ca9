"""Small models, and factories that go wrong, each in its way."""

import os

from shapes import WIDTH
from torch import nn, optim


class Block(nn.Module):
    def __init__(self, width=WIDTH):
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)


def tiny(layers=3):
    return nn.Sequential(*[Block() for _ in range(layers)], nn.Dropout())


class Residual(nn.Module):
    def __init__(self, width=WIDTH):
        super().__init__()
        self.up, self.down = nn.Linear(width, 8), nn.Linear(8, width)

    def forward(self, x):
        return x + self.down(self.up(x).relu())


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers, self.head = nn.Sequential(*[Residual() for _ in range(3)]), nn.Linear(WIDTH, 2)

    def forward(self, x):
        return {"logits": self.head(self.layers(x))}


def trained():
    model = tiny()
    model[0].requires_grad_(False)
    return model, optim.SGD(model.parameters(), lr=0.1)


def raising():
    raise ValueError("no weights")


def no_module():
    return {"weight": 1}


def ending():
    os._exit(3)


def hostile():
    model = nn.Module()
    for name in ("<img src=x onerror=alert(1)>", "\\input{secret} #1_%&~^{$", "日本語"):
        model.add_module(name, nn.Linear(2, 2))
    return model
