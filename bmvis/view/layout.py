"""A model and its options -> the rows that every renderer draws. A row holds facts, never markup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

import msgspec

from bmvis import address
from bmvis.comparison.changes import compare
from bmvis.errors import AddressError, BmvisError, MappingError, OptimizerError, TraceError
from bmvis.gc_pause import uncollected
from bmvis.model import dtypes as kinds
from bmvis.model.call_summary import Flow, by_execution, together
from bmvis.model.totals import Totals, of_parameter, subtree_totals
from bmvis.model.tree import Buffer, Model, Module, Parameter, join, parameter_facts
from bmvis.options import Options
from bmvis.view.common_structure import choose, rename
from bmvis.view.folding import Group, fold, label, shortened, stand_ins
from bmvis.view.folding import together as alike_as_one
from bmvis.view.mapping_files import read_naming
from bmvis.view.occurrences import Spread, spreads
from bmvis.view.param_groups import Training, training, without_groups
from bmvis.view.variants import Difference, differences


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
    flow: Flow | None = None
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
    flow: Flow | None = None
    """What flows through the model, where it was run."""
    training: Training | None = None
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


def layout(model: Model, options: Options, base: Model | None = None) -> Page:
    """Fold `model` and make the rows that `options` ask for.

    Args:
        model: what to show.
        options: how.
        base: the model to compare with.
    """
    with uncollected():
        return _layout(model, options, base)


def _layout(model: Model, options: Options, base: Model | None) -> Page:
    model, misfits = _in_common_structure(model, options)
    before, unchanged = None, frozenset[int]()
    if base is not None:
        compared = compare(_in_common_structure(base, options)[0], model)
        model, before, unchanged = compared.model, compared.before, compared.unchanged
    if options.order == "execution":
        model = by_execution(model)
    if not options.optimizer:
        model = without_groups(model)
    places, totals = model.paths, subtree_totals(model)
    matched, warnings = _matched(model, places, options)
    folding = fold(
        model,
        depth=options.depth,
        non_params=options.non_params,
        buffers=options.buffers,
        marked=matched,
        closed=unchanged,
        left_out=_left_out(model, unchanged, options),
    )
    trained = training(model)
    rows: list[Row] = []
    unlike = {} if base else differences(model, folding, totals, buffers=options.buffers)
    dtypes, devices = kinds.of(model, kinds.dtype), kinds.of(model, kinds.device)
    words, flows = _said(model, folding.groups, options), _flows(model, folding.groups)
    wholes = spreads(model, folding.groups, totals)
    for group, said, flow, spread in zip(folding.groups, words, flows, wholes, strict=True):
        first = group.members[0]
        row = msgspec.structs.replace(
            _row(group, said, model, places, totals[first], options, first in unchanged),
            dtypes=dtypes.below(first),
            devices=devices.below(first),
            flow=flow,
            times=spread.times,
            elements=spread.elements,
            first=spread.first,
        )
        rows += _marked(row, unlike.get(first), first in matched, spread, options)
    told = parameter_facts(model, lambda held: [p for p in held if p.tied_to or p.shape is None])
    parameters = [(join(path, p.name), p) for path, held in zip(places, told, strict=True) for p in held]
    return Page(
        rows=tuple(rows),
        totals=totals[0],
        type=model.root.type,
        dtypes=dtypes.ranked,
        devices=devices.ranked,
        ties=tuple(_ties(model, places)),
        is_checkpoint=model.is_checkpoint,
        uninitialized=sum(p.shape is None and not p.tied_to for _, p in parameters),
        options=options,
        matches=len(matched),
        before=before,
        is_before_checkpoint=base is not None and base.is_checkpoint,
        notes=model.notes,
        flow=together([model.root.call]),
        training=trained,
        warnings=(*misfits, *warnings, *_untraced(model), *_mistrained(trained, options)),
    )


def _in_common_structure(model: Model, options: Options) -> tuple[Model, tuple[BmvisError, ...]]:
    """Return the model as the option `common` names it, and what of the mapping does not fit."""
    if not (options.common or options.only_common) or any(module.common for module in model.modules):
        return model, ()
    try:
        is_chosen = options.common in ("", "auto")
        return rename(model, choose(model) if is_chosen else read_naming(options.common))
    except MappingError as error:
        return model, (error,)


def _left_out(model: Model, unchanged: Set[int], options: Options) -> Set[int]:
    """Return the modules that are not to be shown."""
    found: set[int] = set()
    if options.only_common:
        found.update(index for index, module in enumerate(model.modules) if module.common == "other")
    if options.only_changes:
        found.update(unchanged - {0})
    return found


def _matched(model: Model, places: Sequence[str], options: Options) -> tuple[set[int], tuple[AddressError, ...]]:
    """Return the modules that the page asks to highlight, and what is wrong with how it does."""
    matched: set[int] = set()
    warnings: list[AddressError] = []
    for pattern in options.highlight:
        try:
            found = address.find(places, pattern)
        except AddressError as error:
            warnings.append(error)
            continue
        matched.update(found)
        if not found:
            warnings.append(address.missing(model, places, pattern))
    return matched, tuple(warnings)


def shown_at(model: Model, rows: Sequence[Row]) -> dict[str, str]:
    """Return for each module's path the path of the row that shows it.

    That is its own row, the row it is folded into, or else the row of the nearest module above it.
    """
    shown = {path: row.path for row in rows if row.module for path in row.paths}
    same: dict[str, str] = {"": ""}
    """By path, that of the module that is drawn for it, or would be were it shown."""
    found = {"": ""}
    for path in model.paths[1:]:
        above, _, name = path.rpartition(".")
        here = join(same[above], name)
        same[path] = shown.get(here, here)
        found[path] = shown.get(here, found[above])
    return found


def _ties(model: Model, places: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what is tied to what. Of a module that takes another's place, the row says so."""
    later: dict[str, list[str]] = {}
    for path, module in zip(places, model.modules, strict=True):
        for parameter in module.parameters if module.shared_with is None else ():
            if parameter.tied_to:
                later.setdefault(parameter.tied_to, []).append(join(path, parameter.name))
    for first, keys in later.items():
        yield from ((key, first) for key in alike_as_one(keys))


def _said(model: Model, groups: Sequence[Group], options: Options) -> list[str]:
    """Return for each group what all modules that it stands for say of themselves."""
    if not options.extra_repr:
        return [""] * len(groups)
    said = [{model.modules[index].extra_repr for index in everyone} for everyone in stand_ins(model, groups)]
    return [words.pop() if len(words) == 1 else "" for words in said]


def _flows(model: Model, groups: Sequence[Group]) -> list[Flow | None]:
    """Return for each group what flows through all modules that it stands for."""
    if not any(module.call for module in model.modules):
        return [None] * len(groups)
    return [together(model.modules[index].call for index in everyone) for everyone in stand_ins(model, groups)]


def _untraced(model: Model) -> tuple[TraceError, ...]:
    problem = model.untraced
    return (TraceError(problem.message, hint=problem.hint, detail=problem.detail),) if problem else ()


def _mistrained(trained: Training | None, options: Options) -> Iterator[OptimizerError]:
    """Yield what is wrong with the optimizer, less what the page says is meant."""
    if trained is None and options.optimizer:
        yield OptimizerError("the factory returns no optimizer", hint="let it return (model, optimizer)")
    for finding in trained.findings if trained else ():
        if finding.kind not in options.accept:
            yield OptimizerError(str(finding), hint=f"mend the factory, or say that it is meant: accept={finding.kind}")


def _row(
    group: Group, said: str, model: Model, places: Sequence[str], totals: Totals, options: Options, is_unchanged: bool
) -> Row:
    module = model.modules[group.members[0]]
    names = tuple(model.modules[member].name for member in group.members)
    written = label(names) if group.depth else options.root_name
    return Row(
        depth=group.depth,
        label=written if options.whole_names else shortened(written),
        names=names,
        path=places[group.members[0]],
        paths=tuple(places[member] for member in group.members),
        totals=totals,
        module=module,
        parameters=() if options.expand_params else _parameters(module),
        buffers=module.buffers if options.buffers and not options.expand_params else (),
        hidden=group.hidden,
        left_out=group.left_out,
        left_out_as="unchanged" if options.only_changes else "not common",
        is_unchanged=is_unchanged,
        extra_repr=said,
    )


def _parameters(module: Module) -> tuple[Parameter, ...]:
    """Return a row's parameters; that they came or went with their module, the module says."""
    if module.change is None or module.change.details:
        return module.parameters
    return tuple(msgspec.structs.replace(p, change=None) for p in module.parameters)


def _marked(row: Row, difference: Difference | None, is_match: bool, spread: Spread, options: Options) -> list[Row]:
    """Return a row with its marks, and a line for each tensor where that is asked for."""
    own = difference.of("") if difference and options.expand_params else difference
    row = msgspec.structs.replace(row, differs=str(own or ""), is_match=is_match)
    if not (options.expand_params and row.module):
        return [row]
    lines = _tensor_rows(row, row.module, spread, options)
    marks = [difference.of(line.names[0]) if difference else None for line in lines]
    return [
        row,
        *(msgspec.structs.replace(line, differs=str(mark or "")) for line, mark in zip(lines, marks, strict=True)),
    ]


def _tensor_rows(above: Row, module: Module, spread: Spread, options: Options) -> list[Row]:
    """Return a line for each parameter (and buffer) of `module`."""
    held: list[tuple[Parameter | None, Buffer | None]] = [(p, None) for p in module.parameters]
    if options.buffers:
        held += [(None, b) for b in module.buffers]
    return [
        Row(
            depth=above.depth + 1,
            label="",
            names=((parameter or buffer).name,),  # type: ignore[union-attr]  # one of the two is there
            path=join(above.path, (parameter or buffer).name),  # type: ignore[union-attr]
            totals=of_parameter(parameter) if parameter else Totals(),
            times=spread.times,
            elements=spread.of(parameter)[0] if parameter else 0,
            first=spread.of(parameter)[1] if parameter else 0,
            module=None,
            parameters=(parameter,) if parameter else (),
            buffers=(buffer,) if buffer else (),
        )
        for parameter, buffer in held
    ]
