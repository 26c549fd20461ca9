"""Single changes of models of many kinds: builds the model before and after, and lists what a report must have."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import torch
from small_models import Named
from torch import nn
from torch.ao.quantization import quantize_dynamic
from torch.nn import functional
from torch.nn.utils import parametrizations, prune
from torch.nn.utils import spectral_norm as hooked_spectral_norm
from torch.nn.utils import weight_norm as hooked_weight_norm
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


CHANGES: dict[str, tuple[Build, Build, str | None, int]] = {
    # settings
    "bert heads": (made(bert), made(bert, num_attention_heads=8), "numerics", 2),
    "llama rope_theta": (
        llama,
        made(llama, rope_parameters={"rope_type": "default", "rope_theta": 5e5}),
        "numerics",
        2,
    ),
    "dropout to alpha dropout": (
        made(sequential, nn.Linear(2, 2), nn.Dropout()),
        made(sequential, nn.Linear(2, 2), nn.AlphaDropout()),
        "training",
        1,
    ),
    "padding index": (made(nn.Embedding, 4, 2), made(nn.Embedding, 4, 2, padding_idx=0), "training", 1),
    "relu->gelu attribute": (made(Calls, functional.relu), made(Calls, functional.gelu), "numerics", 2),
    "rnn nonlinearity": (made(recurrent, nn.RNN), made(recurrent, nn.RNN, nonlinearity="relu"), "numerics", 2),
    "moe top_k": (experts, made(experts, top_k=2), "numerics", 2),
    "droppath": (Stages, made(Stages, rate=0.3), "training", 2),
    "lora_alpha": (lora, made(lora, lora_alpha=32), "numerics", 2),
    "rslora": (lora, made(lora, use_rslora=True), "numerics", 2),
    "spectral n_power": (
        made(linear, parametrizations.spectral_norm),
        made(linear, parametrizations.spectral_norm, n_power_iterations=3),
        "training",
        2,
    ),
    "spectral n_power old": (
        made(linear, hooked_spectral_norm),
        made(linear, hooked_spectral_norm, n_power_iterations=3),
        "training",
        2,
    ),
    "attention heads": (attention, made(attention, num_heads=4), "numerics", 2),
    "attention dropout": (attention, made(attention, dropout=0.2), "training", 2),
    "attention batch_first": (attention, made(attention, batch_first=True), "numerics", 2),
    "enc norm_first": (encoder_layer, made(encoder_layer, norm_first=True), "numerics", 2),
    "enc activation": (encoder_layer, made(encoder_layer, activation="gelu"), "numerics", 2),
    "enc nhead": (encoder_layer, made(encoder_layer, nhead=4), "numerics", 2),
    "T_max": (
        made(recipe, schedule=cosine()),
        made(recipe, schedule=cosine(20)),
        "training",
        2,
    ),
    "root param order": (
        made(Own, {"a": (3,), "b": (3,), "c": (3,)}),
        made(Own, {"a": (3,), "c": (3,), "b": (3,)}),
        "training",
        2,
    ),
    "left in eval": (Net, then(Net, lambda model: model.net.eval()), "training", 2),
    "left in eval bn": (Net, then(Net, lambda model: model.net[1].eval()), "training", 2),
    "hook of a parameter": (
        Net,
        then(Net, lambda model: next(model.parameters()).register_hook(hook)),
        "training",
        2,
    ),
    "forward hook": (Net, then(Net, lambda model: model.net.register_forward_hook(hook)), "numerics", 2),
    "forward pre hook": (Net, then(Net, lambda model: model.register_forward_pre_hook(hook)), "numerics", 2),
    "attn_implementation": (bert, made(bert, attn_implementation="eager"), "numerics", 2),
    "checkpointing": (bert, then(bert, lambda model: model.gradient_checkpointing_enable()), "training", 2),
    "prune amount": (
        made(pruned, prune.l1_unstructured, 0.25),
        made(pruned, prune.l1_unstructured, 0.5),
        "training",
        2,
    ),
    # several changes of one module
    "conv 7->5": (
        made(convolution, 3, 8, 7, padding=3),
        made(convolution, 3, 8, 5, stride=2, padding=2),
        "checkpoint",
        2,
    ),
    "padding 0 and frozen": (
        made(convolution, 3, 8, 7, padding=3),
        then(made(convolution, 3, 8, 7), frozen("")),
        "numerics",
        2,
    ),
    "swapped and a rate": (made(in_order, "first", "mid"), made(in_order, "mid", "first", 0.2), "training", 2),
    # changes in many places
    "stage 2 depth": (Stages, made(Stages, (3, 3, 27, 3)), "checkpoint", 1),
    "all blocks act": (Stages, made(Stages, act=nn.ReLU), "numerics", 1),
    "all blocks eps": (Stages, made(Stages, eps=1e-5), "numerics", 1),
    "all blocks gamma": (Stages, made(Stages, scale=False), "checkpoint", 1),
    "experts 16": (experts, made(experts, 16), "checkpoint", 1),
    "bfloat16": (bert, then(bert, nn.Module.bfloat16), "numerics", 1),
    "layers frozen": (bert, then(bert, frozen(*(f"encoder.layer.{i}" for i in range(4)))), "training", 1),
    "inserted in Sequential": (chain, made(chain, nn.Dropout2d()), "checkpoint", 2),
    "renamed": (
        made(head, "head"),
        made(head, "classifier"),
        "checkpoint",
        1,
    ),
    "lora added": (bert, lora, "checkpoint", 2),
    "compile": (Net, wrapped(Net, torch.compile), "checkpoint", 1),
    "DataParallel": (Net, wrapped(Net, nn.DataParallel), "checkpoint", 1),
    "Sequential(net,Softmax)": (Net, wrapped(Net, lambda net: sequential(net, nn.Softmax(-1))), "checkpoint", 1),
    "optimizer removed": (recipe, lambda: recipe()[0], "training", 1),
    "optimizer added": (lambda: recipe()[0], recipe, "training", 1),
    "lr of two groups": (
        made(recipe, schedule=cosine()),
        made(recipe, rates=(2e-3, 2e-4), schedule=cosine()),
        "training",
        2,
    ),
    "eps of BN": (Net, then(Net, given("net.1", eps=1e-3)), "numerics", 1),
    "activation class": (Net, made(Net, act=nn.GELU), "numerics", 1),
    "tie lost": (tied, made(tied, False), "training", 1),
    "tie of bert": (
        made(bert, "BertForMaskedLM"),
        made(bert, "BertForMaskedLM", tie_word_embeddings=False),
        "training",
        2,
    ),
    "tie of gpt2": (made(gpt2), made(gpt2, tie_word_embeddings=False), "training", 2),
    # conversions of state dicts
    "weight_norm old->new": (
        made(linear, hooked_weight_norm),
        made(linear, parametrizations.weight_norm),
        "cosmetic",
        2,
    ),
    "weight_norm added": (
        linear,
        made(linear, parametrizations.weight_norm),
        "checkpoint",
        2,
    ),
    "spectral_norm added": (
        linear,
        made(linear, parametrizations.spectral_norm),
        "checkpoint",
        2,
    ),
    "old spectral_norm added": (
        linear,
        made(linear, hooked_spectral_norm),
        "checkpoint",
        2,
    ),
    "old weight_norm added": (
        linear,
        made(linear, hooked_weight_norm),
        "checkpoint",
        2,
    ),
    "weight_norm everywhere": (
        mlp,
        then(mlp, every(nn.Linear, parametrizations.weight_norm)),
        "checkpoint",
        2,
    ),
    "orthogonal added": (
        linear,
        made(linear, parametrizations.orthogonal),
        "checkpoint",
        2,
    ),
    "pruned": (
        linear,
        made(pruned, prune.l1_unstructured, 0.25),
        "checkpoint",
        2,
    ),
    "prune method": (
        made(pruned, prune.random_unstructured, 0.25),
        made(pruned, prune.l1_unstructured, 0.25),
        "training",
        2,
    ),
    "lazy -> linear": (lambda: Named(fc=nn.LazyLinear(3)), lambda: Named(fc=nn.Linear(4, 3)), "checkpoint", 2),
    "lazy width": (lambda: Named(fc=nn.LazyLinear(3)), lambda: Named(fc=nn.LazyLinear(5)), "numerics", 2),
    "[1] into scalar": (made(Own, {"scale": (1,)}), made(Own, {"scale": ()}), "cosmetic", 2),
    "two modules swapped": (made(in_order, "first", "mid"), made(in_order, "mid", "first"), "training", 1),
    # BERT
    "bert layers": (bert, made(bert, num_hidden_layers=14), "checkpoint", 2),
    "bert hidden": (bert, made(bert, hidden_size=64), "checkpoint", 2),
    "bert intermediate": (bert, made(bert, intermediate_size=128), "checkpoint", 2),
    "bert vocab": (bert, made(bert, vocab_size=120), "checkpoint", 2),
    "bert positions": (bert, made(bert, max_position_embeddings=64), "checkpoint", 2),
    "bert act": (bert, made(bert, hidden_act="relu"), "numerics", 2),
    "bert dropout": (bert, made(bert, hidden_dropout_prob=0.2), "training", 2),
    "bert attn dropout": (bert, made(bert, attention_probs_dropout_prob=0.2), "training", 2),
    "bert eps": (bert, made(bert, layer_norm_eps=1e-6), "numerics", 2),
    "bert no pooler": (
        bert,
        wrapped(bert, lambda model: type(model)(model.config, add_pooling_layer=False)),
        "checkpoint",
        2,
    ),
    "bert head": (bert, made(bert, "BertForSequenceClassification"), "checkpoint", 2),
    "bert labels": (
        made(bert, "BertForSequenceClassification"),
        made(bert, "BertForSequenceClassification", num_labels=5),
        "checkpoint",
        2,
    ),
    "bert frozen embeddings": (bert, then(bert, frozen("embeddings")), "training", 1),
    "bert frozen all but pooler": (bert, then(bert, frozen("embeddings", "encoder")), "training", 2),
    "bert bitfit": (
        bert,
        then(bert, only_biases),
        "training",
        2,
    ),
    "bert decoder": (bert, made(bert, is_decoder=True), "numerics", 2),
    "bert classifier dropout": (
        made(bert, "BertForSequenceClassification"),
        made(bert, "BertForSequenceClassification", classifier_dropout=0.3),
        "training",
        2,
    ),
    "bert half embeddings": (bert, then(bert, lambda model: model.embeddings.half()), "numerics", 2),
    # GPT2
    "gpt2 layers": (gpt2, made(gpt2, n_layer=10), "checkpoint", 2),
    "gpt2 heads": (gpt2, made(gpt2, n_head=8), "numerics", 2),
    "gpt2 act": (gpt2, made(gpt2, activation_function="relu"), "numerics", 2),
    "gpt2 dropouts": (gpt2, made(gpt2, resid_pdrop=0.0), "training", 2),
    "gpt2 attn scale": (gpt2, made(gpt2, scale_attn_by_inverse_layer_idx=True), "numerics", 2),
    "gpt2 positions": (gpt2, made(gpt2, n_positions=64), "checkpoint", 2),
    "gpt2 n_inner": (gpt2, made(gpt2, n_inner=64), "checkpoint", 2),
    "gpt2 fp16": (gpt2, then(gpt2, nn.Module.half), "numerics", 1),
    "gpt2 frozen wte": (gpt2, then(gpt2, frozen("transformer.wte")), "training", 2),
    # Llama
    "llama kv heads": (llama, made(llama, num_key_value_heads=2), "checkpoint", 2),
    "llama heads and kv": (llama, made(llama, num_attention_heads=8, num_key_value_heads=8), "numerics", 3),
    "llama eps": (llama, made(llama, rms_norm_eps=1e-5), "numerics", 2),
    "llama rope linear": (
        llama,
        made(llama, rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}),
        "numerics",
        2,
    ),
    "llama attention bias": (llama, made(llama, attention_bias=True), "checkpoint", 2),
    "llama act": (llama, made(llama, hidden_act="gelu"), "numerics", 2),
    "llama mlp bias": (llama, made(llama, mlp_bias=True), "checkpoint", 2),
    "llama layers": (llama, made(llama, num_hidden_layers=16), "checkpoint", 2),
    "llama tie": (llama, made(llama, tie_word_embeddings=True), "numerics", 2),
    "llama attn dropout": (llama, made(llama, attention_dropout=0.1), "training", 2),
    "llama bf16": (llama, then(llama, nn.Module.bfloat16), "numerics", 1),
    "llama max pos": (llama, made(llama, max_position_embeddings=4096), "numerics", 2),
    # Net
    "cnn kernel": (Net, made(Net, 5, padding=2), "checkpoint", 2),
    "cnn stride": (Net, made(Net, stride=2), "numerics", 1),
    "cnn padding mode": (
        made(convolution, 3, 4, 3),
        made(convolution, 3, 4, 3, padding_mode="reflect"),
        "numerics",
        1,
    ),
    "cnn dilation": (made(convolution, 3, 4, 3), made(convolution, 3, 4, 3, dilation=2), "numerics", 1),
    "cnn groups": (made(convolution, 4, 4, 3), made(convolution, 4, 4, 3, groups=2), "checkpoint", 2),
    "cnn width": (Net, made(Net, width=32), "checkpoint", 2),
    "cnn classes": (Net, made(Net, classes=7), "checkpoint", 2),
    "cnn dropout": (Net, made(Net, rate=0.5), "training", 1),
    "cnn norm": (Net, made(Net, norm=nn.InstanceNorm2d), "checkpoint", 2),
    "cnn norm group": (Net, made(Net, norm=made(nn.GroupNorm, 4)), "checkpoint", 2),
    "cnn pool": (Net, made(Net, pool=3), "numerics", 1),
    "cnn avgpool": (Net, then(Net, replaced("net.3", nn.AvgPool2d(2))), "numerics", 1),
    "cnn bias": (Net, made(Net, bias=False), "checkpoint", 2),
    "cnn momentum": (Net, then(Net, given("net.1", momentum=0.01)), "training", 1),
    "cnn head removed": (Net, then(Net, lambda model: delattr(model, "head")), "checkpoint", 1),
    "cnn head identity": (Net, then(Net, replaced("head", nn.Identity())), "checkpoint", 2),
    "cnn head mlp": (
        Net,
        then(Net, replaced("head", sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10)))),
        "checkpoint",
        2,
    ),
    "cnn channels_last": (Net, then(Net, lambda model: model.to(memory_format=torch.channels_last)), None, 0),
    "cnn double": (Net, then(Net, nn.Module.double), "numerics", 1),
    "cnn frozen net": (Net, then(Net, frozen("net")), "training", 1),
    "cnn inplace": (Net, then(Net, given("net.2", inplace=True)), "cosmetic", 1),
    "cnn syncbn": (Net, wrapped(Net, nn.SyncBatchNorm.convert_sync_batchnorm), "numerics", 1),
    # recurrent
    "lstm hidden": (recurrent, made(recurrent, size=16), "checkpoint", 2),
    "lstm layers": (recurrent, made(recurrent, layers=3), "checkpoint", 2),
    "lstm bidirectional": (recurrent, made(recurrent, bidirectional=True), "checkpoint", 2),
    "lstm batch_first": (recurrent, made(recurrent, batch_first=True), "numerics", 2),
    "lstm dropout": (recurrent, made(recurrent, dropout=0.3), "training", 2),
    "lstm gru": (recurrent, made(recurrent, nn.GRU), "checkpoint", 2),
    "lstm proj": (made(recurrent), made(recurrent, proj_size=4), "checkpoint", 2),
    "lstm bias": (recurrent, made(recurrent, bias=False), "checkpoint", 2),
    # gan
    "gan slope": (gan, made(gan, slope=0.1), "numerics", 1),
    "gan z": (gan, made(gan, noise=32), "checkpoint", 1),
    "gan sn": (gan, made(gan, spectral=True), "checkpoint", 2),
    "gan tanh": (gan, made(gan, last=nn.Sigmoid), "numerics", 1),
    "gan bias": (gan, made(gan, bias=False), "checkpoint", 1),
    "gan frozen d": (gan, then(gan, frozen("discriminator")), "training", 1),
    "gan output padding": (gan, then(gan, given("generator.3", output_padding=(1, 1))), "numerics", 1),
    # experts
    "moe layers": (experts, made(experts, layers=8), "checkpoint", 1),
    "moe dim": (experts, made(experts, width=16), "checkpoint", 2),
    "moe router frozen": (experts, then(experts, frozen(*(f"layers.{i}.moe.gate" for i in range(4)))), "training", 1),
    "moe expert act": (
        experts,
        then(experts, every(nn.Sequential, lambda expert: expert.set_submodule("1", nn.GELU()))),
        "numerics",
        1,
    ),
    # Stages
    "cx head": (Stages, made(Stages, classes=20), "checkpoint", 1),
    "cx width": (Stages, made(Stages, width=16), "checkpoint", 2),
    "cx droppath off": (Stages, made(Stages, rate=0.0), "training", 2),
    "cx all depths": (Stages, made(Stages, (4, 4, 12, 4)), "checkpoint", 2),
    "cx frozen stages": (Stages, then(Stages, frozen("stem", "stages.0", "stages.1")), "training", 2),
    "cx ls frozen": (
        Stages,
        then(Stages, every(Block, lambda block: block.gamma.requires_grad_(False))),
        "training",
        2,
    ),
    # LoRA
    "lora r": (lora, made(lora, r=16), "checkpoint", 2),
    "lora dropout": (lora, made(lora, lora_dropout=0.1), "training", 2),
    "lora targets": (lora, made(lora, target_modules=["query", "key", "value"]), "checkpoint", 2),
    "dora": (lora, made(lora, use_dora=True), "checkpoint", 2),
    "lora bias": (lora, made(lora, bias="all"), "training", 2),
    "lora merged": (lora, wrapped(lora, lambda model: model.merge_and_unload()), "checkpoint", 2),
    "lora rank pattern": (lora, made(lora, alpha_pattern={"query": 64}), "numerics", 2),
    "lora init": (lora, made(lora, init_lora_weights="gaussian"), "training", 2),
    # quantized
    "quantized": (mlp, quantized, "checkpoint", 2),
    "quantized fp16": (quantized, made(quantized, dtype=torch.float16), "numerics", 2),
    "quantized lstm": (recurrent, made(quantized, recurrent, classes=(nn.LSTM, nn.Linear)), "checkpoint", 2),
    "quantized bert": (bert, made(quantized, bert), "checkpoint", 2),
    # buffers
    "buffer size": (Buffers, made(Buffers, 8), "checkpoint", 1),
    "buffer not persistent": (Buffers, made(Buffers, persistent=False), "checkpoint", 1),
    "buffer dtype": (Buffers, made(Buffers, dtype=torch.bool), "numerics", 1),
    "buffer added": (Buffers, made(Buffers, more=True), "checkpoint", 1),
    "buffer -> parameter": (
        Buffers,
        then(Buffers, mask_as_parameter),
        "training",
        2,
    ),
    # shared
    "unshared": (shared, made(shared, False), "training", 2),
    "shared": (made(shared, False), shared, "numerics", 2),
    "shared more": (shared, made(shared, True, 5), "checkpoint", 1),
    # lists
    "plist grows": (lists, made(lists, 5), "checkpoint", 1),
    "pdict key": (lists, made(lists, key="b"), "checkpoint", 2),
    "plist shape": (lists, made(lists, size=6), "checkpoint", 2),
    # transformer
    "tf layers": (transformer, made(transformer, num_encoder_layers=8), "checkpoint", 1),
    "tf norm_first": (transformer, made(transformer, norm_first=True), "numerics", 2),
    "tf activation": (transformer, made(transformer, activation="gelu"), "numerics", 2),
    "tf nhead": (transformer, made(transformer, nhead=4), "numerics", 2),
    "tf batch_first": (transformer, made(transformer, batch_first=True), "numerics", 2),
    "tf dropout": (transformer, made(transformer, dropout=0.2), "training", 2),
    "tf ff": (transformer, made(transformer, dim_feedforward=64), "checkpoint", 2),
    "tf d_model": (transformer, made(transformer, d_model=32), "checkpoint", 2),
    "tf eps": (transformer, made(transformer, layer_norm_eps=1e-6), "numerics", 2),
    "tf bias": (transformer, made(transformer, bias=False), "checkpoint", 2),
    # optimizers
    "opt kind": (recipe, made(recipe, "Adam"), "training", 2),
    "opt sgd": (made(recipe, rates=(1e-3,)), made(recipe, "SGD", rates=(1e-3,), momentum=0.9), "training", 2),
    "opt wd": (recipe, made(recipe, weight_decay=0.1), "training", 2),
    "opt betas": (recipe, made(recipe, betas=(0.9, 0.95)), "training", 2),
    "opt groups": (recipe, made(recipe, rates=(1e-3,)), "training", 2),
    "opt sched kind": (
        made(recipe, schedule=cosine()),
        made(recipe, schedule=stepwise),
        "training",
        2,
    ),
    "opt sched added": (recipe, made(recipe, schedule=stepwise), "training", 2),
    "opt eps": (recipe, made(recipe, eps=1e-6), "training", 2),
    # other libraries' models
    "resnet depths": (resnet, made(resnet, depths=[2, 4]), "checkpoint", 1),
    "resnet shortcut": (resnet, made(resnet, downsample_in_first_stage=True), "checkpoint", 3),
    "resnet bottleneck": (resnet, made(resnet, layer_type="bottleneck"), "checkpoint", 6),
    "whisper layers": (whisper, made(whisper, encoder_layers=4), "checkpoint", 1),
    "whisper width": (whisper, made(whisper, d_model=64), "checkpoint", 2),
    "fewer adapters": (made(ia3, "key", "value", "output.dense"), made(ia3, "key", "value"), "checkpoint", 2),
    "BERT to RoBERTa": (bert, made(sized, "RobertaModel", "RobertaConfig", {}, SIZES), "numerics", 4),
    "groups of a norm": (made(nn.GroupNorm, 2, 8), made(nn.GroupNorm, 4, 8), "numerics", 1),
    "mode of a layer": (
        made(nn.Upsample, scale_factor=2),
        made(nn.Upsample, scale_factor=2, mode="area"),
        "numerics",
        1,
    ),
    "warm-up": (made(warmed_up, 0.1), made(warmed_up, 0.2), "training", 1),
    "momentum": (made(recipe, "SGD", momentum=0.9), made(recipe, "SGD", momentum=0.8), "training", 1),
}
"""The build before and after, the most serious class, and the greatest number of lines."""
