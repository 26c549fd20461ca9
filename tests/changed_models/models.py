"""Models of many kinds, and functions that change them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import torch
from small_models import Named
from torch import nn
from torch.ao.quantization import quantize_dynamic
from torch.nn.utils import parametrizations
from torch.optim import lr_scheduler

Build = Callable[[], Any]
sequential = nn.Sequential
LAYERS = 5
SIZES = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64, "num_hidden_layers": LAYERS}


def made(factory: Callable[..., Any], *arguments: Any, **settings: Any) -> Build:
    return functools.partial(factory, *arguments, **settings)


def then(build: Build, change: Callable[[nn.Module], object]) -> Build:
    """Return a build whose model was changed."""

    def changed() -> nn.Module:
        model = build()
        change(model)
        return model

    return changed


def wrapped(build: Build, wrap: Callable[[nn.Module], nn.Module]) -> Build:
    """Return a build of what `wrap` makes of the model."""
    return lambda: wrap(build())


def sized(head: str, config: str, sizes: dict[str, Any], settings: dict[str, Any]) -> nn.Module:
    import transformers

    return getattr(transformers, head)(getattr(transformers, config)(**{"vocab_size": 100} | sizes | settings))


def bert(head: str = "BertModel", **settings: Any) -> nn.Module:
    return sized(head, "BertConfig", SIZES, settings)


def gpt2(head: str = "GPT2LMHeadModel", **settings: Any) -> nn.Module:
    sizes = {"n_embd": 32, "n_head": 4, "n_layer": LAYERS, "bos_token_id": 1, "eos_token_id": 1}
    return sized(head, "GPT2Config", sizes, settings)


def llama(**settings: Any) -> nn.Module:
    sizes = {"hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 4}
    sizes |= {"intermediate_size": 64, "num_hidden_layers": LAYERS}
    return sized("LlamaForCausalLM", "LlamaConfig", sizes, settings)


def resnet(**settings: Any) -> nn.Module:
    sizes = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [2, 2], "layer_type": "basic"}
    return sized("ResNetForImageClassification", "ResNetConfig", sizes, settings)


def whisper(**settings: Any) -> nn.Module:
    sizes = {"d_model": 32, "encoder_layers": 3, "decoder_layers": 3, "pad_token_id": 0, "bos_token_id": 1}
    sizes |= {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "decoder_start_token_id": 1}
    return sized("WhisperModel", "WhisperConfig", sizes | {"eos_token_id": 2}, settings)


def ia3(*targets: str) -> nn.Module:
    import peft

    inner = [target for target in targets if target == "output.dense"]
    return peft.get_peft_model(bert(), peft.IA3Config(target_modules=list(targets), feedforward_modules=inner))


def warmed_up(factor: float) -> tuple[Any, ...]:
    return recipe(schedule=lambda optimizer: lr_scheduler.LinearLR(optimizer, factor))


def lora(base: Build = bert, **settings: Any) -> nn.Module:
    import peft

    return peft.get_peft_model(base(), peft.LoraConfig(**{"target_modules": ["query", "value"]} | settings))


class Net(nn.Module):
    """A convolutional network."""

    def __init__(
        self,
        size: int = 7,
        stride: int = 1,
        padding: int = 3,
        act: Build = nn.ReLU,
        norm: Callable[..., nn.Module] = nn.BatchNorm2d,
        rate: float = 0.1,
        classes: int = 10,
        width: int = 16,
        pool: int = 2,
        bias: bool = True,
    ) -> None:
        super().__init__()
        first = nn.Conv2d(3, width, size, stride, padding, bias=bias)
        second = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.net = sequential(first, norm(width), act(), nn.MaxPool2d(pool), second, act())
        self.drop = nn.Dropout(rate)
        self.head = nn.Linear(2 * width, classes)


class DropPath(nn.Module):
    def __init__(self, rate: float) -> None:
        super().__init__()
        self.drop_prob = rate


class Block(nn.Module):
    def __init__(self, width: int, rate: float, act: Build, scale: bool, eps: float) -> None:
        super().__init__()
        self.dw = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=eps)
        self.up, self.act, self.down = nn.Linear(width, 4 * width), act(), nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(torch.ones(width)) if scale else None
        self.drop_path = DropPath(rate) if rate else nn.Identity()


class Stages(nn.Module):
    """A network in stages, like ConvNeXt."""

    def __init__(
        self,
        depths: tuple[int, ...] = (3, 3, 9, 3),
        width: int = 8,
        rate: float = 0.1,
        act: Build = nn.GELU,
        scale: bool = True,
        eps: float = 1e-6,
        classes: int = 10,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 4, 4)
        widths = [width * 2**number for number in range(1, len(depths) + 1)]
        self.stages = nn.ModuleList(
            Named(
                down=nn.Conv2d(wide // 2, wide, 2, 2),
                blocks=sequential(*(Block(wide, rate, act, scale, eps) for _ in range(depth))),
            )
            for wide, depth in zip(widths, depths, strict=True)
        )
        self.norm = nn.LayerNorm(widths[-1])
        self.head = nn.Linear(widths[-1], classes)


class Experts(nn.Module):
    def __init__(self, count: int, top_k: int, width: int) -> None:
        super().__init__()
        self.top_k, self.num_experts = top_k, count
        self.gate = nn.Linear(width, count, bias=False)
        self.experts = nn.ModuleList(
            sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)) for _ in range(count)
        )


def experts(count: int = 8, top_k: int = 1, layers: int = 6, width: int = 8) -> nn.Module:
    return Named(
        layers=nn.ModuleList(
            Named(attn=nn.Linear(width, width), moe=Experts(count, top_k, width)) for _ in range(layers)
        )
    )


def gan(
    noise: int = 16, slope: float = 0.2, spectral: bool = False, last: Build = nn.Tanh, bias: bool = True
) -> nn.Module:
    up = (nn.ConvTranspose2d(noise, 8, 4), nn.ConvTranspose2d(8, 3, 4, 2, 1, bias=bias))
    down = (nn.Conv2d(3, 8, 4, 2, 1), nn.Conv2d(8, 1, 4))
    if spectral:
        for convolution in down:
            parametrizations.spectral_norm(convolution)
    generator = sequential(up[0], nn.BatchNorm2d(8), nn.ReLU(), up[1], last())
    return Named(generator=generator, discriminator=sequential(down[0], nn.LeakyReLU(slope), down[1]))


def recurrent(cls: Callable[..., nn.Module] = nn.LSTM, size: int = 8, layers: int = 2, **settings: Any) -> nn.Module:
    directions = 2 if settings.get("bidirectional") else 1
    rnn = cls(6, size, layers, **settings)
    return Named(embed=nn.Embedding(20, 6), rnn=rnn, head=nn.Linear(size * directions, 4))


def mlp(width: int = 8, layers: int = 4, act: Build = nn.ReLU) -> nn.Module:
    inner = {f"fc{number}": nn.Linear(width, width) for number in range(layers)}
    return Named(**inner, act=act(), head=nn.Linear(width, 3))


def quantized(
    build: Build = mlp, dtype: torch.dtype = torch.qint8, classes: Iterable[type] = (nn.Linear,)
) -> nn.Module:
    return quantize_dynamic(build(), set(classes), dtype=dtype)


class Buffers(nn.Module):
    def __init__(
        self, size: int = 4, persistent: bool = True, dtype: torch.dtype = torch.float32, more: bool = False
    ) -> None:
        super().__init__()
        self.lin = nn.Linear(4, 4)
        self.register_buffer("mask", torch.zeros(size, size, dtype=dtype), persistent=persistent)
        if more:
            self.register_buffer("steps", torch.zeros(()))


class Own(nn.Module):
    """A module with parameters of given shapes."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        super().__init__()
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))


class Calls(nn.Module):
    """A module that calls a function."""

    def __init__(self, act: Callable[..., Any]) -> None:
        super().__init__()
        self.act, self.fc = act, nn.Linear(3, 3)


def mask_as_parameter(model: nn.Module) -> None:
    del model.mask
    model.mask = nn.Parameter(torch.zeros(4, 4))


def tied(is_tied: bool = True) -> nn.Module:
    model = Named(embed=nn.Embedding(10, 4), body=nn.Linear(4, 4), lm_head=nn.Linear(4, 10, bias=False))
    if is_tied:
        model.lm_head.weight = model.embed.weight
    return model


def shared(is_shared: bool = True, count: int = 3) -> nn.Module:
    one = nn.Linear(4, 4)
    layers = nn.ModuleList(one if is_shared else nn.Linear(4, 4) for _ in range(count))
    return Named(layers=layers, head=nn.Linear(4, 2))


def lists(count: int = 3, size: int = 4, key: str = "a") -> nn.Module:
    return Named(
        ps=nn.ParameterList([torch.zeros(size) for _ in range(count)]),
        pd=nn.ParameterDict({key: torch.zeros(size), "z": torch.zeros(2)}),
    )


def transformer(**settings: Any) -> nn.Module:
    sizes = {"d_model": 16, "nhead": 2, "num_encoder_layers": 6, "num_decoder_layers": 6, "dim_feedforward": 32}
    return nn.Transformer(**sizes | settings)


def encoder_layer(**settings: Any) -> nn.Module:
    return nn.TransformerEncoderLayer(**{"d_model": 8, "nhead": 2, "dim_feedforward": 16} | settings)


def attention(**settings: Any) -> nn.Module:
    return Named(attn=nn.MultiheadAttention(**{"embed_dim": 8, "num_heads": 2} | settings))


def linear(change: Callable[..., nn.Module] | None = None, **settings: Any) -> nn.Module:
    """Return a model with one layer to which a function such as `spectral_norm` was applied."""
    layer = nn.Linear(4, 4)
    return Named(fc=change(layer, **settings) if change else layer)


def pruned(method: Callable[..., nn.Module], amount: float) -> nn.Module:
    return linear(method, name="weight", amount=amount)


def convolution(*sizes: int, **settings: Any) -> nn.Module:
    return sequential(nn.Conv2d(*sizes, **settings))


def head(name: str) -> nn.Module:
    return Named(**{"body": nn.Linear(4, 4), name: nn.Linear(4, 2)})


def in_order(first: str, second: str, rate: float = 0.1) -> nn.Module:
    modules = {"first": nn.Linear(4, 4), "mid": nn.LayerNorm(4)}
    return Named(**{name: modules[name] for name in (first, second)}, drop=nn.Dropout(rate))


def chain(*inserted: nn.Module) -> nn.Module:
    return Named(net=sequential(nn.Linear(1, 2), *inserted, *(nn.Linear(size, size + 1) for size in range(2, 7))))


def hook(*_: Any) -> None:
    """Do nothing."""


def recipe(
    kind: str = "AdamW",
    rates: tuple[float, ...] = (1e-3, 1e-4),
    schedule: Callable[..., Any] | None = None,
    weight_decay: float = 0.01,
    **settings: Any,
) -> tuple[Any, ...]:
    """Return a model, its optimizer, and its scheduler if there is one."""
    model = mlp()
    last = list(model.head.parameters())
    body = [parameter for name, parameter in model.named_parameters() if not name.startswith("head")]
    parts = [body, last] if len(rates) > 1 else [body + last]
    groups = [{"params": part, "lr": rate} for part, rate in zip(parts, rates, strict=True)]
    optimizer = getattr(torch.optim, kind)(groups, weight_decay=weight_decay, **settings)
    return (model, optimizer, schedule(optimizer)) if schedule else (model, optimizer)


def cosine(steps: int = 10) -> Callable[..., Any]:
    return lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, steps)


def stepwise(optimizer: torch.optim.Optimizer) -> Any:
    return lr_scheduler.StepLR(optimizer, 10)


def frozen(*paths: str) -> Callable[[nn.Module], None]:
    def freeze(model: nn.Module) -> None:
        for path in paths:
            model.get_submodule(path).requires_grad_(False)

    return freeze


def replaced(path: str, new: nn.Module) -> Callable[[nn.Module], None]:
    return lambda model: model.set_submodule(path, new)


def given(path: str, **attributes: Any) -> Callable[[nn.Module], None]:
    """Return a function that sets attributes of a module."""

    def change(model: nn.Module) -> None:
        for name, value in attributes.items():
            setattr(model.get_submodule(path), name, value)

    return change


def every(cls: type[nn.Module], change: Callable[[nn.Module], object]) -> Callable[[nn.Module], None]:
    """Return a function that changes all modules of a class."""

    def change_all(model: nn.Module) -> None:
        for module in [module for module in model.modules() if type(module) is cls]:
            change(module)

    return change_all


def only_biases(model: nn.Module) -> None:
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.endswith("bias"))
