"""The models of the page on architecture figures."""

from __future__ import annotations

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, ResNetConfig, ResNetForImageClassification


def llama() -> nn.Module:
    """Llama with 32 layers."""
    return LlamaForCausalLM(LlamaConfig())


def resnet() -> nn.Module:
    """ResNet-18."""
    return ResNetForImageClassification(
        ResNetConfig(depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], layer_type="basic")
    )


class DoubleConv(nn.Sequential):
    """Two convolutions that keep the size of the image."""

    def __init__(self, inner: int, width: int) -> None:
        super().__init__(
            nn.Conv2d(inner, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU()
        )


class Up(nn.Module):
    """Enlarges the image, and adds the channels of the same size on the way down."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.conv = DoubleConv(2 * width, width)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        return self.conv(torch.cat([skip, self.up(x)], dim=1))


class UNet(nn.Module):
    """A U-Net with four sizes."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.first = DoubleConv(3, width)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(width, 2 * width))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(2 * width, 4 * width))
        self.down3 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(4 * width, 8 * width))
        self.up1, self.up2, self.up3 = Up(4 * width), Up(2 * width), Up(width)
        self.last = nn.Conv2d(width, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        first = self.first(image)
        second = self.down1(first)
        third = self.down2(second)
        x = self.up1(self.down3(third), third)
        return self.last(self.up3(self.up2(x, second), first))


class Expert(nn.Module):
    """A feed-forward network."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width)
        self.act = nn.GELU()
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down(self.act(self.up(x)))


class ExpertLayer(nn.Module):
    """Adds the outputs of all experts, as the gate weights them."""

    def __init__(self, width: int, experts: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.gate = nn.Linear(width, experts)
        self.experts = nn.ModuleList(Expert(width) for _ in range(experts))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normed = self.norm(x)
        weights = self.gate(normed).softmax(dim=-1)
        outputs = torch.stack([expert(normed) for expert in self.experts], dim=-1)
        return x + (outputs * weights.unsqueeze(-2)).sum(dim=-1)


class MixtureOfExperts(nn.Module):
    """A language model with a mixture of experts in each layer."""

    def __init__(self, words: int = 1000, width: int = 64, layers: int = 6, experts: int = 8) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.layers = nn.ModuleList(ExpertLayer(width, experts) for _ in range(layers))
        self.head = nn.Linear(width, words)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embed(tokens)
        for layer in self.layers:
            x = layer(x)
        return self.head(x)
