"""Put the stylesheet and the script beside the pages, and the LaTeX package beside the book."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from sphinx.application import Sphinx

PACKAGE = Path(str(files("bmvis")))
STATIC = PACKAGE / "static"
LATEX_PACKAGE = PACKAGE / "render" / "bmvis.sty"


def setup(app: Sphinx) -> None:
    """Hook in where the builder is known."""
    app.add_latex_package(LATEX_PACKAGE.stem)
    app.connect("builder-inited", link_assets)


def link_assets(app: Sphinx) -> None:
    """Link what the builder's format takes. A site's own file of the same name wins."""
    if app.builder.format == "latex":
        app.config.latex_additional_files = [*app.config.latex_additional_files, str(LATEX_PACKAGE)]
    if app.builder.format != "html":
        return
    app.config.html_static_path = [str(STATIC), *app.config.html_static_path]
    for sheet in sorted(STATIC.glob("*.css")):
        app.add_css_file(sheet.name)
    if app.builder.name != "epub":  # readers of e-books run no scripts
        for script in sorted(STATIC.glob("*.js")):
            app.add_js_file(script.name, loading_method="defer")
