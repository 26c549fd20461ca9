"""Add the stylesheets and scripts to HTML pages, and the LaTeX package to PDF builds."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from bmvis.render.html import assets

PACKAGE = Path(str(files("bmvis")))
LATEX_PACKAGE = PACKAGE / "render" / "bmvis.sty"


def setup(app: Sphinx) -> None:
    """Connect the event handlers."""
    app.add_latex_package(LATEX_PACKAGE.stem)
    app.connect("builder-inited", link_assets)
    app.connect("html-page-context", link_page_assets)


def link_assets(app: Sphinx) -> None:
    """Link the files for the format of the builder. A file of the same name in the project takes precedence."""
    if app.builder.format == "latex":
        app.config.latex_additional_files = [*app.config.latex_additional_files, str(LATEX_PACKAGE)]
    if app.builder.format != "html":
        return
    folder = assets.folder(Path(app.doctreedir, "bmvis-assets"))
    app.config.html_static_path = [str((folder / assets.SCRIPT).parent), *app.config.html_static_path]


def link_page_assets(app: Sphinx, page: str, template: str, context: Any, doctree: nodes.document | None) -> None:
    """Link the files that a page needs. Its HTML can have trees that are not nodes, such as the output of notebooks."""
    features = app.config.html_theme_options.get("features") or ()
    # Instant navigation runs no script that the first page did not have.
    body = str(context.get("body") or "")
    found = assets.linked() if "navigation.instant" in features else assets.needed(body)
    if found:
        from bmvis.render.html.notebook_output import without_assets  # a build without changes draws no tree

        context["body"] = without_assets(body)
    for file in map(Path, found):
        if file.suffix == ".css":
            app.add_css_file(file.name)
        elif app.builder.name != "epub":  # e-book readers do not run scripts
            app.add_js_file(file.name, loading_method="defer")
