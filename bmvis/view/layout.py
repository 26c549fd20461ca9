"""Convert a model and display options to a page of rows, the input of every renderer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import Any, NamedTuple

import msgspec

from bmvis import address
from bmvis.errors import (
    BmvisError,
    CommonStructureError,
    HighlightError,
    IncompleteError,
    OptimizerError,
    OptionError,
    TraceError,
)
from bmvis.gc_pause import paused_gc
from bmvis.model.call_summary import by_execution, summarize_calls
from bmvis.model.dtypes import device_of, dtype_of, rank_facts
from bmvis.model.labels import merge_paths, split_number
from bmvis.model.preorder import child_path
from bmvis.model.totals import Totals, subtree_totals
from bmvis.model.tree import Model, parameter_facts
from bmvis.options.definitions import CALL_COLUMNS, FIGURE_FIELDS, OPTIONS, Options
from bmvis.view.chains import join_chains, join_lists
from bmvis.view.change_summary import NO_CHANGES, change_summary
from bmvis.view.common_structure import choose_mapping, rename_modules
from bmvis.view.folding import Folding, fold
from bmvis.view.mapping_files import read_mapping
from bmvis.view.page import Missing, Page, Row
from bmvis.view.param_groups import ParamGroupTable, param_group_table, without_groups
from bmvis.view.parametrized import merge_parametrizations
from bmvis.view.rows import make_rows, without_root

MANY_ROWS = 60
"""Rows of a model from which `fold=auto` lets similar modules share one."""


def layout(model: Model, options: Options, base: Model | None = None) -> Page:
    """Fold a model and return the page of its rows.

    Problems that leave the tree complete enough to draw are in `Page.warnings`.

    Args:
        model: the model to show.
        options: the display options.
        base: the model to compare with.
    """
    with paused_gc():
        uncombined = model, base
        model, base = _merged(model, options), base and _merged(base, options)
        subject = _prepare(model, options, base)
        folding = _fold(subject, model, options)
        rows = make_rows(
            subject.model,
            folding,
            options,
            matched=subject.matched,
            unchanged=subject.unchanged,
            is_comparison=subject.before is not None,
        )
        if folding.forms:
            rows = join_lists(rows)
        if options.only_changes and base is not None:
            rows = join_chains(rows, "without other changes" if subject.is_summed else "unchanged")
        page = _page(subject, without_root(rows) if options.no_root else rows, options)
        if not options.flow:
            return msgspec.structs.replace(page, warnings=(*page.warnings, *_without_figure(options)))
        from bmvis.view.figure.choice import drawn_figure  # most trees have no figure

        figure, problems = drawn_figure(uncombined[0], options, uncombined[1])
        return msgspec.structs.replace(page, figure=figure, warnings=(*page.warnings, *problems))


def _without_figure(options: Options) -> Iterator[BmvisError]:
    """Yield a warning if there are options for a figure, and no figure."""
    default = Options()
    fields = [field for field in FIGURE_FIELDS if getattr(options, field) != getattr(default, field)]
    unused = [option.name for option in OPTIONS if option.attribute in fields]
    if unused:
        verb = "has" if len(unused) == 1 else "have"
        yield OptionError(f"{' and '.join(unused)} {verb} no effect without flow", hint="add flow: auto")


def _merged(model: Model, options: Options) -> Model:
    """Return the model with one row for each parametrized module, unless the options need the modules inside."""
    is_inside = options.expand_params or any("parametrizations" in pattern for pattern in options.highlight)
    return model if is_inside else merge_parametrizations(model)


class _Subject(NamedTuple):
    """The model to draw, with the names, changes and order that the options select."""

    model: Model
    matched: Set[int]
    """The modules that the option `highlight` matches."""
    unchanged: Set[int]
    """In a comparison, the modules whose whole subtree is unchanged."""
    before: Totals | None
    """In a comparison, the totals of the base model."""
    base: Model | None
    changes: str
    """In a comparison that shows changes only, a sentence about them."""
    is_summed: bool
    """Whether a mark represents changes of the modules below it."""
    warnings: tuple[BmvisError, ...]


def _prepare(model: Model, options: Options, base: Model | None) -> _Subject:
    model, mapping_errors = _in_common_structure(model, options)
    before, unchanged, changes, is_summed = None, frozenset[int](), "", False
    if base is not None:
        from bmvis.comparison.changes import compare_models, with_common_changes

        compared = compare_models(_in_common_structure(base, options)[0], model)
        if options.only_changes:
            is_equal = len(compared.unchanged) == len(compared.model.modules)
            changes = NO_CHANGES if is_equal else change_summary(compared.model)
            own, compared = compared, with_common_changes(compared)
            is_summed = len(compared.unchanged) > len(own.unchanged)
        model, before, unchanged = compared.model, compared.before, compared.unchanged
    if options.order == "execution":
        model = by_execution(model)
    if not options.optimizer:
        model = without_groups(model)
    matched, unmatched = _matched(model, options)
    return _Subject(model, matched, unchanged, before, base, changes, is_summed, (*mapping_errors, *unmatched))


def _fold(subject: _Subject, model: Model, options: Options) -> Folding:
    """Return the groups that show a model.

    Args:
        subject: the model to draw, with the names, changes and order that the options select.
        model: the model as captured. Its number of rows decides what the option `fold: auto` does.
        options: the options.
    """
    is_common = bool(options.common or options.only_common)
    plain = without_groups(model)
    whole = fold(plain) if options.fold == "auto" and not is_common else None
    is_long = whole is not None and len(whole.groups) > MANY_ROWS
    limits: dict[str, Any] = {
        "depth": options.depth,
        "non_params": options.non_params,
        "buffers": options.buffers,
        "marked": subject.matched,
        "closed": subject.unchanged,
        "left_out": _filtered_out(subject.model, subject.unchanged, options),
        "similar": is_long or (options.fold == "similar" and not is_common),
    }
    return whole if whole and subject.model is plain and not any(limits.values()) else fold(subject.model, **limits)


def _page(subject: _Subject, rows: Sequence[Row], options: Options) -> Page:
    model, base = subject.model, subject.base
    groups = param_group_table(model)
    lazy = parameter_facts(model, lambda own: sum(p.shape is None and not p.tied_to for p in own))
    return Page(
        rows=tuple(rows),
        totals=subtree_totals(model)[0],
        type=model.root.type,
        dtypes=rank_facts(model, dtype_of).ranked,
        devices=rank_facts(model, device_of).ranked,
        ties=tuple(_ties(model)),
        is_checkpoint=model.is_checkpoint,
        uninitialized=sum(lazy),
        options=options,
        matches=len(subject.matched),
        before=subject.before,
        before_type=base.root.type if base else "",
        before_dtypes=rank_facts(base, dtype_of).ranked if base else (),
        changes=subject.changes,
        is_before_checkpoint=base is not None and base.is_checkpoint,
        active=model.active,
        recorded_with=model.versions if model.is_recorded else None,
        missing=tuple(_missing(model, options)),
        notes=model.notes,
        call_summary=summarize_calls([model.root.call]),
        param_groups=groups,
        warnings=(*subject.warnings, *_problems(model, options), *_optimizer_warnings(groups, options)),
    )


def _in_common_structure(model: Model, options: Options) -> tuple[Model, tuple[BmvisError, ...]]:
    """Return the model with the names that the option `common` selects, and an error for each mismatch."""
    if not (options.common or options.only_common) or any(module.common for module in model.modules):
        return model, ()
    try:
        is_chosen = options.common in ("", "auto")
        return rename_modules(model, choose_mapping(model) if is_chosen else read_mapping(options.common))
    except CommonStructureError as error:
        return model, (error,)


def _filtered_out(model: Model, unchanged: Set[int], options: Options) -> Set[int]:
    """Return the modules that the options filter out."""
    found: set[int] = set()
    if options.only_common:
        found.update(index for index, module in enumerate(model.modules) if module.common == "other")
    if options.only_changes:
        found.update(unchanged - {0})
    return found


def _matched(model: Model, options: Options) -> tuple[set[int], tuple[HighlightError, ...]]:
    """Return the modules that the option `highlight` matches, and an error for each pattern that fails."""
    matched: set[int] = set()
    warnings: list[HighlightError] = []
    for pattern in options.highlight:
        try:
            found = address.find(model.paths, pattern)
        except HighlightError as error:
            warnings.append(error)
            continue
        matched.update(found)
        if not found:
            warnings.append(address.missing(model, model.paths, pattern))
    return matched, tuple(warnings)


def _ties(model: Model) -> Iterator[tuple[str, str]]:
    """Yield pairs of the key of a tied parameter and the key of its first occurrence.

    Shared modules are not included: their rows show that they are shared.
    """
    later: dict[str, list[str]] = {}
    alike: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for path, module in zip(model.paths, model.modules, strict=True):
        for parameter in module.parameters if module.shared_with is None else ():
            if parameter.tied_to:
                later.setdefault(parameter.tied_to, []).append(child_path(path, parameter.name))
    for first, keys in later.items():
        pairs = [(key, first) for key in merge_paths(keys)]
        alike.setdefault(_pattern(*pairs[0]) if len(keys) == 1 else (first,), []).extend(pairs)
    for pattern, pairs in alike.items():
        if len(pattern) == 1 or len(pairs) == 1:
            yield from pairs
        else:
            yield merge_paths(key for key, _ in pairs)[0], merge_paths(first for _, first in pairs)[0]


def _pattern(key: str, first: str) -> tuple[str, ...]:
    """Return what pairs of keys have in common that differ in one number, which the two keys of a pair share."""
    (one, at), (other, place) = split_number(key), split_number(first)
    is_paired = at >= 0 and place >= 0 and key.split(".")[at] == first.split(".")[place]
    return (one, other) if is_paired else (key, first)


def _missing(model: Model, options: Options) -> Iterator[Missing]:
    """Yield what the tree lacks, for the reader of the page. The author gets `_problems` as warnings."""
    if model.incomplete:
        yield "modules"
    if model.untraced or _needs_call(model, options):
        yield "recorded call" if model.is_recorded and not model.inputs else "call"


def _needs_call(model: Model, options: Options) -> str:
    """Return the options that need a forward pass, if none was requested here or for the model; '' if none do."""
    if model.inputs or model.root.call is not None:
        return ""
    columns = ", ".join(name for name in options.columns if name in CALL_COLUMNS)
    if columns:
        return f"the columns {columns} require"
    return "the option order=execution requires" if options.order == "execution" else ""


def _problems(model: Model, options: Options) -> Iterator[BmvisError]:
    """Yield an error if modules or shapes are missing from the tree, or may be."""
    if not model.untraced and (needed := _needs_call(model, options)):
        yield TraceError(f"{needed} 'inputs'", hint="add inputs, such as float32[1, 3, 224, 224]")
    if problem := model.incomplete:
        yield IncompleteError(problem.message, hint=problem.hint, detail=problem.detail)
    if problem := model.untraced:
        yield TraceError(problem.message, hint=problem.hint, detail=problem.detail)


def _optimizer_warnings(trained: ParamGroupTable | None, options: Options) -> Iterator[OptimizerError]:
    """Yield the findings about the optimizer, without those that the option `accept` lists."""
    if trained is None and options.optimizer:
        yield OptimizerError("the factory returns no optimizer", hint="return (model, optimizer) from the factory")
    for finding in trained.findings if trained else ():
        if finding.kind not in options.accept:
            yield OptimizerError(str(finding), hint=f"fix the factory, or accept={finding.kind} if intended")
