"""From a model and display options to the page of rows that every renderer draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

import msgspec

from bmvis import address
from bmvis.comparison.changes import compare_models
from bmvis.errors import BmvisError, CommonStructureError, HighlightError, OptimizerError, TraceError
from bmvis.gc_pause import paused_gc
from bmvis.model.call_summary import CallSummary, by_execution, summarize_calls
from bmvis.model.dtypes import device_of, dtype_of, rank_facts
from bmvis.model.labels import label, shortened
from bmvis.model.labels import merge_paths as alike_as_one
from bmvis.model.totals import Totals, of_parameter, subtree_totals
from bmvis.model.tree import Buffer, Model, Module, Parameter, join, parameter_facts
from bmvis.options import Options
from bmvis.view.common_structure import choose_mapping, rename_modules
from bmvis.view.folding import Group, fold, represented_modules
from bmvis.view.mapping_files import read_mapping
from bmvis.view.occurrences import Occurrences, count_occurrences
from bmvis.view.page import Page, Row
from bmvis.view.param_groups import ParamGroupTable, param_group_table, without_groups
from bmvis.view.variants import Variant, find_variants


def layout(model: Model, options: Options, base: Model | None = None) -> Page:
    """Fold `model` and make the rows that `options` ask for.

    Args:
        model: what to show.
        options: how.
        base: the model to compare with.
    """
    with paused_gc():
        return _layout(model, options, base)


def _layout(model: Model, options: Options, base: Model | None) -> Page:
    model, misfits = _in_common_structure(model, options)
    before, unchanged = None, frozenset[int]()
    if base is not None:
        compared = compare_models(_in_common_structure(base, options)[0], model)
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
    trained = param_group_table(model)
    rows: list[Row] = []
    unlike = {} if base else find_variants(model, folding, totals, buffers=options.buffers)
    dtypes, devices = rank_facts(model, dtype_of), rank_facts(model, device_of)
    words, flows = _extra_reprs(model, folding.groups, options), _call_summaries(model, folding.groups)
    wholes = count_occurrences(model, folding.groups, totals)
    for group, said, flow, spread in zip(folding.groups, words, flows, wholes, strict=True):
        first = group.members[0]
        row = msgspec.structs.replace(
            _row(group, said, model, places, totals[first], options, first in unchanged),
            dtypes=dtypes.below(first),
            devices=devices.below(first),
            call_summary=flow,
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
        call_summary=summarize_calls([model.root.call]),
        param_groups=trained,
        warnings=(*misfits, *warnings, *_untraced(model), *_optimizer_warnings(trained, options)),
    )


def _in_common_structure(model: Model, options: Options) -> tuple[Model, tuple[BmvisError, ...]]:
    """Return the model as the option `common` names it, and what of the mapping does not fit."""
    if not (options.common or options.only_common) or any(module.common for module in model.modules):
        return model, ()
    try:
        is_chosen = options.common in ("", "auto")
        return rename_modules(model, choose_mapping(model) if is_chosen else read_mapping(options.common))
    except CommonStructureError as error:
        return model, (error,)


def _left_out(model: Model, unchanged: Set[int], options: Options) -> Set[int]:
    """Return the modules that are not to be shown."""
    found: set[int] = set()
    if options.only_common:
        found.update(index for index, module in enumerate(model.modules) if module.common == "other")
    if options.only_changes:
        found.update(unchanged - {0})
    return found


def _matched(model: Model, places: Sequence[str], options: Options) -> tuple[set[int], tuple[HighlightError, ...]]:
    """Return the modules that the page asks to highlight, and what is wrong with how it does."""
    matched: set[int] = set()
    warnings: list[HighlightError] = []
    for pattern in options.highlight:
        try:
            found = address.find(places, pattern)
        except HighlightError as error:
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


def _extra_reprs(model: Model, groups: Sequence[Group], options: Options) -> list[str]:
    """Return for each group what all modules that it stands for say of themselves."""
    if not options.extra_repr:
        return [""] * len(groups)
    said = [{model.modules[index].extra_repr for index in everyone} for everyone in represented_modules(model, groups)]
    return [words.pop() if len(words) == 1 else "" for words in said]


def _call_summaries(model: Model, groups: Sequence[Group]) -> list[CallSummary | None]:
    """Return for each group what flows through all modules that it stands for."""
    if not any(module.call for module in model.modules):
        return [None] * len(groups)
    return [
        summarize_calls(model.modules[index].call for index in everyone)
        for everyone in represented_modules(model, groups)
    ]


def _untraced(model: Model) -> tuple[TraceError, ...]:
    problem = model.untraced
    return (TraceError(problem.message, hint=problem.hint, detail=problem.detail),) if problem else ()


def _optimizer_warnings(trained: ParamGroupTable | None, options: Options) -> Iterator[OptimizerError]:
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


def _marked(row: Row, difference: Variant | None, is_match: bool, spread: Occurrences, options: Options) -> list[Row]:
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


def _tensor_rows(above: Row, module: Module, spread: Occurrences, options: Options) -> list[Row]:
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
