"""Draw a tree as HTML: nested lists of `<details>`, readable and foldable without a script.

The page's stylesheet and script are `bmvis/static/`. No inline style or script is written, every text
is escaped, and every id starts with the tree's anchor.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from bmvis import numbers
from bmvis.errors import BmvisError
from bmvis.flow import Flow
from bmvis.optimizer import groups_text
from bmvis.render.map import multiples, to_map
from bmvis.render.markup import Markup, join, tag
from bmvis.render.text import (
    calls_text,
    change_text,
    kinds_text,
    left_out_text,
    macs_text,
    matches_text,
    outputs_text,
    shape_text,
    states,
    trainable_text,
)
from bmvis.render.training import to_table
from bmvis.rows import Page, Row
from bmvis.totals import Totals
from bmvis.tree import Buffer, Change, Module, Parameter

SHORT_TREE = 60
"""Rows up to which a tree is open as a whole when the page loads."""
LONG_TREE = 300
"""Rows from which on the stylesheet tells the browser to lay out those alone that are in view."""
SHARE_STEPS = 20
"""Lengths that a row's share of the whole is drawn with; the stylesheet has a rule for each."""

_COMMON = {"virtual": "bmvis-virtual", "other": "bmvis-other"}
"""Classes of what is not of the model, or not of the common structure."""

TypeLink = Callable[[Module], Markup | None]
"""A host's link for a module's type; None where it has no page."""


def to_html(page: Page, anchor: str, *, type_link: TypeLink | None = None) -> Markup:
    """Return the tree as one HTML element.

    Args:
        page: what to draw.
        anchor: the id of the element; each row's id is `anchor.path`.
        type_link: writes the type of a row as a link; by default types are plain.
    """
    options = page.options
    caption_id = f"{anchor}-caption" if options.caption else None
    return tag(
        "div",
        to_table(page.training, page.totals) if page.training else None,
        _before(page.before, page.is_before_checkpoint) if page.before else None,
        _totals(page),
        tag(
            "ul",
            _list(page, anchor, type_link),
            class_="bmvis-tree" if len(page.rows) <= LONG_TREE else "bmvis-tree bmvis-long",
        ),
        to_map(page) if options.map else None,
        _legend(page),
        tag("p", options.caption, class_="bmvis-caption", id=caption_id) if options.caption else None,
        class_=" ".join(("bmvis", *options.classes)),
        id=anchor,
        role="figure",
        aria_labelledby=None if options.alt else caption_id,
        aria_label=options.alt or (None if caption_id else f"Structure of {page.type or 'a checkpoint'}"),
    )


def error_box(error: BmvisError, place: str = "") -> Markup:
    """Return the box that stands on the page where a tree could not be made."""
    return tag(
        "div",
        tag("p", tag("strong", "This model could not be drawn.")),
        tag("p", error.message),
        tag("p", error.hint) if error.hint else None,
        tag("pre", error.detail) if error.detail else None,
        tag("p", tag("small", place)) if place else None,
        class_="bmvis bmvis-error",
        role="note",
    )


def row_id(anchor: str, path: str) -> str:
    """Return the id of the row at `path`: what an id or a link cannot hold, such as a space, is written `~20~`."""
    if not path:
        return f"{anchor}."
    safe = re.sub(r"[^\w.\-]", lambda match: f"~{ord(match[0]):x}~", path)
    return f"{anchor}.{safe}"


def _is_removed(module: Module) -> bool:
    return module.change is not None and module.change.kind == "removed"


def _id(anchor: str, row: Row) -> str | None:
    """Return the id of a row; none for what is no module of the model, or is no more."""
    if not row.module or row.module.common == "virtual" or _is_removed(row.module):
        return None
    return row_id(anchor, row.path)


def _totals(page: Page) -> Markup:
    totals, kind = page.totals, page.type or "checkpoint"
    if not totals.count and not page.uninitialized:
        return tag("p", tag("b", kind), tag("span", "no parameters"), class_="bmvis-totals")
    facts = [_amount(totals.count, page.counted)]
    if not page.is_checkpoint:
        facts.append(_trainable(page))
    if totals.delta:
        facts.append(_amount(totals.delta, f"delta ({numbers.percent(totals.delta, totals.count)})"))
    if page.uninitialized:
        facts.append(tag("span", f"{page.uninitialized} uninitialized, not counted"))
    facts.append(tag("span", kinds_text(page.dtypes, page.devices)))
    exact = f"{totals.stored_bytes:,} bytes"
    facts.append(tag("span", numbers.size(totals.stored_bytes), role="img", title=exact))
    if page.flow:
        facts.append(tag("span", macs_text(page.flow), role="img", title=f"{page.flow.macs[0]:,} MACs in one call"))
    if page.matches:
        facts.append(tag("span", matches_text(page.matches)))
    return tag("p", tag("b", kind), *facts, class_="bmvis-totals")


def _before(totals: Totals, is_checkpoint: bool) -> Markup:
    """Return the sums of the model that this one is compared with."""
    facts = [_amount(totals.count, "elements" if is_checkpoint else "parameters")]
    if not is_checkpoint:
        facts.append(_amount(totals.trainable, "trainable"))
    if totals.delta:
        facts.append(_amount(totals.delta, "delta"))
    exact = f"{totals.stored_bytes:,} bytes"
    facts.append(tag("span", numbers.size(totals.stored_bytes), role="img", title=exact))
    return tag("p", tag("b", "before"), *facts, class_="bmvis-totals bmvis-before")


def _trainable(page: Page) -> Markup:
    totals = page.totals
    if totals.trainable in (0, totals.count):
        return tag("span", trainable_text(page))
    return _amount(totals.trainable, f"trainable ({numbers.percent(totals.trainable, totals.count)})")


def _amount(number: int, of_what: str) -> Markup:
    """Return a rounded number; the exact one is its tooltip, and what a screen reader says."""
    return tag("span", f"{numbers.count(number)} {of_what}", role="img", title=f"{number:,} {of_what}")


def _list(page: Page, anchor: str, type_link: TypeLink | None) -> Markup:
    """Return the nested items. Rows come in preorder; what a deeper row left open is closed on the way."""
    rows = page.rows
    opened = _opened(page)
    ids = _Links(anchor, rows)
    parts: list[str] = []
    depth = 0
    for index, (row, times) in enumerate(zip(rows, multiples(rows), strict=True)):
        while depth > row.depth:
            parts.append("</ul></details></li>")
            depth -= 1
        item = tag("li", id=_id(anchor, row)).removesuffix("</li>")
        line = join(*_line(row, times, ids, page.dtype, type_link), _count(row, times, page))
        if index + 1 < len(rows) and rows[index + 1].depth > row.depth:
            details = tag("details", open=index in opened).removesuffix("</details>")
            parts.append(f"{item}{details}{tag('summary', line)}<ul>")
            depth += 1
        else:
            parts.append(f"{item}{tag('div', line)}</li>")
    parts.extend(["</ul></details></li>"] * depth)
    return Markup("".join(parts))


def _count(row: Row, times: int, page: Page) -> Markup | None:
    """Return the row's number of parameters and its share of the whole: written and drawn by the stylesheet.

    The tooltip adds the bytes, and the data types and devices where the model has several.

    The element is empty, so that the row's text stays what a console prints.
    """
    count, whole = row.totals.count, page.totals.count
    if not count or not row.depth:
        return None
    kinds = [
        " + ".join(kinds) for kinds, known in ((row.dtypes, page.dtypes), (row.devices, page.devices)) if known[1:]
    ]
    stored = ", ".join([numbers.size(row.totals.stored_bytes), *kinds])
    share = min(count * times, whole)
    each = f" each, {times} times" if times > 1 else ""
    return tag(
        "data",
        value=count,
        data_c=numbers.count(count),
        data_s=max(1, round(share / whole * SHARE_STEPS)) if whole else None,
        role="img",
        title=f"{count:,} {row.counted}{each}: {numbers.percent(share, whole)}; {stored}",
    )


def _opened(page: Page) -> set[int]:
    """Return the rows that are open when the page loads: of the first levels, and on the way to a match."""
    levels = _open_levels(page)
    found: set[int] = set()
    trail: list[int] = []
    for index, row in enumerate(page.rows):
        del trail[row.depth :]
        if row.is_match:
            found.update(trail)
        if row.depth < levels:
            found.add(index)
        trail.append(index)
    return found


def _open_levels(page: Page) -> int:
    if page.options.open is not None:
        return page.options.open
    return len(page.rows) if len(page.rows) <= SHORT_TREE else 2


class _Links:
    """The id of the row that shows a module path, for links from ties and shared modules."""

    def __init__(self, anchor: str, rows: Sequence[Row]) -> None:
        self.anchor = anchor
        self.paths = {row.path for row in rows if row.module}

    def to(self, path: str) -> str | None:
        return f"#{row_id(self.anchor, path)}" if path in self.paths else None


def _line(row: Row, times: int, links: _Links, dtype: str, type_link: TypeLink | None) -> Iterator[Markup]:
    if row.label:
        yield _name(row, times)
    if row.module and row.type:
        linked = type_link(row.module) if type_link and row.module.common != "virtual" else None
        yield join(" ", linked or tag("i", row.type, class_=_COMMON.get(row.module.common)))
    came = row.module.change if row.module and row.module.change and not row.module.change.details else None
    for parameter in row.parameters:
        yield join(" ", _parameter(parameter, links, dtype, parameter.change or came))
        if parameter.change and parameter.change.details and not _is_one_change(row):
            yield _details(parameter.change)
    if _is_one_change(row) and row.parameters[0].change:
        yield _details(row.parameters[0].change)
    for buffer in row.buffers:
        yield join(" ", _buffer(buffer))
    if row.flow:
        yield from _flow(row.flow)
    if row.module and row.module.change and row.module.change.details:
        yield _details(row.module.change)
    if row.extra_repr:
        yield join(" ", tag("small", row.extra_repr))
    if row.module and row.module.shared_with is not None:
        shared = row.module.shared_with
        yield join(" ", _reference("same module as", shared or "the root", links.to(shared)))
    if row.differs:
        yield tag("span", class_="bmvis-differs", title=row.differs, role="img")
    if row.hidden:
        unchanged = ", unchanged" if row.is_unchanged else ""
        yield join(" ", tag("small", f"{row.hidden:,} module{'' if row.hidden == 1 else 's'} below{unchanged}"))
    if row.left_out:
        yield join(" ", tag("small", left_out_text(row)))


def _flow(flow: Flow) -> Iterator[Markup]:
    """Yield what a row's modules return, its cost as the tooltip, and that they are not called once each."""
    if flow.outputs:
        yield join(" ", tag("span", outputs_text(flow), class_="bmvis-flow", title=macs_text(flow)))
    if flow.calls != (1, 1):
        yield join(" ", tag("small", calls_text(flow)))


def _is_one_change(row: Row) -> bool:
    """Return whether all parameters of a row changed in the same way: then it is said once."""
    changes = {parameter.change for parameter in row.parameters}
    return len(row.parameters) > 1 and len(changes) == 1 and any(change and change.details for change in changes)


def _details(change: Change) -> Markup:
    return join(" ", tag("small", change_text(change), class_="bmvis-changed"))


def _name(row: Row, times: int) -> Markup:
    repeats = row.repeats if row.repeats > 1 else None
    kind = _kind(row.module) if row.module else None
    name = tag(
        "b",
        row.label,
        class_=" ".join(filter(None, ("bmvis-x" if repeats else None, kind))) or None,
        data_x=repeats,
        data_p=_other_paths(row),
        title=row.names_text or _origin(row),
    )
    if not row.is_match:
        return name
    return tag("mark", name, class_="bmvis-match", data_n=times if times > row.repeats else None)


def _kind(module: Module) -> str:
    """Return the classes of what a module is in a comparison, or in a common structure."""
    change = module.change
    is_whole = change is not None and change.kind != "changed"
    return " ".join(filter(None, (f"bmvis-{change.kind}" if change and is_whole else "", _COMMON.get(module.common))))


def _origin(row: Row) -> str | None:
    """Return for a renamed row where its modules stand in the model, if its label does not tell."""
    is_renamed = row.depth and row.module and row.module.origin and row.module.common != "virtual"
    return ", ".join(row.paths) if is_renamed and (row.repeats == 1 or _other_paths(row)) else None


def _other_paths(row: Row) -> str | None:
    """Return the paths of a folded row that is renamed, for the script to copy."""
    named = zip(row.paths, row.names, strict=False)
    if row.repeats == 1 or all(path == name or path.endswith(f".{name}") for path, name in named):
        return None
    return None if any(" " in path for path in row.paths) else " ".join(row.paths)


def _parameter(parameter: Parameter, links: _Links, dtype: str, change: Change | None) -> Markup:
    classes = ["bmvis-p"]
    if change and not change.details:
        classes.append(f"bmvis-{change.kind}")
    if parameter.delta:
        classes.append("bmvis-delta")
    if not parameter.trainable:
        classes.append("bmvis-frozen")
    plain = f"{parameter.name}:{shape_text(parameter.shape)}"
    written = tag(
        "span",
        plain,
        _groups(parameter),
        class_=" ".join(classes),
        data_mark=_mark(parameter, dtype),
        title=", ".join(states(parameter, dtype)) or None,
    )
    if parameter.tied_to:
        target = parameter.tied_to.rpartition(".")[0]
        return join(written, _reference("tied to", parameter.tied_to, links.to(target)))
    if parameter.tied_by:
        target = parameter.tied_by[0].rpartition(".")[0]
        return join(written, _reference("tied to", ", ".join(parameter.tied_by), links.to(target)))
    return written


def _mark(parameter: Parameter, dtype: str) -> str | None:
    """Return what the stylesheet writes behind a parameter: that its adapter is not in use, and how it is stored."""
    stored = parameter.stored_as
    is_usual = not parameter.quantization and (parameter.dtype == dtype or parameter.shape is None)
    return ", ".join(word for word in (parameter.adapter, "" if is_usual else stored) if word) or None


def _groups(parameter: Parameter) -> Markup | None:
    """Return a mark with the numbers of a parameter's groups; an empty one for one that trains and is in none."""
    said = groups_text(parameter)
    if not said:
        return None
    numbers = "+".join(map(str, parameter.groups or ())) or "–"
    classes = "bmvis-g" if parameter.groups else "bmvis-g bmvis-out"
    return join(" ", tag("small", numbers, class_=classes, role="img", aria_label=said))


def _reference(what: str, whom: str, href: str | None) -> Markup:
    """Return a small mark that names (and, where that row is shown, links) another place of the tree."""
    title = f"{what} {whom}"
    if href is None:
        return tag("span", class_="bmvis-tie", title=title, role="img")
    return tag("a", class_="bmvis-tie", href=href, title=title, aria_label=title)


def _buffer(buffer: Buffer) -> Markup:
    title = "buffer" if buffer.persistent else "buffer, not in the state dict"
    return tag("span", f"{buffer.name}:{shape_text(buffer.shape)}", class_="bmvis-p bmvis-buffer", title=title)


def _legend(page: Page) -> Markup:
    """Return the key to colours and marks, of those alone that the tree has."""
    parameters = [p for row in page.rows for p in row.parameters]
    changed = [p.change for p in parameters] + [row.module.change for row in page.rows if row.module]
    changes = {change.kind for change in changed if change}
    entries = [
        (
            "bmvis-p",
            "tensor" if page.is_checkpoint else "trainable",
            any(p.trainable and not p.delta for p in parameters),
        ),
        ("bmvis-p bmvis-frozen", "frozen", any(not p.trainable for p in parameters)),
        ("bmvis-p bmvis-delta", "delta", any(p.delta and not p.adapter for p in parameters)),
        ("bmvis-p bmvis-buffer", "buffer", any(row.buffers for row in page.rows)),
        ("bmvis-x", "repeated", any(row.repeats > 1 for row in page.rows)),
        ("bmvis-match", "match", page.matches > 0),
        ("bmvis-added", "added", "added" in changes),
        ("bmvis-removed", "removed", "removed" in changes),
        ("bmvis-changed", "changed", "changed" in changes),
        ("bmvis-virtual", "virtual level", any(row.module and row.module.common == "virtual" for row in page.rows)),
        ("bmvis-other", "not common", any(row.module and row.module.common == "other" for row in page.rows)),
        ("bmvis-differs", "differs", any(row.differs for row in page.rows)),
        ("bmvis-flow", "→ returns", any(row.flow and row.flow.outputs for row in page.rows)),
        ("bmvis-tie", "tied", any(p.tied_to or p.tied_by for p in parameters)),
    ]
    shown = [tag("b", "name")] if page.is_checkpoint else [tag("b", "name"), tag("i", "(type)")]
    if page.training:
        shown.append(tag("span", tag("small", "0", class_="bmvis-g", aria_hidden="true"), " parameter group"))
    shown += [tag("span", word, class_=classes) for classes, word, occurs in entries if occurs]
    adapters = sorted({p.adapter for p in parameters if p.delta and p.adapter})
    shown += [tag("span", "delta", class_="bmvis-p bmvis-delta", data_mark=adapter) for adapter in adapters]
    words = [join(entry, " ") for entry in shown]
    return tag("div", *words, class_="bmvis-legend", role="group", aria_label="Legend")
