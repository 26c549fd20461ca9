"""Public architectures for `make figures`, and networks whose libraries are heavy, written by hand."""

from __future__ import annotations

import importlib.util
from itertools import pairwise
from typing import Any

import torch
from torch import nn

if importlib.util.find_spec("torchvision"):
    # A torchvision for another build of torch lacks these operators. No model here calls them.
    _OPERATORS = torch.library.Library("torchvision", "FRAGMENT")
    for _name in ("nms", "qnms"):
        _OPERATORS.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def library(name: str, config: str = "", **values: Any) -> nn.Module:
    """Return a model of transformers from its configuration."""
    import transformers

    made = getattr(transformers, config or f"{name.partition('For')[0].removesuffix('Model')}Config")
    return getattr(transformers, name)(made(**values))


def timm(name: str) -> nn.Module:
    """Return a model of timm."""
    from timm import create_model

    return create_model(name)


def torchvision(name: str) -> nn.Module:
    """Return a segmentation or classification model of torchvision."""
    from torchvision.models import get_model

    return (
        get_model(name, weights=None, weights_backbone=None) if "_" in name and "resnet50" in name else get_model(name)
    )


def detr() -> nn.Module:
    """Return DETR on a ResNet."""
    from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig

    backbone = ResNetConfig(out_features=["stage4"])
    plain = {"use_timm_backbone": False, "use_pretrained_backbone": False, "backbone": None}
    return DetrForObjectDetection(DetrConfig(backbone_config=backbone, **plain))


def upernet() -> nn.Module:
    """Return UPerNet on a ConvNeXt."""
    from transformers import ConvNextConfig, UperNetConfig, UperNetForSemanticSegmentation

    backbone = ConvNextConfig(
        hidden_sizes=[96, 192, 384, 768], depths=[3, 3, 9, 3], out_features=[f"stage{number}" for number in range(1, 5)]
    )
    return UperNetForSemanticSegmentation(UperNetConfig(backbone_config=backbone))


class Generator(nn.Sequential):
    """The generator of a DCGAN."""

    def __init__(self) -> None:
        widths = (100, 512, 256, 128, 64)
        layers: list[nn.Module] = []
        for inner, width in pairwise(widths):
            layers += [nn.ConvTranspose2d(inner, width, 4, 2, 1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        super().__init__(*layers, nn.ConvTranspose2d(64, 3, 4, 2, 1), nn.Tanh())


class GAN(nn.Module):
    """A generator, and a discriminator that sees its image and a real one."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = Generator()
        self.discriminator = nn.Sequential(nn.Conv2d(3, 64, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(64, 1, 4, 2, 1))

    def forward(self, noise: torch.Tensor, real: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"fake": self.discriminator(self.generator(noise)), "real": self.discriminator(real)}


class Translator(nn.Module):
    """An encoder and a decoder of LSTMs, with attention."""

    def __init__(self) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(1000, 64), nn.Embedding(1000, 64)
        self.encoder, self.decoder = nn.LSTM(64, 128, 2, batch_first=True), nn.LSTM(64, 128, 2, batch_first=True)
        self.attention = nn.MultiheadAttention(128, 4, batch_first=True)
        self.head = nn.Linear(256, 1000)

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        memory, state = self.encoder(self.source(source))
        output, _ = self.decoder(self.target(target), state)
        context, _ = self.attention(output, memory, memory)
        return self.head(torch.cat([output, context], dim=-1))


class Gate(nn.Module):
    """Weights a skip connection by what the decoder has, as Attention U-Net does."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.skip, self.gate, self.psi = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1), nn.Conv2d(width, 1, 1)

    def forward(self, skip: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
        return skip * torch.sigmoid(self.psi(torch.relu(self.skip(skip) + self.gate(gate))))


class AttentionUNet(nn.Module):
    """A U-Net with gates in its skip connections."""

    def __init__(self, width: int = 16, levels: int = 3) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(levels + 1)]
        self.first = nn.Conv2d(3, width, 3, padding=1)
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(nn.Conv2d(inner, outer, 3, 2, 1) for inner, outer in pairs)
        self.up = nn.ModuleList(nn.ConvTranspose2d(outer, inner, 2, 2) for inner, outer in reversed(pairs))
        self.gates = nn.ModuleList(Gate(inner) for inner, _ in reversed(pairs))
        self.merge = nn.ModuleList(nn.Conv2d(2 * inner, inner, 3, padding=1) for inner, _ in reversed(pairs))
        self.last = nn.Conv2d(width, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found = [self.first(image)]
        for down in self.down:
            found.append(torch.relu(down(found[-1])))
        x = found.pop()
        for up, gate, merge in zip(self.up, self.gates, self.merge, strict=True):
            x = up(x)
            x = torch.relu(merge(torch.cat([x, gate(found.pop(), x)], dim=1)))
        return self.last(x)


class Pyramid(nn.Module):
    """A feature pyramid with a head on each scale."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, 2, 1)
        self.stages = nn.ModuleList(nn.Conv2d(width * 2**n, width * 2 ** (n + 1), 3, 2, 1) for n in range(3))
        self.lateral = nn.ModuleList(nn.Conv2d(width * 2 ** (n + 1), width, 1) for n in range(3))
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(3))
        self.classes, self.boxes = nn.Conv2d(width, 10, 3, padding=1), nn.Conv2d(width, 4, 3, padding=1)

    def forward(self, image: torch.Tensor) -> dict[str, list[torch.Tensor]]:
        x = self.stem(image)
        found = [x := stage(x) for stage in self.stages]
        top = None
        merged = []
        for stage, lateral, smooth in reversed(list(zip(found, self.lateral, self.smooth, strict=True))):
            own = lateral(stage)
            top = own if top is None else own + nn.functional.interpolate(top, scale_factor=2.0)
            merged.append(smooth(top))
        return {"classes": [self.classes(one) for one in merged], "boxes": [self.boxes(one) for one in merged]}
