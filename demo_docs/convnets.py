"""Convolutional networks of the gallery, with the structure and the module names of torchvision's."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class DenseLayer(nn.Module):
    """A bottleneck whose output is appended to its input."""

    def __init__(self, inner: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inner)
        self.conv1 = nn.Conv2d(inner, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv1(self.norm1(x).relu())
        return self.conv2(self.norm2(x).relu())


class DenseBlock(nn.ModuleDict):
    """Layers that each get the outputs of all layers before them."""

    def __init__(self, inner: int, growth: int, layers: int) -> None:
        named = ((f"denselayer{n + 1}", DenseLayer(inner + n * growth, growth)) for n in range(layers))
        super().__init__(dict(named))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.values():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class Transition(nn.Sequential):
    """Halves the channels and the size of the image."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(inner)
        self.conv = nn.Conv2d(inner, inner // 2, 1, bias=False)
        self.pool = nn.AvgPool2d(2)


class DenseNet(nn.Module):
    """DenseNet: https://arxiv.org/abs/1608.06993."""

    def __init__(self, blocks: Sequence[int], growth: int = 32, classes: int = 1000) -> None:
        super().__init__()
        width = 2 * growth
        self.features = nn.Sequential()
        self.features.add_module("conv0", nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False))
        self.features.add_module("norm0", nn.BatchNorm2d(width))
        self.features.add_module("pool0", nn.MaxPool2d(3, stride=2, padding=1))
        for number, layers in enumerate(blocks, 1):
            self.features.add_module(f"denseblock{number}", DenseBlock(width, growth, layers))
            width += layers * growth
            if number < len(blocks):
                self.features.add_module(f"transition{number}", Transition(width))
                width //= 2
        self.features.add_module(f"norm{len(blocks) + 1}", nn.BatchNorm2d(width))
        self.classifier = nn.Linear(width, classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(image).relu().mean(dim=(2, 3)))


class BasicConv2d(nn.Sequential):
    """A convolution with batch normalization."""

    def __init__(self, inner: int, width: int, kernel: int, **settings: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inner, width, kernel, bias=False, **settings)
        self.bn = nn.BatchNorm2d(width, eps=0.001)
        self.relu = nn.ReLU()


class Inception(nn.Module):
    """Four branches with kernels of different sizes."""

    def __init__(self, inner: int, one: int, three: Sequence[int], five: Sequence[int], pool: int) -> None:
        super().__init__()
        self.branch1 = BasicConv2d(inner, one, 1)
        self.branch2 = nn.Sequential(BasicConv2d(inner, three[0], 1), BasicConv2d(*three, 3, padding=1))
        self.branch3 = nn.Sequential(BasicConv2d(inner, five[0], 1), BasicConv2d(*five, 3, padding=1))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), BasicConv2d(inner, pool, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], dim=1)


class GoogLeNet(nn.Module):
    """GoogLeNet, without its auxiliary classifiers: https://arxiv.org/abs/1409.4842."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = BasicConv2d(3, 64, 7, stride=2, padding=3)
        self.conv2 = BasicConv2d(64, 64, 1)
        self.conv3 = BasicConv2d(64, 192, 3, padding=1)
        self.inception3a = Inception(192, 64, (96, 128), (16, 32), 32)
        self.inception3b = Inception(256, 128, (128, 192), (32, 96), 64)
        self.inception4a = Inception(480, 192, (96, 208), (16, 48), 64)
        self.inception4b = Inception(512, 160, (112, 224), (24, 64), 64)
        self.inception4c = Inception(512, 128, (128, 256), (24, 64), 64)
        self.inception4d = Inception(512, 112, (144, 288), (32, 64), 64)
        self.inception4e = Inception(528, 256, (160, 320), (32, 128), 128)
        self.inception5a = Inception(832, 256, (160, 320), (32, 128), 128)
        self.inception5b = Inception(832, 384, (192, 384), (48, 128), 128)
        self.fc = nn.Linear(1024, classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        pool = nn.functional.max_pool2d
        x = pool(self.conv1(image), 3, stride=2, ceil_mode=True)
        x = self.inception3a(pool(self.conv3(self.conv2(x)), 3, stride=2, ceil_mode=True))
        x = self.inception4a(pool(self.inception3b(x), 3, stride=2, ceil_mode=True))
        x = self.inception4e(self.inception4d(self.inception4c(self.inception4b(x))))
        x = self.inception5b(self.inception5a(pool(x, 2, stride=2, ceil_mode=True)))
        return self.fc(x.mean(dim=(2, 3)))


class ConvNormActivation(nn.Sequential):
    """A convolution with batch normalization and perhaps an activation."""

    def __init__(
        self, inner: int, width: int, kernel: int, stride: int = 1, groups: int = 1, *, activates: bool = True
    ) -> None:
        conv = nn.Conv2d(inner, width, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
        super().__init__(conv, nn.BatchNorm2d(width, eps=0.001), nn.Hardswish() if activates else nn.Identity())


class SqueezeExcitation(nn.Module):
    """Scales each channel by a factor between 0 and 1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        squeezed = (width // 4 + 4) // 8 * 8
        if squeezed < 0.9 * (width // 4):
            squeezed += 8
        self.fc1 = nn.Conv2d(width, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = self.fc2(self.fc1(x.mean(dim=(2, 3), keepdim=True)).relu())
        return x * nn.functional.hardsigmoid(scale)


class InvertedResidual(nn.Module):
    """Widens the channels, convolves each of them, and narrows them again."""

    def __init__(self, inner: int, kernel: int, wide: int, width: int, scales: bool, stride: int) -> None:
        super().__init__()
        self.is_residual = stride == 1 and inner == width
        self.block = nn.Sequential()
        if wide != inner:
            self.block.append(ConvNormActivation(inner, wide, 1))
        self.block.append(ConvNormActivation(wide, wide, kernel, stride, groups=wide))
        if scales:
            self.block.append(SqueezeExcitation(wide))
        self.block.append(ConvNormActivation(wide, width, 1, activates=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.block(x) if self.is_residual else self.block(x)


class MobileNetV3(nn.Module):
    """MobileNetV3-Large: https://arxiv.org/abs/1905.02244."""

    BLOCKS = (
        (16, 3, 16, 16, False, 1),
        (16, 3, 64, 24, False, 2),
        (24, 3, 72, 24, False, 1),
        (24, 5, 72, 40, True, 2),
        (40, 5, 120, 40, True, 1),
        (40, 5, 120, 40, True, 1),
        (40, 3, 240, 80, False, 2),
        (80, 3, 200, 80, False, 1),
        (80, 3, 184, 80, False, 1),
        (80, 3, 184, 80, False, 1),
        (80, 3, 480, 112, True, 1),
        (112, 3, 672, 112, True, 1),
        (112, 5, 672, 160, True, 2),
        (160, 5, 960, 160, True, 1),
        (160, 5, 960, 160, True, 1),
    )
    """Channels of the input, size of the kernel, channels inside, channels of the output, whether it scales, stride."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        first, last = ConvNormActivation(3, 16, 3, stride=2), ConvNormActivation(160, 960, 1)
        self.features = nn.Sequential(first, *(InvertedResidual(*block) for block in self.BLOCKS), last)
        self.classifier = nn.Sequential(nn.Linear(960, 1280), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(1280, classes))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(image).mean(dim=(2, 3)))


def densenet201() -> nn.Module:
    """DenseNet-201."""
    return DenseNet((6, 12, 48, 32))


def googlenet() -> nn.Module:
    """GoogLeNet."""
    return GoogLeNet()


def mobilenet_v3() -> nn.Module:
    """MobileNetV3-Large."""
    return MobileNetV3()
