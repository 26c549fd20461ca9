"""Build the models that pages request, in one worker of the main process, after all pages are read.

Models are not built while pages are read, because a parallel build reads them in short-lived processes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.display import status_iterator

from bmvis.errors import BmvisError
from bmvis.reference import is_pattern
from bmvis.source.recorded import drift_error
from bmvis.source.source import Source
from bmvis.untrusted.log_text import one_line
from bmvis.worker.protocol import Built, ModelRequest
from sphinx_bmvis.api_pages import report
from sphinx_bmvis.domain import BmvisDomain, domain_of
from sphinx_bmvis.errors import warn
from sphinx_bmvis.facts import fill_titles
from sphinx_bmvis.gallery import expand_galleries
from sphinx_bmvis.outdated import settle
from sphinx_bmvis.settings import close_source, source_of

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> None:
    """Connect the event handler, which runs after pages are read."""
    app.connect("env-updated", answer_requests)


def answer_requests(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """Build the models of the pages that were read in this build. Return the pages with a changed model.

    Builders that write no pages, such as gettext and linkcheck, need no model: the next builder that does builds them.
    """
    domain = domain_of(env)
    if not app.builder.format:
        return []
    source = source_of(app)
    expand_galleries(env, source)
    report(domain, domain.unanswered | domain.data["no_tree"].keys())
    requests = [request for page in sorted(domain.unanswered) for request in domain.requests[page]]
    keys = list(dict.fromkeys(request.key for request in requests))
    changed: set[ModelRequest] = set()
    reports: dict[ModelRequest, _ModelReport] = {}
    if keys:
        for key in status_iterator(
            keys, "building models... ", length=len(keys), verbosity=app.verbosity, stringify_func=_name
        ):
            answer = _answer(source, key)
            reports[key] = _model_report(key, answer)
            if domain.note_answer(key, answer):
                changed.add(key)
    close_source(app)
    moved = domain.note_ids(changed)
    fill_titles(env, domain.unanswered | domain.data["titled"])
    domain.unanswered.clear()
    domain.forget_unasked()
    settle(domain)
    _log(domain, reports)
    domain.changed.update(dict.fromkeys(domain.pages_with(changed) | domain.pages_about(moved), time.time()))
    return [page for page, when in domain.changed.items() if _is_older(app.builder, page, when)]


def _is_older(builder: Builder, page: str, when: float) -> bool:
    """Return whether the output file of a page is older than its content, also after an interrupted build.

    Sphinx itself finds missing output files. Builders with one output file always write it.
    """
    if hasattr(builder, "get_outfilename"):
        file = Path(builder.get_outfilename(page))
    elif hasattr(builder, "out_suffix"):
        file = Path(builder.outdir, page + builder.out_suffix)
    else:
        return False
    return file.is_file() and file.stat().st_mtime < when


def _name(key: ModelRequest) -> str:
    return key.reference


def _answer(source: Source, key: ModelRequest) -> Built | BmvisError:
    try:
        if is_pattern(key.reference):
            source.find_all(key.reference)  # a pattern in a request means that it failed to expand: raise its error
        return source.answer(key)
    except BmvisError as error:
        return error


class _ModelReport(NamedTuple):
    """What to log about a model at each of its locations."""

    problem: BmvisError | None
    notes: tuple[str, ...] = ()


def _model_report(key: ModelRequest, answer: Built | BmvisError) -> _ModelReport:
    """Return the error of a failed model, or the difference of a model from its snapshot, and its notes."""
    if isinstance(answer, BmvisError):
        return _ModelReport(answer)
    return _ModelReport(drift_error(key.reference, answer), answer.model.notes)


def _log(domain: BmvisDomain, reports: Mapping[ModelRequest, _ModelReport]) -> None:
    for page in sorted(domain.requests):
        for request in domain.requests[page]:
            problem, notes = reports.get(request.key, _ModelReport(None))
            if problem:
                warn(problem, request.location)
            for note in notes:
                logger.info("%s: %s", request.location, one_line(note))
