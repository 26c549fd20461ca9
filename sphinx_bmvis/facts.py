"""The roles `params`, `macs`, `size` and `model-fact`: facts about models in sentences, headings, and cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any
from weakref import WeakKeyDictionary

from docutils import nodes
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxRole

from bmvis.errors import BmvisError, OptionError
from bmvis.model.tree import Model
from bmvis.overviews.fact_text import FactText, fact_text
from bmvis.overviews.facts import FactRequest, parse_words, unknown
from bmvis.source.pyproject import read_project
from sphinx_bmvis.domain import domain_of, records_of
from sphinx_bmvis.errors import warn
from sphinx_bmvis.nodes import fact_unknown, fact_value, model_fact, titles_with_facts
from sphinx_bmvis.records import Records
from sphinx_bmvis.settings import site_options


class FactRole(SphinxRole):
    """A fact about a model. Its text is written when the models are built.

    Args:
        of: the fact; '' if the text of the role has it.
    """

    def __init__(self, of: str) -> None:
        self._of = of

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return a node for the fact, with the error if the text is invalid."""
        source, line = self.get_source_info()
        node = model_fact(location=f"{source}:{line}", written=self.text)
        node.source, node.line = source, line
        try:
            is_name = read_project(domain_of(self.env).folder).has_name
            node["fact"] = parse_words(self.text, self._of, is_name, site_options(self.config).device)
        except BmvisError as error:
            warn(error, node["location"])
            node["error"] = error
        return [node], []


def fact_or_error(env: BuildEnvironment, node: model_fact) -> FactText | BmvisError:
    """Return what a node shows, when the models are built."""
    return node["error"] if "error" in node else _known(records_of(env), node["fact"])


_KNOWN: MutableMapping[Records, dict[FactRequest, tuple[bytes, FactText | BmvisError]]] = WeakKeyDictionary()
"""The facts of each build, with the model that they describe: a model has facts on many pages."""


_LEFT_OUT = OptionError("the build leaves out this branch")
"""The error of a fact whose model is not built, which no reader sees."""


def _known(records: Records, fact: FactRequest) -> FactText | BmvisError:
    kept = records.answers.kept(fact.request) or _LEFT_OUT
    if isinstance(kept, BmvisError):
        return kept
    known = _KNOWN.setdefault(records, {})
    if fact not in known or known[fact][0] is not kept:
        answer = records.answers.get(fact.request)
        assert not isinstance(answer, BmvisError), "the outcome is no error"
        known[fact] = kept, _text_or_error(answer.model, fact)
    return known[fact][1]


def _text_or_error(model: Model, fact: FactRequest) -> FactText | BmvisError:
    try:
        return fact_text(model, fact)
    except BmvisError as error:
        return error


def mark(node: model_fact) -> str:
    """Return the text in place of a fact that is not known."""
    return node["fact"].unknown if "fact" in node else unknown(node["written"])


class FillFacts(SphinxPostTransform):
    """Write the facts when a page is about to be written."""

    default_priority = 5  # before references are resolved

    def run(self, **kwargs: Any) -> None:
        """Replace all facts on the page."""
        for node in list(self.document.findall(model_fact)):
            found = fact_or_error(self.env, node)
            if isinstance(found, FactText):
                node.replace_self(fact_value("", found.text, fact=found))
                continue
            if self._is_unreported(node):
                warn(found, node["location"])
            node.replace_self(fact_unknown("", mark(node), error=str(found)))

    def _is_unreported(self, node: model_fact) -> bool:
        """Return whether nobody has reported the error of a node: its model was built."""
        return "fact" in node and isinstance(records_of(self.env).answers.kept(node["fact"].request), bytes)


def fill_titles(env: BuildEnvironment, pages: Iterable[str]) -> bool:
    """Write the facts in the titles of pages and sections, which Sphinx copies before the models are built.

    Args:
        env: the environment.
        pages: the pages that were read in this build, and those that have a fact in a title.

    Returns:
        Whether a title has another fact than in the last build.
    """
    for page in pages:
        for copies in (env.titles, env.longtitles, env.tocs):
            for node in list(copies[page].findall(model_fact)) if page in copies else ():
                node.replace_self(nodes.Text(_plain(env, node)))
        if page in records_of(env).title_facts:
            _fill_labels(env, page)
    return _note_titles(records_of(env))


def _note_titles(records: Records) -> bool:
    """Store the facts in titles, and return whether one of them has changed."""
    now = {page: tuple(_text(records, fact) for fact in facts) for page, facts in records.title_facts.items()}
    before, records.titles = records.titles, now
    return any(before.get(page, texts) != texts for page, texts in now.items())


def _fill_labels(env: BuildEnvironment, page: str) -> None:
    """Write the facts in the titles that `:ref:` shows."""
    labels: dict[str, tuple[str, str, str]] = env.get_domain("std").data["labels"]
    own = [name for name, (docname, _, _) in labels.items() if docname == page]
    titles = dict(_titles_with_facts(env, page)) if own else {}
    for name in own:
        docname, anchor, _ = labels[name]
        if anchor in titles:
            labels[name] = docname, anchor, titles[anchor]


def _titles_with_facts(env: BuildEnvironment, page: str) -> Iterator[tuple[str, str]]:
    """Yield the anchors of sections, figures and tables whose title has a fact, with the title as text."""
    titles = list(titles_with_facts(env.get_doctree(page)))
    for title in titles:
        for node in list(title.findall(model_fact)):
            node.replace_self(nodes.Text(_plain(env, node)))
        yield from ((anchor, title.astext()) for anchor in title.parent["ids"])


def _plain(env: BuildEnvironment, node: model_fact) -> str:
    return _text(records_of(env), node["fact"]) if "fact" in node else mark(node)


def _text(records: Records, fact: FactRequest) -> str:
    found = _known(records, fact)
    return found.text if isinstance(found, FactText) else fact.unknown
