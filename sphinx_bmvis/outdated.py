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
from sphinx_bmvis.domain import BmvisDomain, domain_of
from sphinx_bmvis.settings import model_path, open_digests

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> None:
    """Connect the event handler, which runs before pages are read."""
    app.connect("env-get-outdated", outdated_pages)


def outdated_pages(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> Iterable[str]:
    """Return the pages with a model whose sources have changed, or with a pattern or a fact in a title that failed.

    A model that failed is asked for again in each build, but its page is read and written only if the answer changes.
    If a title has a fact about it, the page is read in each build, because Sphinx copies titles when it reads a page.
    """
    domain, path = domain_of(env), model_path(app)
    outdated = dict(_outdated(domain, open_digests(app), path))
    domain.data["path"] = path  # not at the end of the build: extensions can add folders while pages are read
    for page, reason in outdated.items():
        logger.verbose("%s: a model is out of date, %s has changed", page, one_line(reason))
    failed = domain.failed_keys()
    titled = (page for page, facts in domain.title_facts.items() if any(fact.request in failed for fact in facts))
    return outdated.keys() | domain.pages_with([key for key in failed if is_pattern(key.reference)]) | {*titled}


def record_written_files(domain: BmvisDomain, digests: DigestMemo) -> None:
    """Record, at the end of a build, the files that factories wrote, and the fingerprint of the code of bmvis."""
    for dependencies in (domain.data["dependencies"], domain.data["listed"]):
        dependencies.update({key: with_written_files(found) for key, found in dependencies.items()})
    domain.data["code"] = digests.of_bmvis()


def _outdated(domain: BmvisDomain, digests: DigestMemo, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield each outdated page, with the dependency that changed."""
    is_same_code = domain.data["code"] == digests.of_bmvis()
    if not is_same_code or domain.data["path"] != path:
        yield from ((page, "sys.path" if is_same_code else "bmvis itself") for page in domain.requests)
        return
    now = CurrentValues(digests.of_installed)
    known: dict[int, Dependency | None] = {}
    """By identity: most models have the same dependencies, which are kept once."""
    changed: dict[ModelRequest, Dependency | None] = {}
    for key, dependencies in domain.data["dependencies"].items():
        if id(dependencies) not in known:
            known[id(dependencies)] = now.first_change(dependencies)
        changed[key] = known[id(dependencies)]
    for page, requests in domain.requests.items():
        found = [changed[request.key] for request in requests if request.key in changed]
        found.append(now.first_change(domain.data["listed"].get(page, ())))
        dependency = next(filter(None, found), None)
        if dependency:
            yield page, str(dependency)
