"""Inputs for a model that has none on its page, from what its library records about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils._pytree import tree_map

from bmvis.extraction import introspection

TOKENS, TARGET_TOKENS, SAMPLES, FRAMES = 8, 6, 16_000, 100
"""Lengths of the inputs of language and speech models."""
IMAGE_SIZE, CHANNELS, MEL_BINS = 224, 3, 80
"""Sizes of the inputs of vision and speech models whose configuration has none."""


class Arguments(NamedTuple):
    """The arguments of a call."""

    positional: Sequence[Any]
    named: Mapping[str, Any]


def default_arguments(model: nn.Module, device: str) -> Arguments | None:
    """Return arguments for a model of Lightning, timm or transformers; None for other models.

    All tensors are zeros, as with the option `inputs`.
    """
    example = introspection.attribute(model, "example_input_array")
    if example is not None:
        return _example(example, device)
    for name in ("pretrained_cfg", "default_cfg"):
        cfg = introspection.attribute(model, name)
        size = cfg.get("input_size") if isinstance(cfg, Mapping) else introspection.attribute(cfg, "input_size")
        if size is not None and _is_shape(size):
            return Arguments([torch.zeros(1, *size, dtype=_dtype(model), device=device)], {})
    main = introspection.attribute(model, "main_input_name")
    config = introspection.attribute(model, "config")
    if isinstance(main, str) and config is not None:
        named = dict(_named(main, config, _dtype(model), device))
        return Arguments([], named) if named else None
    return None


def _example(example: Any, device: str) -> Arguments:
    """Return the arguments that Lightning passes: a tuple's items, or a dictionary's items by name."""

    def zeros(leaf: Any) -> Any:
        is_tensor = isinstance(leaf, torch.Tensor)
        return torch.zeros(leaf.shape, dtype=leaf.dtype, device=device) if is_tensor else leaf

    made = tree_map(zeros, example)
    if isinstance(made, Mapping):
        return Arguments([], made)
    return Arguments(made if isinstance(made, tuple) else [made], {})


def _named(main: str, config: Any, dtype: torch.dtype, device: str) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the inputs that a configuration of transformers describes, with their names."""

    def tokens(length: int) -> torch.Tensor:
        return torch.zeros(1, length, dtype=torch.int64, device=device)

    def floats(*shape: int) -> torch.Tensor:
        return torch.zeros(1, *shape, dtype=dtype, device=device)

    vision = introspection.attribute(config, "vision_config")
    if main == "input_ids":
        yield main, tokens(TOKENS)
        if vision is not None and introspection.attribute(config, "text_config") is not None:
            yield "pixel_values", floats(*_image_shape(vision))
    elif main == "pixel_values":
        yield main, floats(*_image_shape(vision or config))
    elif main == "input_values":
        yield main, floats(SAMPLES)
    elif main == "input_features":
        positions = introspection.attribute(config, "max_source_positions")
        bins = introspection.attribute(config, "num_mel_bins")
        if isinstance(bins, int) and isinstance(positions, int):
            yield main, floats(bins, 2 * positions)
        else:
            width = introspection.attribute(config, "input_feat_per_channel") or MEL_BINS
            yield main, floats(FRAMES, int(width))
    else:
        return
    if introspection.attribute(config, "is_encoder_decoder") is True:
        yield "decoder_input_ids", tokens(TARGET_TOKENS)


def _image_shape(config: Any) -> tuple[int, ...]:
    size = introspection.attribute(config, "image_size")
    channels = introspection.attribute(config, "num_channels")
    height_width = (size, size) if isinstance(size, int) else tuple(size or ()) if _is_shape(size) else ()
    return (channels if isinstance(channels, int) else CHANNELS, *(height_width or (IMAGE_SIZE, IMAGE_SIZE)))


def _is_shape(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(size, int) for size in value)


def _dtype(model: nn.Module) -> torch.dtype:
    """Return the data type of the first parameter that has a floating-point one."""
    for parameter in model.parameters():
        if parameter.is_floating_point():
            return parameter.dtype
    return torch.float32
