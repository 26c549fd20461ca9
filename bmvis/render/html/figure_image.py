"""Write an architecture figure as an SVG image with its own colors, for READMEs, slides and papers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from bmvis.render.html.drawing import PLAIN_RECTANGLE, plain_svg, shapes_of
from bmvis.render.html.markup import Markup, svg, tag
from bmvis.view.figure.figure import Figure
from bmvis.view.figure.layout.drawing import FigureDrawing

Scheme = Literal["auto", "light", "dark"]


class _Colors(NamedTuple):
    """The colors of one mode: those of static/style/theme.css."""

    text: str
    ground: str
    muted: str
    added: str
    removed: str


COLORS: Mapping[str, _Colors] = {
    "light": _Colors("#24292f", "#ffffff", "#5b636e", "#7325b8", "#a8141f"),
    "dark": _Colors("#e6e6e6", "#16181d", "#b0b8c3", "#dab0ff", "#ffa198"),
}
"""The colors of each mode."""
HUES: Mapping[str, tuple[str, int]] = {
    "module": ("#7b8794", 14),
    "embedding": ("#e0457b", 14),
    "norm": ("#d9b400", 24),
    "attention": ("#f08a24", 22),
    "pool": ("#7c5cd6", 14),
    "recurrent": ("#b0672a", 14),
    "convolution": ("#2f80d8", 17),
    "linear": ("#12957a", 18),
    "activation": ("#68b030", 18),
}
"""The color of each kind of module and its share of the fill in percent: those of static/style/figure.css."""
_SHAPES = """
text { font: 10.5px system-ui, sans-serif; text-anchor: middle; white-space: pre; }
.bmvis-shapes text { font-size: 10px; text-anchor: start; }
.bmvis-frames text { text-anchor: start; }
:is([data-n], .bmvis-frames > *) > text:first-of-type, .bmvis-frames .bmvis-badge { font-size: 12px; font-weight: 700; }
.bmvis-frames .bmvis-badge { text-anchor: end; }
.bmvis-end > text:first-of-type { font-style: italic; font-weight: 400; }
.bmvis-join > text:first-of-type { font-size: 11px; font-weight: 400; }
.bmvis-symbol > text:first-of-type { font-size: 15px; }
path { fill: none; stroke-width: 1.4; }
path + path { stroke: none; }
.bmvis-added path:first-child { stroke-width: 2.6; }
.bmvis-removed path:first-child { stroke-dasharray: 5 3; }
"""


def to_image(figure: Figure, drawing: FigureDrawing, title: str, scheme: Scheme = "auto") -> str:
    """Return the figure as an SVG image.

    Args:
        figure: the boxes and edges.
        drawing: where they are.
        title: the title of the image.
        scheme: for which mode its colors are; `auto` adapts to the one of the reader's system.
    """
    rules = [_SHAPES, *_rules(COLORS["dark" if scheme == "dark" else "light"])]
    if scheme == "auto":
        rules += ["@media (prefers-color-scheme: dark) {", *_rules(COLORS["dark"]), "}"]
    if scheme != "light":  # a browser that opens the image alone has a dark page, too
        rules.append(f"svg {{ color-scheme: {'dark' if scheme == 'dark' else 'light dark'}; }}")
    style = tag("style", Markup("\n".join(rules)))
    return svg(
        tag("title", title),
        style,
        Markup(shapes_of(figure, drawing).replace(PLAIN_RECTANGLE, "")),  # the style has the colors
        xmlns="http://www.w3.org/2000/svg",
        **plain_svg(drawing),
        role="img",
    )


def _rules(colors: _Colors) -> Iterator[str]:
    line = _mixed(colors.text, colors.ground, 72)
    yield f"text {{ fill: {colors.muted}; }}"
    yield (
        f":is([data-n], .bmvis-frames > *) > text:first-of-type, .bmvis-frames .bmvis-badge {{ fill: {colors.text}; }}"
    )
    for which, color in (("", line), (".bmvis-added ", colors.added), (".bmvis-removed ", colors.removed)):
        yield f"{which}path {{ stroke: {color}; }} {which}path + path {{ fill: {color}; stroke: none; }}"
    for name, (hue, share) in HUES.items():
        stroke = _mixed(hue, colors.ground, 60)
        kind = "[data-n]" if name == "module" else f".bmvis-{name}"
        yield f"{kind} rect {{ fill: {_mixed(hue, colors.ground, share)}; stroke: {stroke}; }}"
    hue = HUES["module"][0]
    yield f".bmvis-frames rect {{ fill: {_mixed(hue, colors.ground, 5)}; stroke: {_mixed(hue, colors.ground, 60)}; }}"
    yield f".bmvis-join rect {{ fill: {colors.ground}; stroke: {line}; }}"


def _mixed(color: str, ground: str, share: int) -> str:
    """Return a color with a share, in percent, of the first one."""
    pairs = zip(bytes.fromhex(color[1:]), bytes.fromhex(ground[1:]), strict=True)
    return f"#{bytes(round((one * share + other * (100 - share)) / 100) for one, other in pairs).hex()}"
