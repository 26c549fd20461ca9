"""`<model-fact>`: write a fact about a model in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bmvis.errors import BmvisError, OptionError
from bmvis.options.markup_names import FACT
from bmvis.overviews.fact_text import fact_text
from bmvis.overviews.facts import FACT_OPTIONS, FactRequest, parse_fact, unknown
from bmvis.render.html.fact import to_html_fact
from bmvis.render.html.markup import Markup
from bmvis.source.pyproject import read_project
from mkdocs_bmvis.element import Element, refuse_unknown_attributes
from mkdocs_bmvis.settings import Settings
from mkdocs_bmvis.sources import Models, request_model
from mkdocs_bmvis.watch_list import WatchList

_EXAMPLE = f'write <{FACT} model="package.module:factory" of="parameters" />'


def draw_fact(
    element: Element, models: Models, settings: Settings, sources: WatchList, report: Callable[[BmvisError], object]
) -> Markup:
    """Return the fact.

    Args:
        element: the element.
        models: where models come from.
        settings: the settings of the site.
        sources: takes what the fact depends on.
        report: reports a model that differs from its snapshot.

    Raises:
        BmvisError: the element is invalid, the model failed, or it has no such fact.
    """
    fact = read_fact(element, settings, sources)
    built = request_model(models, fact.request, settings, sources, report)
    return to_html_fact(fact_text(built.model, fact))


def read_fact(element: Element, settings: Settings, sources: WatchList) -> FactRequest:
    """Return the fact that an element requests.

    Raises:
        OptionError: the element is invalid.
    """
    if element.problem:
        raise element.problem
    written = dict(element.attributes)
    refuse_unknown_attributes(written, ["model", *FACT_OPTIONS], _EXAMPLE)
    if "model" not in written:
        raise OptionError("the attribute 'model' is missing", hint=_EXAMPLE)
    project = read_project(Path(settings.cwd))
    if project.file.is_file():
        sources.add_files(str(project.file))
    return parse_fact(written.pop("model") or "", written, project.has_name, settings.options.device)


def unknown_text(element: Element) -> str:
    """Return the text in place of a fact that is not known."""
    written = element.attributes
    of = f"{written['of']} of " if written.get("of") else ""
    return unknown(f"{of}{written.get('model') or 'a model'}")
