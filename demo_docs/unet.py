"""The U-Net of Stable Diffusion 1.5, with the structure and the module names of diffusers'."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

STEPS, TOKENS = 1280, 768
"""Sizes of the vectors for a step, and for a token of the prompt."""


class ResnetBlock(nn.Module):
    """Two convolutions, between which the step is added."""

    def __init__(self, inner: int, width: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(32, inner)
        self.conv1 = nn.Conv2d(inner, width, 3, padding=1)
        self.time_emb_proj = nn.Linear(STEPS, width)
        self.norm2 = nn.GroupNorm(32, width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(inner, width, 1) if inner != width else nn.Identity()

    def forward(self, x: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        silu = nn.functional.silu
        inside = self.conv1(silu(self.norm1(x))) + self.time_emb_proj(silu(step))[:, :, None, None]
        return self.conv_shortcut(x) + self.conv2(silu(self.norm2(inside)))


class Attention(nn.Module):
    """Attention of places of the image to each other, or to the tokens of the prompt."""

    def __init__(self, width: int, context: int, heads: int = 8) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context, width, bias=False)
        self.to_v = nn.Linear(context, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width), nn.Dropout(0.0)])

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            tensor.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for tensor in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        attended = nn.functional.scaled_dot_product_attention(query, key, value)
        return self.to_out[0](attended.transpose(1, 2).flatten(2))


class GEGLU(nn.Module):
    """A linear layer, half of whose output is the gate of the other half."""

    def __init__(self, inner: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(inner, 2 * width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values, gate = self.proj(x).chunk(2, dim=-1)
        return values * nn.functional.gelu(gate)


class FeedForward(nn.Module):
    """The feed-forward network of a transformer block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(GEGLU(width, 4 * width), nn.Dropout(0.0), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


class TransformerBlock(nn.Module):
    """Attention to the image and to the prompt, and a feed-forward network."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = Attention(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.attn2 = Attention(width, TOKENS)
        self.norm3 = nn.LayerNorm(width)
        self.ff = FeedForward(width)

    def forward(self, x: torch.Tensor, prompt: torch.Tensor) -> torch.Tensor:
        x = x + self.attn1(normed := self.norm1(x), normed)
        x = x + self.attn2(self.norm2(x), prompt)
        return x + self.ff(self.norm3(x))


class Transformer2D(nn.Module):
    """Transformer blocks over the places of an image."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(32, width)
        self.proj_in = nn.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(width)])
        self.proj_out = nn.Conv2d(width, width, 1)

    def forward(self, image: torch.Tensor, prompt: torch.Tensor) -> torch.Tensor:
        places = self.proj_in(self.norm(image)).flatten(2).transpose(1, 2)
        for block in self.transformer_blocks:
            places = block(places, prompt)
        return image + self.proj_out(places.transpose(1, 2).unflatten(2, image.shape[2:]))


class Sampler(nn.Module):
    """Halves or doubles the size of an image."""

    def __init__(self, width: int, *, is_up: bool) -> None:
        super().__init__()
        self.is_up = is_up
        self.conv = nn.Conv2d(width, width, 3, stride=1 if is_up else 2, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(nn.functional.interpolate(x, scale_factor=2.0) if self.is_up else x)


class Block(nn.Module):
    """Residual blocks of one size, each with attention or none, and a change of the size."""

    def __init__(self, inner: Sequence[int], width: int, *, attends: bool, sampler: Sampler | None) -> None:
        super().__init__()
        if attends:
            self.attentions = nn.ModuleList(Transformer2D(width) for _ in inner)
        self.resnets = nn.ModuleList(ResnetBlock(channels, width) for channels in inner)
        if sampler:
            self.add_module("upsamplers" if sampler.is_up else "downsamplers", nn.ModuleList([sampler]))
        self.attends, self.sampler = attends, [sampler] if sampler else []

    def step(self, number: int, x: torch.Tensor, step: torch.Tensor, prompt: torch.Tensor) -> torch.Tensor:
        x = self.resnets[number](x, step)
        return self.attentions[number](x, prompt) if self.attends else x


class MidBlock(nn.Module):
    """Attention between two residual blocks."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attentions = nn.ModuleList([Transformer2D(width)])
        self.resnets = nn.ModuleList([ResnetBlock(width, width), ResnetBlock(width, width)])

    def forward(self, x: torch.Tensor, step: torch.Tensor, prompt: torch.Tensor) -> torch.Tensor:
        return self.resnets[1](self.attentions[0](self.resnets[0](x, step), prompt), step)


class TimestepEmbedding(nn.Module):
    """Turns the sines of a step into a vector."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(width, STEPS)
        self.linear_2 = nn.Linear(STEPS, STEPS)

    def forward(self, sines: torch.Tensor) -> torch.Tensor:
        return self.linear_2(nn.functional.silu(self.linear_1(sines)))


class UNet2DCondition(nn.Module):
    """The U-Net of Stable Diffusion 1.5: https://arxiv.org/abs/2112.10752."""

    def __init__(self, widths: Sequence[int] = (320, 640, 1280, 1280)) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(4, widths[0], 3, padding=1)
        self.time_embedding = TimestepEmbedding(widths[0])
        self.down_blocks = nn.ModuleList()
        last = len(widths) - 1
        for level, width in enumerate(widths):
            sampler = Sampler(width, is_up=False) if level < last else None
            inner = (widths[max(level - 1, 0)], width)
            self.down_blocks.append(Block(inner, width, attends=level < last, sampler=sampler))
        self.up_blocks = nn.ModuleList()
        for level in range(last, -1, -1):
            width, above, below = widths[level], widths[min(level + 1, last)], widths[max(level - 1, 0)]
            sampler = Sampler(width, is_up=True) if level else None
            inner = (above + width, width + width, width + below)
            self.up_blocks.append(Block(inner, width, attends=level < last, sampler=sampler))
        self.mid_block = MidBlock(widths[-1])
        self.conv_norm_out = nn.GroupNorm(32, widths[0])
        self.conv_out = nn.Conv2d(widths[0], 4, 3, padding=1)

    def forward(self, image: torch.Tensor, sines: torch.Tensor, prompt: torch.Tensor) -> torch.Tensor:
        step = self.time_embedding(sines)
        skips = [x := self.conv_in(image)]
        for block in self.down_blocks:
            for number in range(len(block.resnets)):
                skips.append(x := block.step(number, x, step, prompt))
            for sampler in block.sampler:
                skips.append(x := sampler(x))
        x = self.mid_block(x, step, prompt)
        for block in self.up_blocks:
            for number in range(len(block.resnets)):
                x = block.step(number, torch.cat([x, skips.pop()], dim=1), step, prompt)
            for sampler in block.sampler:
                x = sampler(x)
        return self.conv_out(nn.functional.silu(self.conv_norm_out(x)))


def stable_diffusion() -> nn.Module:
    """The U-Net of Stable Diffusion 1.5."""
    return UNet2DCondition()
