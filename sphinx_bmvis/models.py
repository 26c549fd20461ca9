"""Have the models built that pages request, after all pages are read.

Models are not built while pages are read, because a parallel build reads them in short-lived processes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.environment import BuildEnvironment

from sphinx_bmvis.api_pages import report
from sphinx_bmvis.domain import records_of
from sphinx_bmvis.link_targets import pages_with_moved_targets
from sphinx_bmvis.outdated import record_written_files
from sphinx_bmvis.settings import close_source, digests_of


def setup(app: Sphinx) -> None:
    """Connect the event handler, which runs after pages are read."""
    app.connect("env-updated", answer_requests)


def answer_requests(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """Build the models of the pages that were read in this build. Return the pages with a changed model.

    Builders that write no pages, such as gettext and linkcheck, need no model: the next builder that does builds them.
    """
    records = records_of(env)
    if not app.builder.format:
        return []
    report(records, records.unanswered | records.no_tree.keys())
    if records.unanswered or records.failed_keys() or records.drifted or records.title_facts:
        from sphinx_bmvis.building import build_models

        records.changed.update(dict.fromkeys(build_models(app, env), time.time()))
    close_source(app)
    if not records.is_settled or records.galleries:  # the pages of galleries are found again in each build
        records.changed.update(dict.fromkeys(pages_with_moved_targets(env), time.time()))
        records.remove_unrequested()
        record_written_files(records, digests_of(app))
        records.settle()
    changed = records.changed
    if retitled := records.retitled:  # a title is in the navigation of any page, and in references to it
        changed = {page: max(retitled, changed.get(page, 0.0)) for page in env.found_docs}
    return [page for page, when in changed.items() if _is_older(app.builder, page, when)]


def _is_older(builder: Builder, page: str, when: float) -> bool:
    """Return whether the output file of a page is older than its content, also after an interrupted build.

    Sphinx itself finds missing output files. Builders with one output file always write it.
    """
    if hasattr(builder, "get_outfilename"):
        file = builder.get_outfilename(page)
    elif hasattr(builder, "out_suffix"):
        file = os.path.join(builder.outdir, page + builder.out_suffix)
    else:
        return False
    try:
        return os.stat(file).st_mtime < when  # noqa: PTH116  # of each page, in each build
    except OSError:
        return False
