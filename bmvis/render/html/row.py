"""Draw one row of a tree: its name, type, tensors and marks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from unicodedata import bidirectional

from bmvis.model.tree import Buffer, Change, Module, Parameter
from bmvis.render import row_marks, row_tensors
from bmvis.render.html import hidden, members
from bmvis.render.html.markup import Markup, breakable, join, tag
from bmvis.view.page import Row
from bmvis.view.param_groups import groups_text

TypeLink = Callable[[Module], Markup | None]
"""A function that returns a host's link for the type of a module; None if there is no page for it."""
PathLink = Callable[[str], str | None]
"""A function that returns the address of the row that shows a module path; None if no row does."""
_COMMON = {"virtual": "bmvis-virtual", "other": "bmvis-other"}
"""HTML classes for virtual levels and for modules without a common name."""

SHORT_NOTE = 48
"""Maximum length of a note that wide pages show in the row."""
_RIGHT_TO_LEFT = frozenset(("R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI"))
"""Bidirectional classes of right-to-left letters and of direction controls: https://www.unicode.org/reports/tr9/."""


def to_row(row: Row, link: PathLink, dtype: str, type_link: TypeLink | None) -> Iterator[Markup]:
    """Yield the elements of a row.

    Args:
        row: the row to draw.
        link: returns the addresses of other rows, for ties and shared modules.
        dtype: the data type of most elements, which is omitted.
        type_link: returns a link for the type; None for plain text.
    """
    if row.label:
        yield _name(row)
    if row.module and (kind := row.shown_type):
        linked = type_link(row.module) if type_link and row.module.common != "virtual" else None
        whole = None if row.type_label == row.module.type else row.module.type
        plain = tag("i", kind, class_=_COMMON.get(row.module.common), dir=_direction(kind), title=whole)
        yield join(" ", linked or plain)
    own_change = row.module.change if row.module and row.module.change and not row.module.change.details else None
    for number, parameter in enumerate(row.shown_parameters):
        exact = members.shapes(row, number)
        is_last = number == len(row.shown_parameters) - 1
        change = parameter.change or own_change
        yield join(" ", _parameter(parameter, link, dtype, change, exact, row.targets, is_last=is_last))
        if parameter.change and parameter.change.details and not _is_one_change(row):
            yield _details(parameter.change)
    if _is_one_change(row) and row.shown_parameters[0].change:
        yield _details(row.shown_parameters[0].change)
    for number, buffer in enumerate(row.buffers):
        yield join(" ", _buffer(buffer, members.buffer_shapes(row, number)))
    marks = {mark.kind: mark for mark in row_marks.row_marks(row)}
    for kind, draw in _MARKS.items():
        if kind in marks:
            yield from draw(marks[kind], row, link)


def _small(mark: row_marks.Mark, _row: Row, _link: PathLink) -> Iterator[Markup]:
    yield join(" ", tag("small", mark.text, dir=_direction(mark.text)))


def _hidden(mark: row_marks.Mark, row: Row, _link: PathLink) -> Iterator[Markup]:
    yield join(" ", tag("small", mark.text, data_v=members.hidden(row), data_below=hidden.modules(row)))


def _extra_repr(mark: row_marks.Mark, row: Row, _link: PathLink) -> Iterator[Markup]:
    yield join(" ", tag("small", mark.text, data_v=members.extra_reprs(row), dir=_direction(mark.text)))


def _grouped(mark: row_marks.Mark, row: Row, _link: PathLink) -> Iterator[Markup]:
    yield join(" ", tag("small", mark.text, data_v=members.groups(row)))


def _outputs(mark: row_marks.Mark, row: Row, _link: PathLink) -> Iterator[Markup]:
    exact = {"data_v": members.outputs(row), "data_t": members.macs(row)}
    yield join(" ", tag("span", mark.text, class_="bmvis-flow", title=mark.detail, **exact))


def _module_change(_mark: row_marks.Mark, row: Row, _link: PathLink) -> Iterator[Markup]:
    """Yield the details of a change. `_name` marks added and removed modules by a class."""
    if row.module and row.module.change and row.module.change.details:
        yield _details(row.module.change)


def _shared(mark: row_marks.Mark, row: Row, link: PathLink) -> Iterator[Markup]:
    path = (row.module.shared_with if row.module else None) or ""
    yield join(" ", _reference(mark.text, link(path), "shared"))


def _differs(mark: row_marks.Mark, _row: Row, _link: PathLink) -> Iterator[Markup]:
    shown = mark.text if len(mark.text) <= SHORT_NOTE else "differs"
    yield tag("span", class_="bmvis-differs", title=mark.text, data_w=shown, role="img")


def _is_class_of_name(_mark: row_marks.Mark, _row: Row, _link: PathLink) -> Iterator[Markup]:
    """Yield nothing, because `_name` draws the mark as a class."""
    yield from ()


_MARKS: Mapping[row_marks.MarkKind, Callable[[row_marks.Mark, Row, PathLink], Iterator[Markup]]] = {
    "similar": _is_class_of_name,
    "outputs": _outputs,
    "calls": _small,
    "change": _module_change,
    "extra_repr": _extra_repr,
    "grouped": _grouped,
    "tensors": _small,
    "shared": _shared,
    "differs": _differs,
    "hidden": _hidden,
    "left_out": _small,
    "not_common": _is_class_of_name,
    "match": _is_class_of_name,
}
"""The function that draws each mark, in the order of a row."""


def _is_one_change(row: Row) -> bool:
    """Return whether all parameters of a row changed in the same way, so that the change is written once."""
    changes = {parameter.change for parameter in row.shown_parameters}
    return len(row.shown_parameters) > 1 and len(changes) == 1 and any(change and change.details for change in changes)


def _details(change: Change) -> Markup:
    return join(" ", tag("small", row_tensors.change_text(change), class_="bmvis-changed"))


def _name(row: Row) -> Markup:
    repeats = row.repeats_text if row.repeats > 1 or row.is_similar else None
    folded = "bmvis-x bmvis-similar" if row.is_similar else "bmvis-x" if repeats else None
    kind = _kind(row.module) if row.module else None
    name = tag(
        "b",
        row.label,
        dir=_direction(row.label),
        class_=" ".join(filter(None, (folded, kind))) or None,
        data_x=repeats,
        data_k=members.member_names(row),
        data_g=members.signatures(row),
        data_p=_other_paths(row),
        title=row.names_text or _origin(row),
    )
    if not row.is_match:
        return name
    return tag("mark", name, class_="bmvis-match", data_n=row.times if row.times > row.repeats else None)


def _direction(words: str) -> str | None:
    """Return the value of `dir` that keeps right-to-left text and direction controls from reordering the row."""
    return "auto" if not words.isascii() and any(bidirectional(letter) in _RIGHT_TO_LEFT for letter in words) else None


def _kind(module: Module) -> str:
    """Return the HTML classes of a module in a comparison, or in a common structure."""
    change = module.change
    is_whole = change is not None and change.kind != "changed"
    return " ".join(filter(None, (f"bmvis-{change.kind}" if change and is_whole else "", _COMMON.get(module.common))))


def _origin(row: Row) -> str | None:
    """Return the paths of a renamed row in the original model, unless its label and `data-p` show them."""
    is_renamed = row.module and not row.is_root and row.module.origin and row.module.common != "virtual"
    return ", ".join(row.paths) if is_renamed and (row.repeats == 1 or _other_paths(row)) else None


def _other_paths(row: Row) -> str | None:
    """Return the paths of a folded row whose labels are not the names in the model, for the script to copy."""
    named = zip(row.paths, row.names, strict=False)
    if row.repeats == 1 or row.variation or all(path == name or path.endswith(f".{name}") for path, name in named):
        return None
    return None if any(" " in path for path in row.paths) else " ".join(row.paths)


def _parameter(
    parameter: Parameter,
    link: PathLink,
    dtype: str,
    change: Change | None,
    exact: str | None,
    targets: Mapping[str, str],
    *,
    is_last: bool,
) -> Markup:
    classes = ["bmvis-p"]
    if change and not change.details:
        classes.append(f"bmvis-{change.kind}")
    if parameter.delta:
        classes.append("bmvis-delta")
    if not parameter.trainable:
        classes.append("bmvis-frozen")
    plain = row_tensors.tensor_text(parameter)
    written = tag(
        "span",
        breakable(plain, row_tensors.COMMA_OF_NAMES),
        _groups(parameter),
        dir=_direction(plain),
        class_=" ".join(classes),
        data_mark=row_tensors.margin_text(parameter, dtype) or None,
        data_v=exact,
        data_w=_state_word(parameter) if is_last else None,
        title=", ".join(row_tensors.states(parameter, dtype)) or None,
    )
    if keys := row_tensors.tied_keys(parameter):
        text = row_tensors.tied_text([targets.get(key, key) for key in keys])
        return join(written, _reference(text, link(keys[0].rpartition(".")[0]), "tied"))
    return written


def _state_word(parameter: Parameter) -> str | None:
    """Return the state that wide pages write after the last parameter of a row, next to its mark."""
    return "delta" if parameter.delta else None if parameter.trainable else "frozen"


def _groups(parameter: Parameter) -> Markup | None:
    """Return a mark with the numbers of a parameter's groups, or `–` for a trainable parameter in no group."""
    label = groups_text(parameter)
    if not label:
        return None
    numbers = "+".join(map(str, parameter.groups or ())) or "–"
    classes = "bmvis-g" if parameter.groups else "bmvis-g bmvis-out"
    return join(" ", tag("small", numbers, class_=classes, role="img", aria_label=label))


def _reference(title: str, href: str | None, shown: str) -> Markup:
    """Return a small mark that names another row of the tree, with a link if that row is shown.

    Args:
        title: the text of the mark.
        href: the address of the other row; None if it is not shown.
        shown: the text on wide pages.
    """
    if href is None:
        return tag("span", class_="bmvis-tie", title=title, data_w=shown, role="img")
    return tag("a", class_="bmvis-tie", href=href, title=title, aria_label=title, data_w=shown)


def _buffer(buffer: Buffer, exact: str | None) -> Markup:
    return tag(
        "span",
        row_tensors.tensor_text(buffer),
        class_="bmvis-p bmvis-buffer",
        data_v=exact,
        title=row_tensors.buffer_title(buffer),
    )
