"""Trees without torch: BERT with and without LoRA, and a model with hostile names."""

import msgspec

from bmvis.errors import FactoryError
from bmvis.model.optimizer import Optimizer, ParameterGroup
from bmvis.model.tree import Buffer, Model, Module, Parameter
from bmvis.options.definitions import Options
from bmvis.render.html.error_box import error_box
from bmvis.render.html.tree import to_html
from bmvis.view.layout import layout

HOSTILE = '<img src=x onerror="window.hacked=1">'


def tensor(name: str, *shape: int, **facts) -> Parameter:
    count = 1
    for side in shape:
        count *= side
    return Parameter(name, shape, "float32", count, 4 * count, **facts)


def linear(name: str, depth: int, inner: int, outer: int, **facts) -> Module:
    return Module(name, depth, "Linear", parameters=(tensor("weight", outer, inner, **facts), tensor("bias", outer)))


def norm(depth: int) -> Module:
    return Module("LayerNorm", depth, "LayerNorm", parameters=(tensor("weight", 768), tensor("bias", 768)))


def embedding(name: str, rows: int, **facts) -> Module:
    return Module(name, 3, "Embedding", parameters=(tensor("weight", rows, 768, **facts),))


def projection(name: str, lora: bool) -> list[Module]:
    if not lora:
        return [linear(name, 7, 768, 768)]
    frozen = linear("base_layer", 8, 768, 768)
    return [
        Module(name, 7, "Linear"),
        frozen,
        Module("lora_A", 8, "ModuleDict"),
        Module("default", 9, "Linear", parameters=(tensor("weight", 8, 768, delta=True),)),
        Module("lora_B", 8, "ModuleDict"),
        Module("default", 9, "Linear", parameters=(tensor("weight", 768, 8, delta=True),)),
    ]


def layer(index: int, lora: bool) -> list[Module]:
    return [
        Module(str(index), 4, "BertLayer"),
        Module("attention", 5, "BertAttention"),
        Module("self", 6, "BertSelfAttention"),
        *projection("query", lora),
        *projection("key", False),
        *projection("value", lora),
        Module("output", 6, "BertSelfOutput"),
        linear("dense", 7, 768, 768),
        norm(7),
        Module("intermediate", 5, "BertIntermediate"),
        linear("dense", 6, 768, 3072),
        Module("output", 5, "BertOutput"),
        linear("dense", 6, 3072, 768),
        norm(6),
    ]


def bert(lora: bool = False) -> Model:
    word, decoder = "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"
    positions = (Buffer("position_ids", (1, 512), "int64", 4096, persistent=False),)
    modules = [
        Module("", 0, "BertForMaskedLM"),
        Module("bert", 1, "BertModel"),
        Module("embeddings", 2, "BertEmbeddings", buffers=positions),
        embedding("word_embeddings", 30522, tied_by=(decoder,)),
        embedding("position_embeddings", 512),
        embedding("token_type_embeddings", 2),
        norm(3),
        Module("encoder", 2, "BertEncoder"),
        Module("layer", 3, "ModuleList"),
        *(module for index in range(12) for module in layer(index, lora)),
        Module("cls", 1, "BertOnlyMLMHead"),
        Module("predictions", 2, "BertLMPredictionHead", parameters=(tensor("bias", 30522),)),
        Module("transform", 3, "BertPredictionHeadTransform"),
        linear("dense", 4, 768, 768),
        norm(4),
        Module("decoder", 3, "Linear", parameters=(tensor("weight", 30522, 768, tied_to=word), tensor("bias", 30522))),
    ]
    return Model(tuple(map(_frozen, modules) if lora else modules))


def _frozen(module: Module) -> Module:
    """Freeze all parameters except deltas, as PEFT does."""
    from msgspec.structs import replace

    return replace(module, parameters=tuple(replace(p, trainable=p.delta) for p in module.parameters))


def trained() -> Model:
    """BERT with parameter groups: some parameters are in no group, and one group is empty."""
    from msgspec.structs import replace

    def group(module: Module, parameter: Parameter) -> Parameter:
        numbers = () if module.name == "transform" or module.depth == 4 else (int(parameter.name == "bias"),)
        return replace(parameter, groups=numbers)

    model = bert()
    modules = tuple(replace(m, parameters=tuple(group(m, p) for p in m.parameters)) for m in model.modules)
    settings = {"lr": "2e-05", "initial_lr": "0.0001", "betas": "(0.9, 0.999)", "weight_decay": "0.01"}
    groups = (
        ParameterGroup("matrices", settings, 100),
        ParameterGroup("biases", settings | {"weight_decay": "0"}, 102, foreign=1),
        ParameterGroup(HOSTILE, settings, 0),
    )
    return replace(model, modules=modules, optimizers=(Optimizer("AdamW", groups, ("LambdaLR",)),))


def hostile() -> Model:
    weight = tensor(f"w{HOSTILE}", 3)
    return Model(
        (
            Module("", 0, HOSTILE),
            Module(HOSTILE, 1, "Linear", parameters=(weight,)),
            Module("a b'\"&", 1, "X", parameters=(weight,)),
        )
    )


def large(rows: int) -> Model:
    """Return a tree whose rows are all different, also in types: nothing folds."""
    modules = [Module("", 0, "Large")]
    for block in range(rows // 10):
        modules.append(Module(f"block_{block}", 1, f"Block{block}"))
        parts = [linear(f"part_{block}_{part}", 2, 8, 8 + 10 * block + part) for part in range(9)]
        modules += [msgspec.structs.replace(part, type=f"Linear{number}") for number, part in enumerate(parts)]
    return Model(tuple(modules))


def page() -> str:
    """Return the trees of the test page, each one line of HTML."""
    failed = FactoryError(
        "zoo:bert() raised OSError: no such file: 'weights.bin'", hint="give the factory a path that is there"
    )
    return "\n\n".join(
        (
            to_html(layout(bert(), Options(caption="BERT-base, as transformers builds it.", map=True)), "bert"),
            to_html(layout(bert(lora=True), Options(buffers=True, map=True)), "lora"),
            to_html(layout(bert(), Options(depth=2, open=1)), "short"),
            to_html(layout(trained(), Options(optimizer=True, depth=4)), "trained"),
            to_html(layout(bert(), Options(depth=4, highlight=("attention.output.dense", "layer.3.output"))), "marked"),
            to_html(layout(hostile(), Options()), "hostile"),
            error_box(failed, "docs/models.md:12"),
        )
    )
