"""What every renderer draws: rows and the page that holds them. They hold facts, never markup."""

from __future__ import annotations

import msgspec

from bmvis.errors import BmvisError
from bmvis.model.call_summary import CallSummary
from bmvis.model.labels import label
from bmvis.model.totals import Totals
from bmvis.model.tree import Buffer, Module, Parameter
from bmvis.options import Options
from bmvis.view.param_groups import ParamGroupTable


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the drawn tree, in preorder."""

    depth: int
    label: str
    """What stands for the name: `layer`, `0-11`, the root's name; shortened where it is wider than a line."""
    names: tuple[str, ...]
    """Every sibling the row stands for, in the model's order."""
    path: str
    """Dotted path of the first one; '' for the root."""
    paths: tuple[str, ...] = ()
    """Dotted path of each module that the row stands for, below the first of the modules above."""
    totals: Totals
    """Of one of them."""
    times: int = 1
    """How many modules of the model it stands for: its repeats times those above it."""
    elements: int = 0
    """Of the parameters of all these modules, each tensor counted once."""
    first: int = 0
    """Those of them that are met there for the first time in the model: what rows beside each other add up to."""
    dtypes: tuple[str, ...] = ()
    """Data types of the parameters in and below it, in the page's order."""
    devices: tuple[str, ...] = ()
    """Where they are, in the page's order; the meta device is no place."""
    module: Module | None
    """None for a line that shows one parameter (`expand-params`)."""
    parameters: tuple[Parameter, ...] = ()
    buffers: tuple[Buffer, ...] = ()
    hidden: int = 0
    """Modules below that the depth limit leaves out."""
    left_out: int = 0
    """Modules below that are not to be shown."""
    left_out_as: str = "not common"
    """Why: they have no name in the common structure, or did not change."""
    is_unchanged: bool = False
    """In a comparison, whether the module and all below it are as they were."""
    extra_repr: str = ""
    """What every module that the row stands for says of itself; '' where they differ, or none was asked for."""
    differs: str = ""
    """How the row differs from the same one of a sibling block: `differs from layer.0-5, where bias is frozen`."""
    call_summary: CallSummary | None = None
    """What flows through the modules that the row stands for; None where nothing was run, or seen of them."""
    is_match: bool = False
    """Whether the option `highlight` names the modules that the row stands for."""

    @property
    def type(self) -> str:
        """Return the class's name behind the row's own: `(Linear)`; '' for the root, and where it is not known."""
        return f"({self.module.type})" if self.module and self.depth and self.module.type else ""

    @property
    def counted(self) -> str:
        """Return what its numbers count; see `Page.counted`."""
        return "elements" if self.module and self.depth and not self.module.type else "parameters"

    @property
    def repeats(self) -> int:
        """Return how many siblings the row stands for."""
        return len(self.names)

    @property
    def names_text(self) -> str:
        """Return all names, for where the label leaves any out; '' where it does not."""
        is_whole = self.label == label(self.names) and "..." not in self.label
        return "" if is_whole or not (self.depth and self.module) else ", ".join(self.names)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A tree ready to draw: its rows, its sums, and the options they follow."""

    rows: tuple[Row, ...]
    totals: Totals
    type: str
    """Class of the root."""
    dtypes: tuple[str, ...]
    """Data types of the parameters, or how they are quantised; the one with most elements first."""
    devices: tuple[str, ...]
    """Where the parameters are, most elements first; the meta device is no place."""
    ties: tuple[tuple[str, str], ...]
    """State-dict keys of the later places of one tensor, those alike as one (`layers.1-11.bias`), and of the first."""
    is_checkpoint: bool
    """Whether nothing is known but names, shapes and data types."""
    uninitialized: int
    """Lazy parameters, whose elements no total can count."""
    options: Options
    matches: int = 0
    """Modules that the option `highlight` names."""
    before: Totals | None = None
    """In a comparison, the sums of the model that this one is compared with."""
    is_before_checkpoint: bool = False
    """Whether of that model nothing is known but names, shapes and data types."""
    call_summary: CallSummary | None = None
    """What flows through the model, where it was run."""
    param_groups: ParamGroupTable | None = None
    """What the optimizers that came with the model do, where they were asked for."""
    notes: tuple[str, ...] = ()
    warnings: tuple[BmvisError, ...] = ()
    """What the author of the page must know, though the tree is drawn: a host warns of each, with its place."""

    @property
    def counted(self) -> str:
        """Return what its numbers count: a checkpoint does not tell parameters from buffers."""
        return "elements" if self.is_checkpoint else "parameters"

    @property
    def dtype(self) -> str:
        """Return the data type that goes without saying: that of most elements."""
        return self.dtypes[0] if self.dtypes else ""
