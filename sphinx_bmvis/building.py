"""Build the models that pages request, in one worker. A build without changes does not import this module."""

from __future__ import annotations

import time
from collections.abc import Container, Mapping
from typing import NamedTuple

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.display import status_iterator

from bmvis.errors import BmvisError
from bmvis.reference_patterns import is_pattern
from bmvis.source.source import Source
from bmvis.untrusted.log_text import one_line
from bmvis.worker.protocol import Built, ModelRequest
from sphinx_bmvis.domain import records_of
from sphinx_bmvis.errors import warn
from sphinx_bmvis.records import Records
from sphinx_bmvis.settings import close_source, source_of

logger = logging.getLogger(__name__)


def build_models(app: Sphinx, env: BuildEnvironment) -> set[str]:
    """Build the models of the pages that were read in this build, and those that failed before.

    Returns:
        The pages with a changed model.
    """
    records, source = records_of(env), source_of(app)
    if records.unanswered & records.galleries.keys():
        from sphinx_bmvis.model_list import expand_galleries  # it imports what reads galleries

        expand_galleries(env, source)
    requests = [request for page in sorted(records.unanswered) for request in records.requests[page]]
    keys = list(dict.fromkeys([*(request.key for request in requests), *records.failed_keys()]))
    changed: set[ModelRequest] = set()
    reports: dict[ModelRequest, _ModelReport] = {}
    if keys:
        for key in status_iterator(
            keys, "building models... ", length=len(keys), verbosity=app.verbosity, stringify_func=_name
        ):
            answer = _answer(source, key)
            reports[key] = _model_report(key, answer)
            if records.answers.note(key, answer):
                changed.add(key)
    reports.update(_kept_drift(records, known=reports))
    close_source(app)
    moved = records.note_ids(changed)
    if with_titles := records.unanswered | records.title_facts.keys():
        from sphinx_bmvis.facts import fill_titles  # it imports what draws facts

        if fill_titles(env, with_titles):
            records.retitled = time.time()
    records.unanswered.clear()
    _log(records, reports)
    return records.pages_with(changed) | records.pages_about(moved)


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
    from bmvis.source.recorded import drift_error  # a build without changes builds no model

    return _ModelReport(drift_error(key.reference, answer), answer.model.notes)


def _kept_drift(records: Records, known: Container[ModelRequest]) -> dict[ModelRequest, _ModelReport]:
    """Return the differences from snapshots that earlier builds found, which each build reports, as it does errors."""
    kept = [key for key in records.drifted if key not in known]
    return {key: _model_report(key, records.answers.get(key))._replace(notes=()) for key in kept}


def _log(records: Records, reports: Mapping[ModelRequest, _ModelReport]) -> None:
    for page in sorted(records.requests):
        for request in records.requests[page]:
            problem, notes = reports.get(request.key, _ModelReport(None))
            if problem:
                warn(problem, request.location)
            for note in notes:
                logger.info("%s: %s", request.location, one_line(note))
