"""Find the pages whose models may have changed, by the dependencies of `bmvis.source.dependencies`.

The dependencies of Sphinx are not enough: they compare times, and a page with a missing file is always outdated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from bmvis.reference_patterns import is_pattern
from bmvis.source.dependencies import CurrentValues, with_written_files
from bmvis.source.digest_memo import DigestMemo
from bmvis.untrusted.log_text import one_line
from bmvis.worker.protocol import Dependency, ModelRequest
from sphinx_bmvis.domain import records_of
from sphinx_bmvis.records import Records
from sphinx_bmvis.settings import model_path, open_digests

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> None:
    """Connect the event handler, which runs before pages are read."""
    app.connect("env-get-outdated", outdated_pages)


def outdated_pages(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> Iterable[str]:
    """Return the pages with a model or a file whose content has changed, and those that are read in each build.

    A model that failed is asked for again in each build, but its page is read and written only if the answer changes.
    Pages are read again while a pattern, a directive, a role or a fact has an error: what the text of a fact means
    depends on the names in pyproject.toml, and Sphinx copies titles with facts when it reads a page. So are pages with
    a model whose call ended its process: it can have been too slow, and what it read is not known.
    """
    records, path = records_of(env), model_path(app)
    outdated = dict(_outdated(records, open_digests(app), path))
    records.path = path  # not at the end of the build: extensions can add folders while pages are read
    for page, reason in outdated.items():
        logger.verbose("%s: a model is out of date, %s has changed", page, one_line(reason))
    failed = records.failed_keys()
    repeated = records.pages_with({*records.retried, *(key for key in failed if is_pattern(key.reference))})
    return outdated.keys() | repeated | records.pages_with_facts(failed) | records.with_errors


def record_written_files(records: Records, digests: DigestMemo) -> None:
    """Record, at the end of a build, the files that factories wrote, and the fingerprint of the code of bmvis."""
    records.dependencies = {key: with_written_files(found) for key, found in records.dependencies.items()}
    records.listed = {page: with_written_files(found) for page, found in records.listed.items()}
    records.code = digests.of_bmvis()


def _outdated(records: Records, digests: DigestMemo, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield each outdated page, with the dependency that changed."""
    is_same_code = records.code == digests.of_bmvis()
    if not is_same_code or records.path != path:
        yield from ((page, "sys.path" if is_same_code else "bmvis itself") for page in records.requests)
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
