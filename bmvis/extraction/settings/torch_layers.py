"""Find which attributes of a module can be settings, and the defaults of PyTorch's layers.

Attributes that other facts of the record cover are no settings, such as the sizes of a layer, which the shapes of its
tensors show. No code of a class runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from types import FunctionType

from torch import nn

from bmvis.extraction import introspection
from bmvis.extraction.settings.project_code import is_setting_name
from bmvis.extraction.settings.setting_values import text_of
from bmvis.model.settings import normal

_IGNORED = frozenset(("training", "call_super_init"))
_OF_LIBRARIES: Mapping[str, frozenset[str]] = {
    "transformers.": frozenset(
        (
            *("name_or_path", "all_tied_weights_keys", "model_tags", "warnings_issued", "loss_type", "kernel_config"),
            *("config", "generation_config", "peft_config"),
        )
    ),
    "peft.": frozenset(
        (
            *("active_adapter", "merged_adapters", "targeted_module_names", "targeted_parameter_names"),
            *("special_peft_forward_args", "peft_config", "peft_type", "kwargs", "config"),
        )
    ),
}
"""Attributes of the classes of a library that other facts of the record cover, or that only describe."""
_SIZES = frozenset(
    (
        *("in_features", "out_features", "in1_features", "in2_features", "in_channels", "out_channels"),
        *("num_features", "num_embeddings", "embedding_dim", "normalized_shape", "num_channels", "input_size"),
        "num_parameters",
    )
)
"""Attributes of PyTorch's layers that the shapes of their tensors show."""
_RECURRENT: Mapping[str, str] = {
    "num_layers": "1",
    "bias": "True",
    "batch_first": "False",
    "dropout": "0.0",
    "bidirectional": "False",
    "proj_size": "0",
    "nonlinearity": "tanh",
}
_OF_CLASS: Mapping[type, Mapping[str, str]] = {
    nn.RNNBase: _RECURRENT,
    nn.modules.conv._ConvNd: {"output_padding": "0"},
    nn.MultiheadAttention: {"bias_k": "None", "bias_v": "None"},
}
"""Defaults that no signature has."""
_DERIVED: Mapping[type, frozenset[str]] = {
    nn.RNNBase: frozenset(("mode", "hidden_size")),
    nn.modules.conv._ConvNd: frozenset(("transposed",)),
    nn.Upsample: frozenset(("name",)),
    nn.MultiheadAttention: frozenset(("head_dim", "embed_dim", "kdim", "vdim")),
    nn.TransformerEncoderLayer: frozenset(("activation_relu_or_gelu",)),
}
"""Attributes that the class or other attributes and tensors imply."""
_QUANTIZED = ("torch.ao.nn.quantized", "torch.nn.quantized")


def setting_attributes(cls: type, names: Sequence[str], private: Set[str] = frozenset()) -> tuple[str, ...]:
    """Return those of the attributes of a module that can be settings.

    Args:
        cls: the class of the module.
        names: all attributes of the module.
        private: the names of private attributes that can be settings.
    """
    bases = type.mro(cls)
    modules = tuple(map(introspection.class_module, bases))
    if modules[0].startswith("torch.jit"):
        return ()
    left_out = _IGNORED.union(*(found for base, found in _DERIVED.items() if base in bases))
    if not modules[0].startswith("torch."):
        left_out -= {"head_dim"}  # a class of the project can set another one than the size of the shapes
    for library, names_of_library in _OF_LIBRARIES.items():
        if any(module.startswith(library) for module in modules):
            left_out |= names_of_library
    left_out |= _SIZES if is_torch_layer(cls) else frozenset()
    if modules[0].startswith(_QUANTIZED):
        left_out |= {"scale", "zero_point"}  # they depend on the weights
    return tuple(name for name in names if is_setting_name(name, private) and name not in left_out)


def is_torch_layer(cls: type) -> bool:
    """Return whether a class is defined in `torch.nn`."""
    return introspection.class_module(cls).startswith("torch.nn.")


def layer_defaults(cls: type) -> Iterator[tuple[str, str]]:
    """Yield the defaults of PyTorch's classes that a class inherits from, in the form that `normal` returns."""
    bases = type.mro(cls)
    for base in reversed(bases):
        init = base.__dict__.get("__init__")
        if type(init) is not FunctionType or not is_torch_layer(base) or base is nn.Module:
            continue
        for name, value in introspection.arguments_with_default(init):
            if (text := text_of(value)) is not None:
                yield name, normal(text) or ""
    for known, texts in _OF_CLASS.items():
        if known in bases:
            yield from ((name, normal(text) or "") for name, text in texts.items())
