"""The input of every renderer: rows, and the page that contains them. They contain facts, not markup."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

import msgspec

from bmvis.errors import BmvisError
from bmvis.model.call_summary import CallSummary
from bmvis.model.labels import label
from bmvis.model.totals import Totals
from bmvis.model.tree import Buffer, Module, Parameter
from bmvis.options.definitions import CALL_COLUMNS, ColumnName, Options
from bmvis.view.figure.layout.drawing import DrawnFigure
from bmvis.view.hidden import Hidden
from bmvis.view.param_groups import ParamGroupTable
from bmvis.view.ranges import Variation
from bmvis.view.tensor_series import merge_series

Missing = Literal["modules", "call", "recorded call"]
"""What a page lacks: modules that the factory may have left out, or a forward pass, live or in a snapshot."""


class Row(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One line of the drawn tree, in preorder."""

    depth: int
    label: str
    """The displayed name: `layer`, `0-11`, or the name of the root. Long labels are shortened."""
    names: tuple[str, ...]
    """The names of all siblings that the row represents, in the model's order."""
    path: str
    """Dotted path of the first sibling; '' for the root."""
    paths: tuple[str, ...] = ()
    """Dotted path of each sibling that the row represents, below the first module of the rows above."""
    totals: Totals
    """The totals of one sibling."""
    times: int = 1
    """Number of modules that the row represents: its repeats times those of the rows above it."""
    elements: int = 0
    """Number of elements in the parameters of all these modules, each tensor counted once."""
    first: int = 0
    """The part of `elements` whose first occurrence in the model is here. It adds up over the rows of a level."""
    type_label: str = ""
    """The displayed class name, if it is known. Long names are shortened in the middle."""
    is_checkpoint: bool = False
    """Whether it is a row of a checkpoint file, also of the root, whose class a configuration can name."""
    dtypes: tuple[str, ...] = ()
    """Data types of the parameters in the subtree, in the page's order."""
    devices: tuple[str, ...] = ()
    """Devices of the parameters in the subtree, in the page's order, without the meta device."""
    module: Module | None
    """The first module; None for a row of a single tensor (`expand-params`)."""
    parameters: tuple[Parameter, ...] = ()
    buffers: tuple[Buffer, ...] = ()
    hidden: int = 0
    """Number of modules below the row that the depth limit hides."""
    below: tuple[Hidden, ...] = ()
    """These modules."""
    left_out: int = 0
    """Number of modules below the row that are filtered out."""
    left_out_as: str = "not common"
    """The reason: the modules have no common name, or did not change."""
    is_unchanged: bool = False
    """In a comparison, whether the whole subtree is unchanged."""
    extra_repr: str = ""
    """The merged `extra_repr()` of all modules of the row; '' if it was not requested."""
    groups: str = ""
    """The groups of a convolution: `depthwise`, `4 groups`; '' for one group."""
    targets: Mapping[str, str] = {}
    """For what the first module is tied to, the name of what all modules of the row are: `a.layers.0-3.weight`."""
    differs: str = ""
    """How the row differs from the same one of a sibling block: `differs from layer.0-5, where bias is frozen`."""
    call_summary: CallSummary | None = None
    """Summary of the forward pass for the modules of the row; None if there is no record."""
    has_output_column: bool = False
    """Whether the page has a column with the outputs, so that the row does not repeat them."""
    variation: Variation | None = None
    """How the modules of the row differ in sizes; None if they are equal. Its parameters then have ranges."""
    is_match: bool = False
    """Whether the option `highlight` matches the modules of the row."""

    @cached_property
    def shown_parameters(self) -> tuple[Parameter, ...]:
        """The parameters to write on one line; of a module with many, series share an entry."""
        return merge_series(self.parameters, is_exact=self.variation is None)

    @property
    def is_root(self) -> bool:
        """Return whether it is the row of the whole model."""
        return self.module is not None and not self.path

    @property
    def type(self) -> str:
        """Return the class name that follows the label: `(Linear)`; '' for the root, and if it is not known."""
        return f"({self.module.type})" if self.module and not self.is_root and self.module.type else ""

    @property
    def shown_type(self) -> str:
        """Return the class name in formats with columns: that of the root too. Long names are shortened."""
        return f"({self.type_label})" if self.type_label else ""

    @property
    def counted(self) -> str:
        """Return the noun for its numbers; see `Page.counted`."""
        return "elements" if self.is_checkpoint or (self.module and not self.module.type) else "parameters"

    @property
    def shows_outputs(self) -> bool:
        """Return whether the row has a mark with its outputs."""
        return bool(self.call_summary and self.call_summary.outputs) and not self.has_output_column

    @property
    def repeats(self) -> int:
        """Return the number of siblings that the row represents."""
        return len(self.names)

    @property
    def is_similar(self) -> bool:
        """Return whether the row represents siblings that differ in sizes, or in number."""
        return self.variation is not None and self.variation.is_similar

    @property
    def counts(self) -> tuple[int, int]:
        """Return the least and greatest number of elements of the modules that the row represents."""
        return self.variation.counts if self.variation else (self.totals.count, self.totals.count)

    @property
    def repeats_text(self) -> str:
        """Return the number of siblings: `12`; `2-5` if it differs between the modules above."""
        least, most = self.variation.siblings if self.variation else (self.repeats, self.repeats)
        return str(most) if least == most else f"{least}-{most}"

    @property
    def names_text(self) -> str:
        """Return all names if the label omits any; '' otherwise."""
        is_whole = self.label == label(self.names) and "..." not in self.label
        return "" if is_whole or self.is_root or not self.module else ", ".join(self.names)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A tree that is ready to draw: its rows, its totals, and the options that apply to them."""

    rows: tuple[Row, ...]
    totals: Totals
    type: str
    """Class of the root."""
    dtypes: tuple[str, ...]
    """Data types or quantization schemes of the parameters, the one with the most elements first."""
    devices: tuple[str, ...]
    """Devices of the parameters, the one with the most elements first, without the meta device."""
    ties: tuple[tuple[str, str], ...]
    """State-dict keys of a tied parameter and of its first occurrence. Similar keys are merged: `layers.1-11.bias`."""
    is_checkpoint: bool
    """Whether only names, shapes and data types are known."""
    uninitialized: int
    """Number of lazy parameters, whose elements are not in any total."""
    options: Options
    matches: int = 0
    """Number of modules that the option `highlight` matches."""
    before: Totals | None = None
    """In a comparison, the totals of the base model."""
    before_type: str = ""
    """Class of the root of the base model."""
    before_dtypes: tuple[str, ...] = ()
    """Data types of the base model, as `dtypes`."""
    changes: str = ""
    """A sentence about the changes, with the option `only-changes`."""
    is_before_checkpoint: bool = False
    """Whether only names, shapes and data types of the base model are known."""
    call_summary: CallSummary | None = None
    """Summary of the forward pass of the model, if there was one."""
    param_groups: ParamGroupTable | None = None
    """The parameter groups of the model's optimizers, if the options show them."""
    active: int = 0
    """Number of parameters that one token uses in a mixture of experts; 0 if that is not known."""
    recorded_with: dict[str, str] | None = None
    """Of a model from a snapshot, the versions of torch and of the packages that define its classes at that time."""
    missing: tuple[Missing, ...] = ()
    """What was requested and is not known, or not complete."""
    figure: DrawnFigure | None = None
    """The architecture figure, if the options show it."""
    notes: tuple[str, ...] = ()
    warnings: tuple[BmvisError, ...] = ()
    """Problems to report to the author of the page. The host logs each of them with its location."""

    @property
    def has_root(self) -> bool:
        """Return whether the first row is that of the whole model, which the option `no-root` leaves out."""
        return self.rows[0].is_root

    @property
    def is_figure_alone(self) -> bool:
        """Return whether the architecture figure replaces the tree."""
        return self.options.flow == "only" and self.figure is not None

    @property
    def counted(self) -> str:
        """Return the noun for its numbers: a checkpoint does not distinguish parameters from buffers."""
        return "elements" if self.is_checkpoint else "parameters"

    @property
    def columns(self) -> tuple[ColumnName, ...]:
        """Return the columns that the options select, without those of a forward pass if there was none."""
        known = self.options.columns
        return known if self.call_summary else tuple(column for column in known if column not in CALL_COLUMNS)

    @property
    def dtype(self) -> str:
        """Return the default data type, which rows do not repeat: the one with the most elements."""
        return self.dtypes[0] if self.dtypes else ""
