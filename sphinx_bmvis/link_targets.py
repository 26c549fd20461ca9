"""Where links to trees and to models lead, and which pages have a link to one that is elsewhere now.

Sphinx writes a page again if its own text changed, not if the target of one of its links did.
"""

from __future__ import annotations

from sphinx.environment import BuildEnvironment

from bmvis.errors import ProjectError
from bmvis.source.pyproject import read_project
from sphinx_bmvis.domain import domain_of, records_of
from sphinx_bmvis.named_trees import Target
from sphinx_bmvis.records import TargetKey


def model_targets(env: BuildEnvironment, docname: str = "") -> dict[str, Target]:
    """Return where the models of the site are: by reference and name, the document and the anchor of the first tree.

    A page that a gallery or a table wrote for a model has no anchor, and comes before a tree elsewhere. Trees on
    the page `docname` come first.
    """
    records = records_of(env)
    trees: dict[str, Target] = {}
    for page in sorted(records.requests, key=lambda page: (page != docname, page)):
        for request in records.requests[page]:
            is_tree = request.anchor and request.anchor not in records.galleries.get(page, {})
            if is_tree and not request.options.base:
                trees.setdefault(request.reference, (page, request.anchor))
    here = {reference: target for reference, target in trees.items() if target[0] == docname}
    pages = (item for found in records.pages.values() for item in found.items())
    written = {reference: (page, "") for reference, page in pages if page in env.found_docs}
    return _with_all_names(env, trees | written | here)


def _with_all_names(env: BuildEnvironment, found: dict[str, Target]) -> dict[str, Target]:
    try:
        return read_project(domain_of(env).folder).by_names_and_references(found)
    except ProjectError:
        return found  # the pages that need the file report it


def pages_with_moved_targets(env: BuildEnvironment) -> set[str]:
    """Return the pages with a link to a tree or a model that was elsewhere in the last build, or is gone.

    The targets are stored for the next build.
    """
    records = records_of(env)
    before = records.targets
    now: dict[TargetKey, Target] = {("tree", name): target for name, target in records.named_trees().targets().items()}
    if records.galleries:
        now |= {("model", reference): target for reference, target in model_targets(env).items()}
    records.targets = now
    moved = {key for key in before.keys() | now.keys() if before.get(key) != now.get(key)}
    if not moved:
        return set()
    models = {reference for kind, reference in moved if kind == "model"}
    with_tables = {
        page
        for page, lists in records.galleries.items()
        if any(entry.reference in models for one in lists.values() for entry in one.entries)
    }
    return with_tables | records.pages_about({name for kind, name in moved if kind == "tree"})
