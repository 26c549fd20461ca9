"""Register directives, roles and transforms whose modules are imported when a page first needs them.

A build without changes reads and writes no page. Without the modules that draw pages, it starts in half of the time.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import OptionSpec, RoleFunction

from bmvis.options.markup_names import FACT_ROLES
from sphinx_bmvis.directives import AnyOption
from sphinx_bmvis.domain import records_of
from sphinx_bmvis.nodes import model_fact, model_gallery, model_structure, model_table, table_box

DIRECTIVES = {"model-gallery": "gallery:ModelGallery", "model-table": "tables:ModelTable"}
TRANSFORMS: tuple[tuple[str, int, type[nodes.Element]], ...] = (
    ("gallery:FillGalleries", 5, model_gallery),
    ("gallery:NumberGalleries", 6, model_gallery),
    ("gallery:PlainGalleries", 7, model_gallery),
    ("facts:FillFacts", 5, model_fact),
    ("tables:FillTables", 5, model_table),
    ("tables:AlignText", 6, table_box),
    ("tables:AlignLatex", 6, table_box),
    ("tables:SplitCells", 6, table_box),
    ("transforms:FillTrees", 5, model_structure),
    ("transforms:PlainTrees", 6, model_structure),
)
"""Each transform with its priority, and the nodes that it changes. Those of 5 run before references are resolved."""


def setup(app: Sphinx) -> None:
    """Register them all."""
    app.connect("builder-inited", write_model_pages)
    for name, target in DIRECTIVES.items():
        app.add_directive(name, _directive(target))
    for name, of in FACT_ROLES.items():
        app.add_role(name, _role(of))
    for target, priority, kind in TRANSFORMS:
        app.add_post_transform(_transform(target, priority, kind))


def write_model_pages(app: Sphinx) -> None:
    """Write the model pages of galleries and tables, before documents are read, if the sources have any."""
    if getattr(app.config, "external_toc_exclude_missing", False):
        load_object("gallery_pages:include_own_pages")(app)
    app.env.find_files(app.config, app.builder)
    records_of(app.env).pages.clear()
    if any(map(_has_list, map(app.env.doc2path, app.env.found_docs))):
        load_object("gallery_pages:write_pages")(app)


def _has_list(file: str | Path) -> bool:
    """Return whether a document has a gallery or a table, or is a model page: their first lines name the directive."""
    try:
        content = Path(file).read_bytes()
    except OSError:
        return False  # Sphinx reports it
    return any(name.encode() in content for name in DIRECTIVES)


def load_object(target: str) -> Any:
    """Return what `module:name` refers to in this package."""
    module, _, name = target.partition(":")
    return getattr(import_module(f"sphinx_bmvis.{module}"), name)


class ListDirective(SphinxDirective):
    """A directive with a model on each line."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar[OptionSpec] = AnyOption()


def _directive(target: str) -> type[SphinxDirective]:
    class LazyDirective(ListDirective):
        def run(self) -> list[nodes.Node]:
            parts = (self.name, self.arguments, self.options, self.content, self.lineno, self.content_offset)
            made: SphinxDirective = load_object(target)(*parts, self.block_text, self.state, self.state_machine)
            return list(made.run())

    return LazyDirective


def _role(of: str) -> RoleFunction:
    def role(*arguments: Any, **more: Any) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        found: tuple[list[nodes.Node], list[nodes.system_message]] = load_object("facts:FactRole")(of)(
            *arguments, **more
        )
        return found

    return role


def _transform(target: str, priority: int, kind: type[nodes.Element]) -> type[SphinxPostTransform]:
    class LazyTransform(SphinxPostTransform):
        default_priority = priority

        def apply(self, **kwargs: Any) -> None:
            if any(self.document.findall(kind)):
                load_object(target)(self.document, self.startnode).apply(**kwargs)

    return LazyTransform
