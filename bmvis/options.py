"""The one table of display options.

RST directive options, Markdown attributes, command-line flags, the documentation's option reference
and the texts of option errors are all made from `OPTIONS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import msgspec

from bmvis import address, inputs

Device = Literal["auto", "meta", "cpu"]


FindingKind = Literal["missing", "frozen", "twice", "empty", "foreign", "decay"]
"""What can be wrong with an optimizer: trainable parameters in no group, frozen ones in a group, one in several
groups, a group without parameters, tensors of another model, and biases or norms that decay though a rule is there."""


class Options(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a page asks of one tree. The fields are the rows of `OPTIONS`, in its order."""

    depth: int | None = None
    root_name: str = "root"
    non_params: bool = False
    expand_params: bool = False
    buffers: bool = False
    extra_repr: bool = False
    map: bool = False
    name: str = ""
    caption: str = ""
    alt: str = ""
    open: int | None = None
    device: Device = "auto"
    classes: tuple[str, ...] = ()
    search: bool = False
    highlight: tuple[str, ...] = ()
    whole_names: bool = False
    common: str = ""
    only_common: bool = False
    base: str = ""
    only_changes: bool = False
    inputs: str = ""
    order: Literal["definition", "execution"] = "definition"
    optimizer: bool = False
    accept: tuple[FindingKind, ...] = ()

    @property
    def mapping_file(self) -> str:
        """Return the file that `common` names; '' if it names none."""
        return self.common if self.common.endswith(".toml") else ""


@dataclass(frozen=True)
class Option:
    """One display option: how it is written, what it takes, what it does."""

    name: str
    takes: str
    """What a value looks like, for the reference and for errors; empty for a flag."""
    read: Callable[[str], Any]
    """Turn the written value into the field's; raises ValueError."""
    help: str
    field: str = ""

    @property
    def attribute(self) -> str:
        """Return the name of the field in `Options`."""
        return self.field or self.name.replace("-", "_")

    @property
    def is_flag(self) -> bool:
        """Return whether the option can stand without a value."""
        return not self.takes


def _whole(minimum: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text)
        if value < minimum:
            raise ValueError
        return value

    return read


def _choice(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError
        return text

    return read


def _flag(text: str) -> bool:
    return {"": True, "true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}[text.lower()]


def _text(text: str) -> str:
    if not text:
        raise ValueError
    return " ".join(text.split())


def _mapping(text: str) -> str:
    return {"": "auto", "true": "auto", "false": ""}.get(text, text)


def _identifier(text: str) -> str:
    if not re.fullmatch(r"[^\W\d_][\w.:-]*", text):
        raise ValueError
    return text


def _findings(text: str) -> tuple[str, ...]:
    names = text.split()
    if not names or not set(names) <= set(get_args(FindingKind)):
        raise ValueError
    return tuple(names)


def _classes(text: str) -> tuple[str, ...]:
    names = text.split()
    if not names or not all(re.fullmatch(r"-?[a-zA-Z_][\w-]*", name) for name in names):
        raise ValueError
    return tuple(names)


OPTIONS: tuple[Option, ...] = (
    Option(
        "depth",
        "a whole number from 1",
        _whole(1),
        "Levels of modules to show below the root; deeper ones are summed up.",
    ),
    Option("root-name", "a text", _text, "What the first row is called."),
    Option("non-params", "", _flag, "Keep modules without parameters: dropout, activations, pooling."),
    Option("expand-params", "", _flag, "Give each parameter a line of its own."),
    Option("buffers", "", _flag, "Show buffers beside the parameters."),
    Option(
        "extra-repr",
        "",
        _flag,
        "Show what modules say of themselves, as print(model) does: a dropout's p, a convolution's stride.",
    ),
    Option("map", "", _flag, "Draw a map below the tree of where the parameters are."),
    Option(
        "name",
        "a letter, then letters, digits and . : _ -",
        _identifier,
        "The tree's name on the page: its anchor, and the target of references.",
    ),
    Option("caption", "a text", _text, "A caption below the tree."),
    Option(
        "alt",
        "a text",
        _text,
        "What a screen reader calls the tree; by default its caption, or its type.",
    ),
    Option(
        "open",
        "a whole number from 0",
        _whole(0),
        "Levels that are open when the page loads; by default all of a short tree, and two of a long one.",
    ),
    Option(
        "device",
        "auto, meta or cpu",
        _choice("auto", "meta", "cpu"),
        "Where the factory runs: meta takes no memory for weights; auto is meta, then the CPU if that fails, "
        "with half of the machine's memory.",
    ),
    Option("class", "CSS class names", _classes, "CSS classes for the outermost element.", field="classes"),
    Option("search", "", _flag, "Let the site's search find the text of the tree."),
    Option(
        "highlight",
        "ends of module paths, such as attention.output.dense, or [r] and a regular expression",
        address.parse_patterns,
        "Mark the modules that a pattern names, unfolded and below `depth` where need be. Several: between spaces.",
    ),
    Option("whole-names", "", _flag, "Write names in full that are wider than a line."),
    Option(
        "common",
        "auto, the name of a mapping (bert, gpt2, llama, …), or a .toml file with one of your own",
        _mapping,
        "Rename modules to one structure for all architectures: embeddings, encoder.block, attn.q, ff.w1.",
    ),
    Option(
        "base",
        "a factory reference or a name, or snapshot: and a name",
        _text,
        "Compare with this model: what was added, removed and changed since; what was not is folded away.",
    ),
    Option("only-changes", "", _flag, "In a comparison, leave out what did not change."),
    Option(
        "inputs",
        "tensors, such as input_ids: int64[1, 128]; float32[1, 3], or a reference to a function that makes the inputs",
        inputs.checked_inputs,
        "Call the model once with these and show what each module returns, and the multiply-accumulates.",
    ),
    Option(
        "order",
        "definition or execution",
        _choice("definition", "execution"),
        "Order of the modules inside another: as they are defined, or as `inputs` calls them first.",
    ),
    Option(
        "optimizer",
        "",
        _flag,
        "Show the parameter groups of the optimizer that the factory returns with the model, and what is wrong.",
    ),
    Option(
        "accept",
        f"some of {', '.join(get_args(FindingKind))}",
        _findings,
        "What of the optimizer is meant to be as it is: shown on the page, but no warning of the build.",
    ),
    Option("only-common", "", _flag, "Of the common structure, leave out modules that it has no name for."),
)


BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}
