"""Small models, and factories that go wrong, each in its way."""

import os

from torch import nn, optim


def tiny(layers=2, width=4):
    return nn.Sequential(*[nn.Sequential(nn.Linear(width, width), nn.ReLU()) for _ in range(layers)])


def deep(layers=9):
    """No two layers are alike: each has its row."""
    return nn.Sequential(*[nn.Linear(width, width + 1) for width in range(1, layers + 1)])


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
