"""Convert the groups of a folded model to the rows of a page."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

import msgspec

from bmvis.model.call_summary import summarize_calls
from bmvis.model.dtypes import device_of, dtype_of, rank_facts
from bmvis.model.labels import label, series_label, shortened
from bmvis.model.preorder import child_path
from bmvis.model.totals import Totals, of_parameter, subtree_totals
from bmvis.model.tree import Buffer, Model, Module, Parameter
from bmvis.options.definitions import Options
from bmvis.view.convolutions import groups_of_convolutions
from bmvis.view.extra_reprs import merge_extra_reprs
from bmvis.view.folding import Folding, Group, represented_modules
from bmvis.view.hidden import HiddenModules
from bmvis.view.occurrences import Occurrences, count_occurrences
from bmvis.view.page import Row
from bmvis.view.ranges import Variation, find_variation, of_tensor, with_ranges
from bmvis.view.ties import merged_targets
from bmvis.view.variants.blocks import find_variants
from bmvis.view.variants.differs_mark import Variant


def make_rows(
    model: Model, folding: Folding, options: Options, *, matched: Set[int], unchanged: Set[int], is_comparison: bool
) -> list[Row]:
    """Return the rows that show the groups of a folded model.

    Args:
        model: the model to show.
        folding: its groups.
        options: the display options.
        matched: the modules that the option `highlight` matches.
        unchanged: in a comparison, the modules whose whole subtree is unchanged.
        is_comparison: whether the model is merged from two models; rows then have changes instead of "differs".
    """
    totals = subtree_totals(model)
    variants = {} if is_comparison else find_variants(model, folding, totals, buffers=options.buffers)
    dtypes, devices = rank_facts(model, dtype_of), rank_facts(model, device_of)
    represented = represented_modules(model, folding.groups) if _has_facts(model, options) else []
    occurrences = count_occurrences(model, folding.groups, totals)
    hidden = HiddenModules(model, folding)
    rows: list[Row] = []
    for number, group in enumerate(folding.groups):
        first, here = group.members[0], occurrences[number]
        row = msgspec.structs.replace(
            _row(group, model, options, is_unchanged=first in unchanged, is_similar=folding.forms is not None),
            totals=totals[first],
            dtypes=dtypes.below(first),
            devices=devices.below(first),
            times=here.times,
            elements=here.elements,
            first=here.first,
            below=hidden.below(group.members) if group.hidden else (),
        )
        if variation := find_variation(group, model, folding, totals):
            row = _varied(row, variation)
        if represented:
            row = _with_facts(row, model, represented[number], options)
        if row.variation and row.variation.is_uniform:
            row = msgspec.structs.replace(row, variation=None)
        rows += _marked(row, variants.get(first), first in matched, here, options)
    return rows


def without_root(rows: Sequence[Row]) -> Sequence[Row]:
    """Return rows one level higher, without that of the whole model if it has only a name, a type and numbers."""
    root = rows[0]
    has_own = root.module and (root.module.parameters or root.module.change)
    has_marks = root.hidden or root.left_out or root.differs or root.is_match or root.extra_repr or root.buffers
    if has_own or has_marks or len(rows) == 1:
        return rows
    return [msgspec.structs.replace(row, depth=row.depth - 1) for row in rows[1:]]


def _has_ties(model: Model) -> bool:
    """Return whether the model has a module or parameter in several places."""
    return bool(model.shared) or any(p.tied_to for module in model.modules for p in module.parameters)


def _has_facts(model: Model, options: Options) -> bool:
    """Return whether rows have facts that `_with_facts` adds."""
    return (
        options.extra_repr
        or _has_ties(model)
        or any(module.call or "groups=" in module.extra_repr for module in model.modules)
    )


def _with_facts(row: Row, model: Model, represented: Sequence[int], options: Options) -> Row:
    """Return a row with the facts about all modules that it represents, also about each of similar ones."""
    targets = merged_targets(model, represented)
    row = msgspec.structs.replace(row, targets=targets, **_merged(model, represented, options))
    if row.variation is None:
        return row
    step = len(row.variation.members)
    members = tuple(
        msgspec.structs.replace(member, **_merged(model, represented[number::step], options))
        for number, member in enumerate(row.variation.members)
    )
    return msgspec.structs.replace(row, variation=msgspec.structs.replace(row.variation, members=members))


def _merged(model: Model, indices: Sequence[int], options: Options) -> dict[str, Any]:
    """Return facts about some modules, with ranges of numbers: their `extra_repr()`, their groups, and their calls."""
    modules = [model.modules[index] for index in indices]
    extra_reprs = list(dict.fromkeys(module.extra_repr for module in modules))
    return {
        "extra_repr": merge_extra_reprs(extra_reprs) if options.extra_repr else "",
        "groups": groups_of_convolutions(extra_reprs),
        "call_summary": summarize_calls(module.call for module in modules),
    }


def _row(group: Group, model: Model, options: Options, *, is_unchanged: bool, is_similar: bool) -> Row:
    paths = model.paths
    module = model.modules[group.members[0]]
    names = tuple(dict.fromkeys(model.modules[member].name for member in group.members))
    write = series_label if is_similar else label
    written = write(names) if group.depth else options.root_name
    return Row(
        depth=group.depth,
        label=written if options.whole_names else shortened(written),
        type_label=module.type if options.whole_names else shortened(module.type),
        names=names,
        path=paths[group.members[0]],
        paths=tuple(paths[member] for member in group.members),
        totals=Totals(),
        module=module,
        parameters=() if options.expand_params else _parameters(module),
        buffers=module.buffers if options.buffers and not options.expand_params else (),
        hidden=group.hidden,
        left_out=group.left_out,
        left_out_as="unchanged" if options.only_changes else "not common",
        is_unchanged=is_unchanged,
        is_checkpoint=model.is_checkpoint,
        has_output_column="output" in options.columns,
    )


def _parameters(module: Module) -> tuple[Parameter, ...]:
    """Return the parameters of a row, without their changes if the module itself was added or removed."""
    if module.change is None or module.change.details:
        return module.parameters
    return tuple(msgspec.structs.replace(p, change=None) for p in module.parameters)


def _varied(row: Row, variation: Variation) -> Row:
    """Return a row of similar modules: the totals of the smallest one, and tensors with ranges."""
    smallest = min(variation.members, key=lambda member: member.totals.count)
    return msgspec.structs.replace(
        row,
        variation=variation,
        totals=smallest.totals,
        hidden=smallest.hidden,
        parameters=with_ranges(row.parameters, [member.parameters for member in variation.members]),
        buffers=with_ranges(row.buffers, [member.buffers for member in variation.members]),
    )


def _marked(
    row: Row, difference: Variant | None, is_match: bool, occurrences: Occurrences, options: Options
) -> list[Row]:
    """Return a row with its marks, and a row for each of its tensors if `expand_params` is set."""
    own = difference.of("") if difference and options.expand_params else difference
    row = msgspec.structs.replace(row, differs=str(own or ""), is_match=is_match)
    if not (options.expand_params and row.module):
        return [row]
    lines = _tensor_rows(row, row.module, occurrences, options)
    marks = [difference.of(line.names[0]) if difference else None for line in lines]
    return [
        row,
        *(msgspec.structs.replace(line, differs=str(mark or "")) for line, mark in zip(lines, marks, strict=True)),
    ]


def _tensor_rows(above: Row, module: Module, occurrences: Occurrences, options: Options) -> list[Row]:
    """Return a row for each parameter (and buffer) of `module`."""
    tensors: list[tuple[Parameter | None, Buffer | None]] = [(p, None) for p in module.parameters]
    if options.buffers:
        tensors += [(None, b) for b in module.buffers]
    lines = [
        Row(
            depth=above.depth + 1,
            label="",
            names=((parameter or buffer).name,),  # type: ignore[union-attr]  # one of the two is not None
            path=child_path(above.path, (parameter or buffer).name),  # type: ignore[union-attr]
            totals=of_parameter(parameter) if parameter else Totals(),
            times=occurrences.times,
            elements=occurrences.of(parameter)[0] if parameter else 0,
            first=occurrences.of(parameter)[1] if parameter else 0,
            module=None,
            parameters=(parameter,) if parameter else (),
            buffers=(buffer,) if buffer else (),
        )
        for parameter, buffer in tensors
    ]
    if above.variation is None:
        return lines
    return [_varied(line, of_tensor(above.variation, number)) for number, line in enumerate(lines)]
