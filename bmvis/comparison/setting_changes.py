"""Changes of the settings of a module and of the arguments in its `extra_repr()`, each with its class."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from itertools import product
from typing import NamedTuple

from bmvis.comparison.tensor_changes import Impact
from bmvis.model.settings import (
    CODE,
    DEFAULT,
    MODE,
    UNREGISTERED,
    arguments,
    function_name,
    items_of,
    normal,
    without_digest,
)
from bmvis.model.tensor_values import differs_in_values_only, has_equal_values
from bmvis.model.tree import Module

_OFF = "gradient_checkpointing"
"""A setting that is off where it is not set."""
HOOKS = ("forward_hooks", "forward_pre_hooks", "backward_hooks", "backward_pre_hooks", "post_accumulate_grad_hooks")
_SIZES = {"in_features", "out_features", "kernel_size", "num_embeddings", "normalized_shape", "bias", "num_features"}
"""Arguments that the shapes of the tensors already show."""
_ALWAYS_SHOWN = {"stride": "1", "bias": "True"}
"""Arguments that PyTorch's `extra_repr()` has also if they are the defaults, which settings have not."""
_POSITIONAL = {"GroupNorm": ("num_groups", "num_channels")}
"""Names of arguments that PyTorch's `extra_repr()` omits."""
_REPEATED = ("adapter_layer_names", "other_param_names", "use_nested_tensor")
"""Settings of PEFT's layers that list the names of their tensors, and the one that `nn.TransformerEncoder` computes
from the settings of its layers."""
_SIZE = re.compile(
    r"size|dim|width|channels|features|embed|vocab|hidden|n_(?:embd|layer|head)|d_model|layers$|"
    r"shape|classes|labels|depths?$|intermediate|inner|n[xf]$|groups|planes|units|rank|(?:^|\.)r$|positions|num_.*experts"
)
"""Names of settings that shapes or the number of modules can show."""
_NO_SIZE = re.compile(r"window|context|chunk|cache|crop")
"""Names that `_SIZE` finds, but that shapes of parameters do not show."""
_SIDES = re.compile(r"[\d\s,()[\]x×]+")
_TRAINING = re.compile(
    r"drop|(?:^|\.)p$|momentum|track_running_stats|checkpointing|smoothing|problem_type|jitter|(?:^|_)loss|mask_time|"
    r"(?:^|[_.])(?:noise$|(?:input|label|router)_noise|init(?:$|[_.]|ializ)|aux(?:$|_))|"
    r"mask_feature|backward|grad_hooks$|z_loss|requires_grad|freeze|weight_decay|(?:^|[_.])lr(?:$|_)|amount|n_power_iterations$|target_r$|tinit$|tfinal$|total_step$"
)
_TRAINED = re.compile(r"\b(?:n_power_iterations|amount)=[^,)]*")
"""Arguments of hooks that have no effect in eval mode."""
_PRUNING = re.compile(r"\btorch\.nn\.utils\.prune\.")
_COSMETIC = re.compile(r"^inplace$|return_dict|(?:^|\.)(?:name|tag|verbose|description)$|use_cache")
_GRADIENTS = {
    "Embedding": ("padding_idx", "scale_grad_by_freq", "sparse"),
    "EmbeddingBag": ("scale_grad_by_freq", "sparse"),
}
"""Arguments of layers that change gradients alone."""
_UNDERSCORES = re.compile(r"(?:(?<=\.)|^)_+")
"""What makes a name a private one."""
_POSITION = re.compile(r"idx|index|(?:^|_)(?:id|number|layer|block)$")


class SettingChange(NamedTuple):
    """A setting that changed from one value to another; None if it is not set."""

    name: str
    before: str | None
    after: str | None
    impact: Impact


def setting_changes(
    old: Module, new: Module, *, is_resized: bool, with_settings: bool, resized: Set[tuple[str, str]] = frozenset()
) -> list[SettingChange]:
    """Return the settings and arguments that changed.

    Args:
        old: the module before.
        new: the same module now.
        is_resized: whether one of its tensors was added, removed or has another shape.
        with_settings: whether both models recorded settings.
        resized: pairs of sizes before and after that other changes show.
    """
    was, is_now = _values(old, with_settings), _values(new, with_settings)
    buffers = {buffer.name for module in (old, new) for buffer in module.buffers}
    is_hidden = bool(old.extra_repr) != bool(new.extra_repr)
    if old.type != new.type or _is_of_other_library(old, new):  # two classes have arguments of their own
        own = (MODE, *HOOKS)
        was = {name: text for name, text in was.items() if name in own or (name in is_now and not name.isdecimal())}
        is_now = {name: text for name, text in is_now.items() if name in own or name in was}
    found = []
    for name in dict.fromkeys([*was, *is_now]):
        before, after = was.get(name), is_now.get(name)
        if is_equal(before, after) or (is_resized and (name in _SIZES or _is_positional_size(name, before, after))):
            continue
        if name in buffers and not (before and after and differs_in_values_only(before, after)):
            continue  # the values are not known on each device, and the change of the buffer is listed
        if is_hidden and _is_only_hidden(name, before, after):
            continue
        if name in _REPEATED or {before, after} == {None, "None"} or (name == CODE and None in (before, after)):
            continue
        if (normal(before), normal(after)) in resized and is_size(name):
            continue
        impact = impact_of(name, new.type, before, after)
        if name == "padding" and _padding(was) == _padding(is_now):
            impact = "cosmetic"
        found.append(SettingChange(name, before, after, impact))
    return _without_repeats(_without_renamed_adapter(found, was, is_now) if new.package.startswith("peft.") else found)


def _without_repeats(found: list[SettingChange]) -> list[SettingChange]:
    """Leave out the counts of unregistered modules whose classes another change names."""
    names = {change.name for change in found}
    return [change for change in found if not (change.name.endswith(UNREGISTERED) and _is_shown(change, names))]


def _is_only_hidden(name: str, before: str | None, after: str | None) -> bool:
    """Return whether one model lacks an argument because `extra_repr()` of a parametrized module is not called."""
    if name in _SIZES:
        return None in (before, after)
    return name in _ALWAYS_SHOWN and {normal(before), normal(after)} == {None, _ALWAYS_SHOWN[name]}


def _is_of_other_library(old: Module, new: Module) -> bool:
    """Return whether a layer of PyTorch became one of the same name elsewhere, such as one that fakes quantization."""
    return old.package != new.package and any(module.package.startswith("torch.") for module in (old, new))


def _is_positional_size(name: str, before: str | None, after: str | None) -> bool:
    """Return whether a value without a name is a size or sizes, which the shapes of tensors show."""
    return name.isdecimal() and all(text is None or _SIDES.fullmatch(text) for text in (before, after))


def _without_renamed_adapter(
    found: list[SettingChange], was: Mapping[str, str], is_now: Mapping[str, str]
) -> list[SettingChange]:
    """Leave out the settings of an adapter that has another name only: another line has the new name of its layers.

    Those of the only adapter have no name if that is `default`.
    """
    removed = {change.name: change.before for change in found if change.after is None}
    added = {change.name: change.after for change in found if change.before is None}
    for former, present in product(_name_ends(removed), _name_ends(added)):
        pairs = [
            *(
                (name.endswith(former), is_now.get(name.removesuffix(former) + present), removed[name])
                for name in removed
            ),
            *((name.endswith(present), was.get(name.removesuffix(present) + former), added[name]) for name in added),
        ]
        if former != present and all(has_end and text == other for has_end, text, other in pairs):
            return [change for change in found if change.name not in removed and change.name not in added]
    return found


def _name_ends(names: Iterable[str]) -> set[str]:
    """Return what can be the name of an adapter: `.french` in `scaling.french`, or nothing."""
    return {"", *(f".{name.rpartition('.')[2]}" for name in names if "." in name)}


def _is_shown(change: SettingChange, names: Set[str]) -> bool:
    """Return whether another change names the classes of unregistered modules, and their sizes are the same."""
    is_same = without_digest(change.before or "") == without_digest(change.after or "")
    return is_same and change.name.removesuffix(UNREGISTERED) in names


def is_equal(before: str | None, after: str | None) -> bool:
    """Return whether two texts are those of equal values. A function that moved to another Python module is equal."""
    if before is None or after is None or normal(before) == normal(after):
        return normal(before) == normal(after) and not _has_other_length(before, after)
    if differs_in_values_only(before, after):
        return has_equal_values(before, after)
    function = function_name(before)
    return function is not None and function == function_name(after)


def _has_other_length(before: str | None, after: str | None) -> bool:
    """Return whether two sequences of one repeated value differ in length: `(8, 8)` and `(8, 8, 8)`."""
    counts = {items_of(text) for text in (before, after) if text is not None} - {None}
    return len(counts) > 1


def _padding(arguments: Mapping[str, str]) -> list[float] | None:
    """Return what a convolution adds on both sides of each dimension, also for `same` and `valid`; None if unknown."""
    kernel = _sides(arguments.get("kernel_size"), 1)
    dilation = _sides(arguments.get("dilation", "1"), len(kernel))
    padding = arguments.get("padding", "0")
    if padding == "same":
        return [step * (side - 1) / 2 for step, side in zip(dilation, kernel, strict=True)] if kernel else None
    return _sides("0" if padding == "valid" else padding, len(kernel)) or None


def _sides(text: str | None, count: int) -> list[float]:
    """Return the numbers of a sequence, or of one number for each dimension; none if the text has other items."""
    parts = (text or "").strip("()").rstrip(",").split(",")
    if not all(_is_number(part.strip()) for part in parts):
        return []
    return list(map(float, parts)) if len(parts) > 1 else [float(parts[0])] * count


def impact_of(name: str, type_: str, before: str | None, after: str | None) -> Impact:
    """Return the class of a change of a setting."""
    name = _UNDERSCORES.sub("", name)
    if name == "bias" and after in ("all", "none", "lora_only"):  # which biases PEFT trains
        return "training"
    if name in _GRADIENTS.get(type_, ()):
        return "training"
    if is_hooks(name) and _is_of_training(before, after):
        return "training"
    if name == MODE or (_TRAINING.search(name) and not name.endswith(UNREGISTERED)):
        return "numerics" if name == "p" and not re.search("drop|stoch", type_, re.IGNORECASE) else "training"
    return "cosmetic" if _COSMETIC.search(name) else "numerics"


def is_hooks(name: str) -> bool:
    """Return whether a setting has the names of hooks, of a module or, as `weight.backward_hooks`, of a tensor."""
    return name.rpartition(".")[2] in HOOKS


def _is_of_training(before: str | None, after: str | None) -> bool:
    """Return whether other hooks compute the same from a saved state, such as a mask of pruning."""
    was, is_now = (_TRAINED.sub("", text or "") for text in (before, after))
    is_pruned = all(text and _PRUNING.search(text) for text in (before, after))
    return was == is_now or is_pruned or re.search("requires?_grad", f"{before} {after}") is not None


def is_position(change: SettingChange, old_path: str, new_path: str) -> bool:
    """Return whether a setting is the number of a block, and changed as the number in the path did."""
    if not (_POSITION.search(change.name) and _is_number(change.before) and _is_number(change.after)):
        return False
    # From the right: a model that was wrapped has more names in front.
    names = zip(reversed(old_path.split(".")), reversed(new_path.split(".")), strict=False)
    moved = [int(b) - int(a) for a, b in names if a.isdecimal() and b.isdecimal()]
    return int(change.after or 0) - int(change.before or 0) in moved


def related(setting: str, type_: str, name: str) -> bool:
    """Return whether a value of a configuration can be the origin of a module's setting, by their names."""
    return bool(name_words(f"{setting}_drop" if "drop" in type_.lower() else setting) & name_words(name))


def is_size(name: str) -> bool:
    """Return whether shapes or the number of modules can show a setting of this name."""
    return _SIZE.search(name) is not None and not _NO_SIZE.search(name)


def name_words(name: str) -> set[str]:
    """Return the words of a name of an argument: `head` for `num_heads` and `n_head`, `drop` for `resid_pdrop`."""
    words = {word for word in re.split(r"[_.]", name) if len(word) > 1}
    roots = ("drop", "head", "act", "layer", "group")
    return {next((root for root in roots if root in word), word) for word in words - {"num"}}


def _values(module: Module, with_settings: bool) -> Mapping[str, str]:
    settings = module.settings or {} if with_settings else {}
    own = {name.removesuffix(DEFAULT): text for name, text in settings.items()}
    off = {_OFF: "False"} if with_settings else {}
    named = _POSITIONAL.get(module.type, ())
    shown = {
        (named[int(name)] if name.isdecimal() and int(name) < len(named) else name): text
        for name, text in arguments(module.extra_repr).items()
    }
    return {**off, **shown, **own}


def _is_number(text: str | None) -> bool:
    return text is not None and text.isdecimal() and len(text) < 10
