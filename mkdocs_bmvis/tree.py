"""`<model-structure>`, `<model-compare>` and `<model-optimizer>`: draw the tree of a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bmvis.errors import OptionError
from bmvis.options.definitions import BY_NAME, Options
from bmvis.options.markup_names import COMPARE, OPTIMIZER
from bmvis.options.parsing import COMPARED, parse_options, resolve_mapping_file, take_comparison, take_optimizer
from bmvis.reference import short_name
from bmvis.render.html.markup import Markup, tag
from bmvis.source.dependencies import file_dependencies
from bmvis.worker.protocol import model_request
from mkdocs_bmvis.autorefs import targets
from mkdocs_bmvis.element import Element, refuse_unknown_attributes
from mkdocs_bmvis.html_cache import DependencyRecorder, Report
from mkdocs_bmvis.page import HostPage
from mkdocs_bmvis.settings import Settings
from mkdocs_bmvis.sources import request_model
from mkdocs_bmvis.watch_list import WatchList

if TYPE_CHECKING:
    from bmvis.render.html.row import TypeLink


class PlacedTree(msgspec.Struct, frozen=True):
    """A tree in its place on a page: all that decides its HTML apart from the model and the settings."""

    reference: str
    options: Options
    anchor: str


def place_tree(element: Element, page: HostPage, settings: Settings, sources: WatchList) -> PlacedTree:
    """Return the tree of an element, with a free id.

    Args:
        element: the element.
        page: the page that contains it.
        settings: the settings of the site.
        sources: takes what the tree depends on.

    Raises:
        OptionError: the element is broken, or an attribute is unknown or invalid.
    """
    if element.problem:
        raise element.problem
    written = dict(element.attributes)
    reference = _take_reference(element.name, written)
    options = resolve_mapping_file(parse_options(written, settings.options), Path(settings.cwd))
    if options.mapping_file:
        sources.add_files(options.mapping_file)
    return PlacedTree(reference, options, page.anchor(options.name or f"{page.unnamed}-{short_name(reference)}"))


def _take_reference(element: str, written: dict[str, str | None]) -> str:
    own = COMPARED if element == COMPARE else ("factory",)
    example = f'write <{element} {own[0]}="package.module:factory" />'
    refuse_unknown_attributes(written, [*own, *BY_NAME], example)
    if element == COMPARE:
        return take_comparison(written)
    if element == OPTIMIZER:
        take_optimizer(written)
    if "factory" not in written:
        raise OptionError("the attribute 'factory' is missing", hint=example)
    return written.pop("factory") or ""


def draw_tree(
    tree: PlacedTree,
    models: DependencyRecorder,
    settings: Settings,
    sources: WatchList,
    report: Report,
    type_link: TypeLink | None,
) -> Markup:
    """Return the HTML of a tree, and record its targets for autorefs.

    Args:
        tree: the tree.
        models: the source of models.
        settings: the settings of the site.
        sources: takes what the tree depends on.
        report: a function that is called with each problem.
        type_link: links the types of modules; None for no links.

    Raises:
        BmvisError: the model failed.
    """
    options = tree.options
    built = request_model(models, model_request(tree.reference, options), settings, sources, report)
    from bmvis.render.html.tree import to_html  # not for a model that failed
    from bmvis.view.layout import layout

    if options.mapping_file:
        models.add(file_dependencies([options.mapping_file]))
    drawn = layout(built.model, options, built.base)
    for warning in drawn.warnings:
        report(warning)
    if options.name and type_link:
        models.targets = targets(options.name, tree.anchor, built.model, drawn)
    return to_html(drawn, tree.anchor, type_link=type_link)


def kept_anchor(element: Element, page: HostPage) -> Markup | None:
    """Return the anchor of a tree that could not be drawn, so that links to it do not cause more warnings."""
    name = element.attributes.get("name") or ""
    try:
        BY_NAME["name"].read(name)
    except ValueError:
        return None
    if name in page.anchors:
        return None
    page.anchors.add(name)
    page.targets[name] = name
    return tag("span", id=name)
