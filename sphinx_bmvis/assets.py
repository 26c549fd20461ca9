"""Add the stylesheets and scripts to HTML pages, and the LaTeX package to PDF builds."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from bmvis.render.html import assets
from sphinx_bmvis.nodes import model_gallery, table_box

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
    for sheet in map(Path, assets.stylesheets()):
        app.add_css_file(sheet.name)
    if app.builder.name != "epub":  # e-book readers do not run scripts
        for script in map(Path, assets.scripts()):
            app.add_js_file(script.name, loading_method="defer")


def link_page_assets(app: Sphinx, page: str, template: str, context: Any, doctree: nodes.document | None) -> None:
    """Link the files for galleries and tables on pages that have one."""
    for kind, (style, script) in ((model_gallery, assets.GALLERY), (table_box, assets.TABLE)):
        if doctree is not None and any(doctree.findall(kind)):
            app.add_css_file(Path(style).name)
            if app.builder.name != "epub":
                app.add_js_file(Path(script).name, loading_method="defer")
