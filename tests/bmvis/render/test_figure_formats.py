"""The architecture figure as text and as LaTeX."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from figures import EDGE_LISTS, framed
from formats import layer, net
from trees import tensor

from bmvis import render
from bmvis.options.definitions import Options
from bmvis.render.latex import to_latex
from bmvis.render.latex_figure import TALLEST
from bmvis.render.text import to_text
from bmvis.view.figure.figure import Figure
from bmvis.view.figure.layout.checked_drawing import draw
from bmvis.view.figure.layout.drawing import DrawnFigure
from bmvis.view.layout import layout
from bmvis.view.page import Page


def page(figure: Figure, *, is_drawn: bool = True) -> Page:
    plain = layout(net(layer("a", tensor("weight", 2))), Options())
    return msgspec.structs.replace(plain, figure=DrawnFigure(figure, draw(figure) if is_drawn else None))


def test_text_has_the_connections_above_the_tree() -> None:
    lines = to_text(page(framed("in:x > a; a > out:y"))).splitlines()
    assert lines[:4] == ["x -> a: [1, 8, 64]", "a -> y: [1, 8, 16]", "Traced with x: float32[1, 8].", ""]
    assert lines[4].startswith("root")


def test_text_without_marks_has_only_the_tree() -> None:
    assert to_text(page(framed("in:x > a; a > out:y")), marks=False).startswith("root")


def test_text_escapes_control_characters() -> None:
    assert "\x1b" not in to_text(page(framed("in:\x1b[2J > a; a > out:y")))


def test_latex_draws_every_box_and_line() -> None:
    latex = to_latex(page(framed("in:x > a.b; a.b > (+)a; in:x > (+)a; (+)a > out:y_1")))
    assert r"\begin{bmvisfigure}{" in latex
    assert (latex.count(r"\bmvismodule{"), latex.count(r"\bmvisjoin{"), latex.count(r"\bmvisframe{")) == (1, 1, 1)
    assert latex.count(r"\vector") == 4
    assert r"y\_\bmvisbreak{}1" in latex
    assert r"\bmvisnote{Traced with x: float32{[}1,\bmvisbreak{} 8{]}\.\bmvisbreak{}}".replace(r"\.", ".") in latex


def test_latex_lists_the_connections_of_what_is_too_tall_for_a_page() -> None:
    tall = "; ".join(f"m{number} > m{number + 1}" for number in range(TALLEST // 50))
    for shown in (page(framed(tall)), page(framed(EDGE_LISTS["bert"]), is_drawn=False)):
        latex = to_latex(shown)
        assert "bmvisfigure" not in latex
        assert r"{-}\textgreater{} " in latex


DOCUMENT = r"""\documentclass{article}\usepackage[T1]{fontenc}\usepackage{bmvis}
\begin{document}Text\par\vspace*{%s\textheight}
%s
See \ref{it}.\end{document}"""


@pytest.mark.builds
@pytest.mark.skipif(
    not (shutil.which("pdflatex") and shutil.which("pdftotext")), reason="TeX or Poppler is not installed: .ci/checkers"
)
def test_pdf_keeps_the_caption_with_its_figure_and_texts_on_their_baselines(tmp_path: Path) -> None:
    shown = page(framed("in:x > egg; egg > norm; norm > ape; ape > out:y"))
    shown = msgspec.structs.replace(shown, options=Options(caption="Network"))
    latex = to_latex(shown, lambda path: "" if path else r"\label{it}")
    shutil.copy(Path(render.__file__).with_name("bmvis.sty"), tmp_path)
    for above in range(30, 90, 12):
        tmp_path.joinpath("figure.tex").write_text(DOCUMENT % (above / 100, latex))
        for _ in range(2):
            command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "figure.tex"]
            subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        pages = pdf_words(tmp_path / "figure.pdf")
        assert [["Network" in words, "egg" in words] in ([True] * 2, [False] * 2) for words in pages] == [True] * len(
            pages
        )
        assert any(words.get("See") and words.get("1.") for words in pages)
        words = next(words for words in pages if "egg" in words)
        names, details = words["BasicBlock"], [words[name][0] for name in ("egg", "norm", "ape")]
        gaps = [detail - name for name, detail in zip(names, details, strict=True)]
        assert max(gaps) - min(gaps) < 0.2


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="TeX is not installed: .ci/checkers")
def test_pdf_has_a_tall_figure_on_the_page_of_its_chapter(tmp_path: Path) -> None:
    names = ["in:x", *(f"layer{number}" for number in range(12)), "out:y"]
    shown = page(framed("; ".join(f"{a} > {b}" for a, b in pairwise(names))))
    latex = to_latex(msgspec.structs.replace(shown, options=Options(caption="Network")))
    shutil.copy(Path(render.__file__).with_name("bmvis.sty"), tmp_path)
    document = DOCUMENT.replace("{article}", "{report}") % (0, r"\chapter{Nets}" + latex)
    tmp_path.joinpath("figure.tex").write_text(document.replace(r"See \ref{it}.", ""))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "figure.tex"]
    log = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert "Output written" in log
    assert "Overfull" not in log


def pdf_words(file: Path) -> list[dict[str, list[float]]]:
    """Return the words of each page of a PDF with their heights on the page."""
    text = subprocess.run(["pdftotext", "-bbox", file, "-"], capture_output=True, text=True, check=True).stdout
    found: list[dict[str, list[float]]] = []
    for one in text.split("<page ")[1:]:
        found.append({})
        for top, word in re.findall(r'yMin="(.*?)" .*?>(.*?)<', one):
            found[-1].setdefault(word, []).append(float(top))
    return found
