import torch
from torch import nn

import bmvis


class Prompted(nn.Module):
    """A model with eight learned vectors before its input."""

    def __init__(self, model: nn.Module, width: int) -> None:
        super().__init__()
        self.model = model.requires_grad_(False)
        self.prompt = nn.Parameter(torch.zeros(8, width))


@bmvis.register_delta
def prompts(places):
    return {id(module.prompt): "" for path, module in places if isinstance(module, Prompted)}


def prompted() -> Prompted:
    return Prompted(nn.TransformerEncoderLayer(64, 4, 256), width=64)
