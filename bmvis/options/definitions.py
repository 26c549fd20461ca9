"""The table of display options.

Directive options, Markdown attributes, command-line flags, the option reference in the manual, and error messages are
generated from `OPTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import msgspec

from bmvis import address
from bmvis.options import inputs, values

Device = Literal["auto", "meta", "cpu"]

Fold = Literal["equal", "similar", "auto"]

Flow = int | Literal["", "auto", "only"]
"""A level of the architecture figure; `only` is `auto` without a tree, and '' means no figure."""

FlowOperations = Literal["joins", "all", "none"]

ColumnName = Literal["input", "output", "macs", "bytes", "share"]
"""Columns of facts next to a tree."""
CALL_COLUMNS: tuple[ColumnName, ...] = ("input", "output", "macs")
"""Those that need the option `inputs`."""

FindingKind = Literal["missing", "frozen", "twice", "empty", "foreign", "decay"]
"""Kinds of likely mistakes in an optimizer, in order: trainable parameters in no group, frozen parameters in a group,
a parameter in several groups, a group without parameters, tensors that are not in the model, and weight decay for
biases or norms although other groups have none."""


class Options(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The display options of one tree. Each field is a row of `OPTIONS`, which describes it."""

    depth: int | None = None
    root_name: str = "root"
    no_root: bool = False
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
    fold: Fold = "auto"
    flow: Flow = ""
    flow_open: tuple[str, ...] = ()
    flow_closed: tuple[str, ...] = ()
    flow_ops: FlowOperations = "joins"
    columns: tuple[ColumnName, ...] = ()

    @property
    def mapping_file(self) -> str:
        """Return the path of the mapping file in `common`; '' if `common` is not a file."""
        return self.common if self.common.endswith(".toml") else ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle only what differs from the defaults: the environment of Sphinx has the options of each tree."""
        found = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return _options, ({name: value for name, value in found if value != getattr(_DEFAULTS, name)},)


_DEFAULTS = Options()


def _options(given: Mapping[str, Any]) -> Options:
    return Options(**given)


class Option(msgspec.Struct, frozen=True):
    """One display option: its name, valid values, and help text."""

    name: str
    takes: str
    """A description of valid values, for the reference and for errors; empty for a flag."""
    read: Callable[[str], Any]
    """Converts the text to the value of the field. Raises ValueError if the text is invalid."""
    help: str
    field: str = ""

    @property
    def attribute(self) -> str:
        """Return the name of the field in `Options`."""
        return self.field or self.name.replace("-", "_")

    @property
    def is_flag(self) -> bool:
        """Return whether the option needs no value."""
        return not self.takes


OPTIONS: tuple[Option, ...] = (
    Option(
        "depth",
        "an integer, 1 or greater",
        values.integer(1),
        "Number of levels to show below the root. Rows at the last level sum up the modules below them.",
    ),
    Option("root-name", "text", values.single_line, "Label of the first row."),
    Option(
        "no-root",
        "",
        values.flag,
        "Leave out the first row, that of the whole model, unless it has parameters of its own or a mark.",
    ),
    Option("non-params", "", values.flag, "Show modules without parameters: dropout, activations, pooling."),
    Option("expand-params", "", values.flag, "Show each parameter on its own line."),
    Option("buffers", "", values.flag, "Show buffers in addition to parameters."),
    Option(
        "extra-repr",
        "",
        values.flag,
        "Show each module's extra_repr(), as print(model) does, such as the p of a dropout or the stride of a "
        "convolution.",
    ),
    Option("map", "", values.flag, "Draw a map below the tree that shows where the parameters are."),
    Option(
        "name",
        "a letter, then letters, digits and . : _ -",
        values.identifier,
        "Name of the tree on the page: its anchor, and the target of references.",
    ),
    Option("caption", "text", values.single_line, "Caption below the tree."),
    Option(
        "alt",
        "text",
        values.single_line,
        "Accessible name for screen readers. The default is the caption, or the type of the model.",
    ),
    Option(
        "open",
        "an integer, 0 or greater",
        values.integer(0),
        "Number of levels that are expanded when the page loads. By default, a short tree is fully expanded, and a "
        "long tree up to two levels.",
    ),
    Option(
        "device",
        "auto, meta or cpu",
        values.choice("auto", "meta", "cpu"),
        "Device on which the factory runs. `meta` uses no memory for weights. `auto` is `meta`, and if that fails, "
        "the CPU with up to half of the machine's memory.",
    ),
    Option("class", "CSS class names", values.css_classes, "CSS classes for the outermost element.", field="classes"),
    Option("search", "", values.flag, "Include the text of the tree in the search index of the site."),
    Option(
        "highlight",
        "suffixes of module paths, such as attention.output.dense, or [r] followed by a regular expression",
        address.parse_patterns,
        "Highlight the modules that match a pattern. They are unfolded, and shown below `depth`, if necessary. "
        "Separate several patterns with spaces.",
    ),
    Option("whole-names", "", values.flag, "Don't shorten long names."),
    Option(
        "common",
        "auto, the name of a mapping (bert, gpt2, llama, …), or the path of your own .toml file",
        values.mapping,
        "Rename modules to common names for all architectures: embeddings, encoder.block, attn.q, ff.w1.",
    ),
    Option(
        "base",
        "a factory reference, a name from pyproject.toml, or snapshot:NAME",
        values.single_line,
        "Compare with this model. The tree shows what was added, removed and changed, and folds unchanged modules.",
    ),
    Option("only-changes", "", values.flag, "In a comparison, leave out unchanged modules."),
    Option(
        "inputs",
        "tensors, such as input_ids: int64[1, 128]; float32[1, 3], or a reference to a function that returns the "
        "inputs",
        inputs.checked_inputs,
        "Run one forward pass with these inputs, and show the output shapes and multiply-accumulates (MACs) of each "
        "module.",
    ),
    Option(
        "order",
        "definition or execution",
        values.choice("definition", "execution"),
        "Order of the child modules of a module: as defined, or in the order of their first calls with `inputs`.",
    ),
    Option(
        "optimizer",
        "",
        values.flag,
        "Show the parameter groups of the optimizer that the factory returns with the model, and likely mistakes.",
    ),
    Option(
        "accept",
        f"one or more of {', '.join(get_args(FindingKind))}",
        values.word_list(*get_args(FindingKind)),
        "Findings about the optimizer that are intended. The page shows them, but the build doesn't warn.",
    ),
    Option(
        "fold",
        "equal, similar or auto",
        values.choice("equal", "similar", "auto"),
        "Which sibling modules share a row. `equal`: those that are equal in all that is shown. `similar`: also blocks "
        "that differ in sizes only, with ranges of sizes. `auto`: `similar` if the whole model has more than 60 rows "
        "under `equal`, else `equal`. The default is `auto`.",
    ),
    Option(
        "flow",
        "auto, only, or an integer, 1 or greater",
        values.figure_level,
        "Draw the architecture figure above the tree: what feeds what in one forward pass, with `inputs` or default "
        "inputs. `auto` is the deepest level with at most 24 boxes (36 with frames), an integer is a level, and `only` "
        "is `auto` without the tree.",
    ),
    Option(
        "flow-open",
        "suffixes of module paths, as for `highlight`",
        address.parse_patterns,
        "In the figure, open these modules at every level.",
    ),
    Option(
        "flow-closed",
        "suffixes of module paths, as for `highlight`",
        address.parse_patterns,
        "In the figure, draw these modules as one box at every level.",
    ),
    Option(
        "flow-ops",
        "joins, all or none",
        values.choice("joins", "all", "none"),
        "Which operations between modules the figure shows. `joins`: those that combine the values of several boxes, "
        "or use a parameter. The default is `joins`.",
    ),
    Option(
        "columns",
        f"one or more of {', '.join(get_args(ColumnName))}",
        values.word_list(*get_args(ColumnName)),
        "Columns next to the tree: the shapes of the inputs and outputs of each module and its MACs, which require "
        "`inputs`, the size of its parameters in bytes, and its share of all parameters.",
    ),
    Option("only-common", "", values.flag, "With `common`, leave out modules that have no common name."),
)


BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}

FIGURE_FIELDS: tuple[str, ...] = ("flow_open", "flow_closed", "flow_ops")
"""Fields of `Options` that have no effect without `flow`."""
