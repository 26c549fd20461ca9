r"""Draw a tree as LaTeX: colored, with tree lines, breaking across pages.

`bmvis.sty` defines the macros. A document needs `\usepackage{bmvis}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from bmvis.errors import NOT_DRAWN, BmvisError
from bmvis.model.totals import Totals
from bmvis.model.tree import Buffer, Parameter
from bmvis.render import row_marks, row_tensors, summary
from bmvis.render.columns import column_texts
from bmvis.render.latex_figure import to_picture
from bmvis.render.param_groups import kinds, table_cells
from bmvis.render.text import guides, mark_text
from bmvis.view.figure.targets import numbers_of_paths
from bmvis.view.page import Page, Row
from bmvis.view.param_groups import ParamGroupTable

KEPT = 2
"""Number of rows at the start of a tree after which no page ends."""
_LINES = {"├── ": r"\bmvisfork", "└── ": r"\bmvislast", "│   ": r"\bmvispass", "    ": r"\bmvisgap"}
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "#": r"\#",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_\bmvisbreak{}",
    ".": r".\bmvisbreak{}",
    ",": r",\bmvisbreak{}",
    "/": r"/\bmvisbreak{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "-": "{-}",
    "[": "{[}",
    "]": "{]}",
    "×": r"\texttimes{}",
    "…": r"\ldots{}",
    "–": r"\textendash{}",
    "→": r"$\rightarrow$",
    "≈": r"$\approx$",
    "≠": r"$\ne$",
    "−": "$-$",
}


Label = Callable[[str], str]
"""A function that returns a host's label for references, as LaTeX: for the row at a path, or for the tree if ''."""


def no_label(path: str) -> str:
    """Return no label."""
    return ""


def to_latex(page: Page, label: Label = no_label, *, unicode: bool = False, caption: str | None = None) -> str:
    """Return the tree as one LaTeX environment.

    Args:
        page: the page to draw.
        label: returns labels for references. The label of the tree follows the caption and refers to its number.
        unicode: whether the engine and its fonts support all characters (XeLaTeX, LuaLaTeX). If not, characters outside
            of Latin-1 are written as their code points, which every engine can typeset.
        caption: the caption as LaTeX. By default, it is the text in the options.
    """
    writer = _Writer(unicode, page.dtype)
    figure = to_picture(page.figure, writer.text) if page.figure else []
    lines = guides([row.depth for row in page.rows])
    caption = writer.text(page.options.caption) if caption is None else caption
    head = (_caption(caption) if caption else "") + label("")
    heads, *table_cells = _columns(page, writer)
    body = [rf"\bmvisrow{{}}{{{heads}}}"] if heads else []
    body += [
        rf"\bmvisrow{{{_guide(line)}}}{{{_row_label(row, label)}{writer.row(row)}{cell}}}"
        for line, row, cell in zip(lines, page.rows, table_cells, strict=True)
    ]
    body = [rf"{row}\bmviskeep" for row in body[:KEPT]] + body[KEPT:]
    if page.param_groups:
        body += _param_groups(page.param_groups, page.totals, writer)
    body += [rf"\bmvisnote{{{writer.text(note)}}}" for note in summary.notes(page)]
    shown = [] if page.is_figure_alone else [r"\medskip"] * bool(figure) + body
    if page.figure and page.is_figure_alone:  # all its boxes are on one page: the targets are above the figure
        head += "".join(label(f".{number}") for number in sorted(numbers_of_paths(page.figure).values()))
    return "\n".join([r"\begin{bmvistree}" + head, *figure, *shown, r"\end{bmvistree}"])


def _columns(page: Page, writer: _Writer) -> list[str]:
    """Return the heads of the columns, then the cells of each row, as boxes of the same widths."""
    texts = column_texts(page)
    if not texts.heads:
        return [""] * (len(page.rows) + 1)
    boxes = (
        "".join(rf"\bmvisboxed{{{width + 2}}}{{{writer.text(t)}}}" for t, width in zip(line, texts.widths, strict=True))
        for line in (texts.heads, *texts.lines)
    )
    return [rf"\bmviscolumns{{{line}}}" for line in boxes]


def escape(text: str, *, unicode: bool = False) -> str:
    """Return a part of a text as LaTeX."""
    return _Writer(unicode).escape(text)


def caption(drawn: str, mark: str) -> str:
    """Return a caption for content that the host draws below it.

    Args:
        drawn: the caption, as LaTeX.
        mark: the host's label, which refers to the number of the caption.
    """
    return rf"\par{{{_caption(drawn)}{mark}\par}}"


def error_box(error: BmvisError, location: str, label: Label = no_label, *, unicode: bool = False) -> str:
    """Return a box that replaces a tree that could not be drawn.

    Args:
        error: the reason.
        location: the location of the tree in the sources.
        label: see `to_latex`.
        unicode: see `to_latex`.
    """
    writer = _Writer(unicode)
    body = [
        rf"\bmviserrortitle{{{NOT_DRAWN}}}{label('')}",
        rf"\bmvisnote{{{writer.text(str(error))}}}",
        *(rf"\bmvisrow{{{'~' * _indent(line)}}}{{{writer.text(line)}}}" for line in error.detail.splitlines()),
        rf"\bmvisnote{{{writer.text(location)}}}",
    ]
    return "\n".join([r"\begin{bmviserror}", *body, r"\end{bmviserror}"])


def _caption(drawn: str) -> str:
    return rf"\bmviscaption{{{drawn}}}"


def _param_groups(groups: ParamGroupTable, whole: Totals, writer: _Writer) -> Iterator[str]:
    """Yield the hyperparameters of the optimizers, the table of their groups, and the findings."""
    yield from (rf"\bmvisnote{{{writer.text(head)}}}" for head in groups.heads)
    columns = "".join("l" if kind == "text" else "r" for kind in kinds(groups))
    head, *rows = (" & ".join(map(writer.text, row)) for row in table_cells(groups, whole))
    yield rf"\begin{{bmvisgroups}}{{{columns}}}{head}\\\hline"
    yield from (rf"{row}\\" for row in rows)
    yield r"\end{bmvisgroups}"
    yield from (rf"\bmvisnote{{{writer.text(f'! {finding}')}}}" for finding in groups.findings)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _row_label(row: Row, label: Label) -> str:
    return label(row.path) if row.module and row.path else ""


def _guide(line: str) -> str:
    return "".join(_LINES[line[start : start + 4]] for start in range(0, len(line), 4))


class _Writer:
    """Write text for one engine."""

    def __init__(self, unicode: bool, dtype: str = "") -> None:
        self.unicode = unicode
        self.dtype = dtype

    def text(self, text: str) -> str:
        """Return text with escapes for LaTeX's special characters, without spaces around it."""
        return self.escape(text.strip())

    def escape(self, text: str) -> str:
        """Return text with escapes for LaTeX's special characters."""
        return re.sub(r"[^ \w]|_|[^\x00-\x7f]", self._character, re.sub(r"\s+", " ", text))

    def _character(self, match: re.Match[str]) -> str:
        character = match[0]
        if character in _SPECIAL:
            return _SPECIAL[character]
        code = ord(character)
        if not character.isprintable() or not (self.unicode or code < 0x100):
            return rf"\bmviscode{{{code:04X}}}"
        return character

    def row(self, row: Row) -> str:
        """Return one row without its tree lines."""
        return " ".join(self._words(row))

    def _words(self, row: Row) -> Iterator[str]:
        if row.label:
            name = self.text(row.label)
            written = rf"\bmvisname{{{name}}}" if row.repeats == 1 else rf"\bmvisrepeated{{{name}}}{{{row.repeats}}}"
            if row.is_similar:
                written = rf"\bmvissimilar{{{name}}}{{{row.repeats_text}}}"
            yield rf"\bmvismatch{{{written}}}" if row.is_match else written
        if row.module and row.type:
            yield rf"\bmvistype{{{self.text(row.module.type)}}}"
        yield from map(self._parameter, row.shown_parameters)
        yield from map(self._buffer, row.buffers)
        yield from (self._mark(mark) for mark in row_marks.row_marks(row) if mark.kind != "match")

    def _mark(self, mark: row_marks.Mark) -> str:
        text = mark.text if mark.kind == "extra_repr" else mark_text(mark)
        return rf"\bmvismark{{{self.text(text)}}}"

    def _parameter(self, parameter: Parameter) -> str:
        state = "delta" if parameter.delta else "frozen" if not parameter.trainable else "trainable"
        written = rf"\bmvis{state}{{{self.text(row_tensors.tensor_text(parameter))}}}"
        marks = [rf"\bmvismark{{{self.text(word)}}}" for word in row_tensors.states(parameter, self.dtype)]
        return " ".join([written, *marks])

    def _buffer(self, buffer: Buffer) -> str:
        written = rf"\bmvisbuffer{{{self.text(row_tensors.tensor_text(buffer))}}}"
        return rf"{written} \bmvismark{{{row_tensors.buffer_state(buffer)}}}"
