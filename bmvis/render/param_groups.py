"""Draw the parameter groups of a model's optimizers as an HTML table, or as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from bmvis import humanize
from bmvis.lazy_regex import lazy_regex
from bmvis.model.totals import Totals
from bmvis.render.html.markup import Markup, tag
from bmvis.view.param_groups import GroupRow, ParamGroupTable

_SMALL = lazy_regex(r"(\d[\d.]*e-\d+)")


def to_table(groups: ParamGroupTable, whole: Totals) -> Markup:
    """Return the parameter groups as a table, with the optimizers above and the findings below.

    Args:
        groups: the groups to draw.
        whole: the totals of the model.
    """
    head, *rows = table_cells(groups, whole)
    numeric = [None if kind == "text" else "bmvis-number" for kind in kinds(groups)]
    titles = [tag("th", cell, scope="col", class_=kind) for cell, kind in zip(head, numeric, strict=True)]
    body = []
    for row in rows:
        facts = [tag("td", cell, class_=kind) for cell, kind in zip(row, numeric, strict=True)]
        body.append(tag("tr", tag("th", row[0], scope="row"), *facts[1:]))
    table = tag("table", tag("thead", tag("tr", *titles)), tag("tbody", *body))
    findings = [
        tag("li", f"{finding.text}: " if finding.places else finding.text, _places(finding.places))
        for finding in groups.findings
    ]
    return tag(
        "div",
        *(tag("p", tag("b", kind), *_numbers_in_one_line(rest)) for kind, rest in map(_split, groups.heads)),
        tag("div", table, role="region", aria_label="Parameter groups", tabindex=0),
        tag("ul", *findings, class_="bmvis-findings") if findings else None,
        class_="bmvis-training",
    )


def param_group_lines(groups: ParamGroupTable, whole: Totals) -> Iterator[str]:
    """Yield the same content as lines of text, with aligned columns."""
    yield from groups.heads
    table = table_cells(groups, whole)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    aligned = kinds(groups)
    for row in table:
        columns = zip(row, widths, aligned, strict=True)
        yield "  ".join(f"{cell:{'<' if kind == 'text' else '>'}{width}}" for cell, width, kind in columns).rstrip()
    for finding in groups.findings:
        yield f"! {finding}"


def table_cells(groups: ParamGroupTable, whole: Totals) -> list[tuple[str, ...]]:
    """Return the texts of the table cells. The first row is the header."""
    several = groups.has_several_optimizers
    optimizer = ("optimizer",) if several else ()
    head = ("group", *optimizer, "tensors", "parameters", "share", "trainable", *groups.columns)
    return [head, *(_row(group, whole, several) for group in groups.groups)]


def kinds(groups: ParamGroupTable) -> list[Literal["text", "number"]]:
    """Return for each column whether it contains text, or numbers to align at the right."""
    first: list[Literal["text", "number"]] = ["text"] * (1 + groups.has_several_optimizers)
    last: list[Literal["text", "number"]] = ["text"] * (1 + len(groups.columns))
    return [*first, "number", "number", "number", *last]


def _row(group: GroupRow, whole: Totals, several: bool) -> tuple[str, ...]:
    totals = group.totals
    return (
        group.label,
        *((group.optimizer,) if several else ()),
        f"{group.tensors:,}",
        humanize.count(totals.count),
        humanize.percent(totals.count, whole.count),
        _trainable(totals),
        *(setting or "–" for setting in group.settings),
    )


def _trainable(totals: Totals) -> str:
    if not totals.count:
        return "–"
    return "all" if totals.trainable == totals.count else humanize.percent(totals.trainable, totals.count)


def _split(head: str) -> tuple[str, str]:
    kind, colon, rest = head.partition(":")
    return kind, f" {rest.strip()}" if colon else ""


def _numbers_in_one_line(text: str) -> Iterator[str]:
    """Yield text with `1e-08` as elements, because a browser can end a line at the hyphen."""
    for index, part in enumerate(_SMALL.split(text)):
        yield tag("span", part) if index % 2 else part


def _places(places: Sequence[str]) -> Markup | None:
    return tag("code", ", ".join(places)) if places else None
