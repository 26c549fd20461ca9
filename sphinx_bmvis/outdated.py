"""Find the pages whose models may have changed, by the dependencies of `bmvis.source.dependencies`.

The dependencies of Sphinx are not enough: they compare times, and a page with a missing file is always outdated.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from bmvis.errors import ProjectError
from bmvis.reference_patterns import is_pattern
from bmvis.source.dependencies import CurrentValues, with_written_files
from bmvis.source.digest_memo import DigestMemo
from bmvis.source.pyproject import read_project
from bmvis.untrusted.log_text import one_line
from bmvis.worker.protocol import Dependency, ModelRequest
from sphinx_bmvis.domain import records_of
from sphinx_bmvis.records import Records
from sphinx_bmvis.settings import conf_folder, digests_of, model_path, open_digests

logger = logging.getLogger(__name__)
_LAST = 999
"""Priority of the last event handler."""


def setup(app: Sphinx) -> None:
    """Connect the event handlers, which run before pages are read."""
    app.connect("env-get-outdated", outdated_pages)
    app.connect("env-before-read-docs", add_pages, priority=_LAST)


def outdated_pages(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> Iterable[str]:
    """Return the pages with a model or a file whose content has changed, and those that are read in each build.

    A model that failed is asked for again in each build, but its page is read and written only if the answer changes.
    Pages are read again while a pattern, a directive, a role or a fact has an error: what the text of a fact means
    depends on the names in pyproject.toml, and Sphinx copies titles with facts when it reads a page. So are pages with
    a model whose call ended its process: it can have been too slow, and what it read is not known.
    """
    records, places = records_of(env), _places(app)
    outdated = _logged(_outdated(records, open_digests(app), places))
    records.places = places  # not at the end of the build: extensions can add folders while pages are read
    failed = records.failed_keys()
    repeated = records.pages_with({*records.retried, *(key for key in failed if is_pattern(key.reference))})
    return outdated.keys() | repeated | records.pages_with_facts(failed) | records.with_errors


def add_pages(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Add the pages with a model whose files were changed by another handler of this event, which can write code."""
    if len(app.events.listeners["env-before-read-docs"]) > 1:
        records = records_of(env)
        outdated = _logged(_outdated(records, digests_of(app), records.places), known=frozenset(docnames))
        docnames.extend(page for page in outdated if page in env.found_docs)


def record_written_files(records: Records, digests: DigestMemo) -> None:
    """Record, at the end of a build, the files that factories wrote, and the fingerprint of the code of bmvis."""
    records.dependencies = {key: with_written_files(found) for key, found in records.dependencies.items()}
    records.listed = {page: with_written_files(found) for page, found in records.listed.items()}
    records.code = digests.of_bmvis()


def _logged(outdated: Iterable[tuple[str, str]], known: Container[str] = ()) -> dict[str, str]:
    """Return the outdated pages, apart from those that are known to be, and log the reasons."""
    found = {page: reason for page, reason in outdated if page not in known}
    for page, reason in found.items():
        logger.verbose("%s: a model is out of date, %s has changed", page, one_line(reason))
    return found


def _places(app: Sphinx) -> dict[str, object]:
    """Return the folders that models are imported from, and the file with their names, by what a message calls them."""
    folder = conf_folder(app)
    try:
        file = os.path.relpath(read_project(folder).file, folder)
    except ProjectError:  # which the models report
        file = ""
    return {"sys.path": model_path(app), "the pyproject.toml of the site": file}


def _outdated(records: Records, digests: DigestMemo, places: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yield each outdated page, with the dependency that changed."""
    changed_places = (place for place, found in places.items() if records.places.get(place) != found)
    everything = "bmvis itself" if records.code != digests.of_bmvis() else next(changed_places, "")
    if everything:
        yield from ((page, everything) for page in records.requests)
        return
    now = CurrentValues(digests.of_installed)
    known: dict[int, Dependency | None] = {}
    """By identity: most models have the same dependencies, which are kept once."""
    changed: dict[ModelRequest, Dependency | None] = {}
    for key, dependencies in records.dependencies.items():
        if id(dependencies) not in known:
            known[id(dependencies)] = now.first_change(dependencies)
        changed[key] = known[id(dependencies)]
    for page in sorted(records.requests.keys() | records.read.keys()):
        found = [changed[request.key] for request in records.requests.get(page, ()) if request.key in changed]
        found += (now.first_change(other.get(page, ())) for other in (records.listed, records.read))
        dependency = next(filter(None, found), None)
        if dependency:
            yield page, str(dependency)
