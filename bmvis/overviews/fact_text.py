"""Write one fact about one model: `109.5M`, `109,482,240`, `109.5 million`, or `110 million`."""

from __future__ import annotations

import msgspec

from bmvis import humanize
from bmvis.errors import OptionError, TraceError, nearest
from bmvis.model.call_summary import summarize_calls
from bmvis.model.preorder import child_path
from bmvis.model.totals import subtree_totals
from bmvis.model.tree import Model
from bmvis.options.definitions import Options
from bmvis.overviews.columns import COLUMNS, ColumnSource, Value
from bmvis.overviews.entries import Entry
from bmvis.overviews.facts import FACTS, FactRequest, Style
from bmvis.overviews.table import MINIMUM
from bmvis.overviews.table_options import CALLED
from bmvis.view.layout import layout
from bmvis.view.targets import similar_paths


class FactText(msgspec.Struct, frozen=True):
    """A fact in words, and the number that it represents."""

    text: str
    exact: str = ""
    """The number in full, where `text` rounds it."""
    number: int | float | None = None


def fact_text(model: Model, fact: FactRequest) -> FactText:
    """Return a fact about a model.

    Raises:
        OptionError: the model has no such module or no such number, or the number isn't known.
        TraceError: the call failed that the fact describes.
        IncompleteError: the model may lack modules, so that a number can be wrong.
    """
    of, shown = fact.options.of, fact.shown.partition(" of ")[2]
    source = _source(model, fact)
    for warning in source.page.warnings:
        if of in CALLED or not isinstance(warning, TraceError):
            raise warning
    if of in CALLED and not source.inputs:
        hint = 'add inputs="float32[1, 3, 224, 224]", or set inputs in [tool.bmvis.models]'
        raise OptionError(f"{of!r} requires 'inputs'", hint=hint)
    value = COLUMNS[of].read(source)
    if not value.text or (of == "parameters" and value.is_minimum and not value.number):
        known = (name for name in FACTS if name not in (*CALLED, of))
        raise OptionError(f"{shown!r} has no value of {of!r}", hint=nearest("", known))
    return _written(value, COLUMNS[of].unit, fact.options.format)


def _source(model: Model, fact: FactRequest) -> ColumnSource:
    entry, inputs, path = Entry(fact.reference), fact.options.inputs or model.inputs, fact.options.module
    if not path:
        return ColumnSource(entry, model, layout(model, Options(depth=1)), inputs)
    index = model.index_of.get(_first_occurrence(model, path))
    if index is None:
        hint = similar_paths(path, model.paths)
        raise OptionError(f"the model {fact.reference!r} has no module {path!r}", hint=hint)
    below = model.modules[index : index + model.sizes[index]]
    base = below[0].depth
    modules = tuple(msgspec.structs.replace(module, depth=module.depth - base) for module in below)
    part = msgspec.structs.replace(model, modules=modules, active=0, optimizers=())
    calls = summarize_calls([below[0].call])
    # A tensor of the module can be tied to one outside of it, so the totals need the whole model.
    page = msgspec.structs.replace(
        layout(part, Options(depth=1)), totals=subtree_totals(model)[index], call_summary=calls
    )
    return ColumnSource(entry, part, page, inputs)


def _first_occurrence(model: Model, path: str) -> str:
    """Return the path of a module at its first occurrence: a shared module lists no children elsewhere."""
    found = ""
    for name in path.split("."):
        found = child_path(found, name)
        index = model.index_of.get(found)
        shared = None if index is None else model.modules[index].shared_with
        found = found if shared is None else shared
    return found


def _written(value: Value, unit: str, style: Style) -> FactText:
    number = value.number
    if not isinstance(number, int):
        return FactText(value.text)
    minimum = MINIMUM if value.is_minimum else ""
    text = f"{minimum}{_shown(number, unit, style)}"
    exact = f"{minimum}{value.text}"
    return FactText(text, "" if exact == text else exact, number)


def _shown(number: int, unit: str, style: Style) -> str:
    if unit == "bytes":
        exact = f"{number:,} bytes"
        return exact if style == "exact" else humanize.size(humanize.rounded(number) if style == "rounded" else number)
    if style == "rounded":
        return humanize.words(humanize.rounded(number))
    if style == "words":
        return humanize.words(number)
    return humanize.count(number) if style == "short" and unit else f"{number:,}"
