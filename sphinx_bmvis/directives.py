"""The directives that draw one model each. They record the request, and the model is built later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import OptionSpec

from bmvis.errors import BmvisError, OptionError
from bmvis.options.option_hints import refuse_references
from bmvis.options.parsing import COMPARED, parse_options, resolve_mapping_file, take_comparison, take_optimizer
from bmvis.reference import short_name
from sphinx_bmvis.anchors import give_name
from sphinx_bmvis.captions import parse_caption
from sphinx_bmvis.domain import domain_of, records_of
from sphinx_bmvis.errors import warn
from sphinx_bmvis.nodes import captioned_structure, model_structure
from sphinx_bmvis.settings import conf_folder, site_options


class AnyOption(dict[str, Callable[[str], Any]]):
    """An `option_spec` that accepts any name, so that bmvis reports unknown options itself."""

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, name: str) -> Callable[[str], Any]:
        return lambda text: text or ""


class ModelStructure(SphinxDirective):
    """Draw the model that a factory reference names: `.. model-structure:: package.module:factory(layers=2)`."""

    optional_arguments = 1  # optional, so that bmvis reports a missing reference itself
    final_argument_whitespace = True
    option_spec: ClassVar[OptionSpec] = AnyOption()

    def run(self) -> list[nodes.Node]:
        """Return a node for the tree, with the error if an argument or option is invalid."""
        source, line = self.get_source_info()
        location = f"{source}:{line}"
        messages: list[nodes.Node] = []
        try:
            written = dict(self.options)
            reference = self.take_reference(written)
            stem = short_name(reference)
            options = resolve_mapping_file(
                parse_options(written, site_options(self.config)), domain_of(self.env).folder
            )
            if options.mapping_file:
                self.env.note_dependency(options.mapping_file)
                records_of(self.env).note_read(self.env.docname, options.mapping_file)
        except BmvisError as error:
            warn(error, location)
            node, stem = model_structure(location=location, error=error, name=self._written_name()), "error"
        else:
            made = captioned_structure if options.caption else model_structure
            node = made(location=location, reference=reference, options=options)
            if options.caption:
                caption, messages = parse_caption(self, options.caption, nodes.caption)
                node["options"] = msgspec.structs.replace(options, caption=caption.astext())
                node += caption
        for part in (node, *node.children):
            part.source, part.line = source, line
        self._give_anchor(node, stem)
        return [node, *messages]

    def take_reference(self, written: dict[str, str | None]) -> str:
        """Return the factory reference."""
        refuse_references(written, (), "write the reference after the name of the directive")
        return " ".join("".join(self.arguments).splitlines()).strip()

    def _give_anchor(self, node: model_structure, stem: str) -> None:
        """Set the id of the node: its name, or an id from the names of the page and the factory."""
        document = self.state.document
        name = node["options"].name if "options" in node else node["name"]
        if name and not isinstance(document.ids.get(name), model_structure):
            give_name(document, node, name)
            return
        anchor = nodes.make_id(f"model-{self.env.docname}-{stem}")
        earlier = self.env.new_serialno(anchor)
        node["ids"].append(f"{anchor}-{earlier + 1}" if earlier else anchor)
        document.set_id(node)

    def _written_name(self) -> str:
        """Return the name of a tree with an invalid option, so that references lead to its error box."""
        try:
            return parse_options({"name": self.options["name"]}).name
        except (KeyError, OptionError):
            return ""


class ModelCompare(ModelStructure):
    """Draw the differences between two models, which the options `before` and `after` name."""

    def take_reference(self, written: dict[str, str | None]) -> str:
        """Return the reference of the second model. The first one becomes the option `base`."""
        if self.arguments:
            found = " ".join(self.arguments[0].split())
            raise OptionError(f"the comparison has an argument: {found!r}", hint="set the options before and after")
        refuse_references(written, COMPARED, "")
        return take_comparison(written)


class ModelOptimizer(ModelStructure):
    """Draw the parameter groups of the optimizer that a factory returns with its model, as a table and in the tree."""

    def take_reference(self, written: dict[str, str | None]) -> str:
        """Return the factory reference."""
        take_optimizer(written)
        return super().take_reference(written)


def setup(app: Sphinx) -> None:
    """Register the directives."""
    app.connect("builder-inited", _note_folder)
    app.add_directive("model-structure", ModelStructure)
    app.add_directive("model-compare", ModelCompare)
    app.add_directive("model-optimizer", ModelOptimizer)


def _note_folder(app: Sphinx) -> None:
    domain_of(app.env).folder = conf_folder(app)
