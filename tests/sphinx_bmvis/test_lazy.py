"""Modules that a build without changes does not import."""

import pytest
from forked_workers import start_script

from sphinx_bmvis import lazy

HEAVY = ("bmvis.view.layout", "bmvis.render.html.tree", "bmvis.source.source", "bmvis.worker.client")
DRAWING = ("bmvis.view.page", "bmvis.overviews.entries", "bmvis.render.summary", "bmvis.worker.client")
SPHINX_BUILD = "import sys; from sphinx.cmd.build import main; sys.exit(main(sys.argv[1:]))"
CONF = """
import sys

def note(app, error):
    with open(f"{app.outdir}/modules.txt", "w") as file:
        file.write("\\n".join(sys.modules))

def setup(app):
    app.connect("build-finished", note)
"""


def imported(site, *options) -> set[str]:
    """Return what a build imports, in a process of its own."""
    arguments = ("-q", *options, str(site.folder), str(site.folder / "_build"))
    process = start_script(SPHINX_BUILD, *arguments, cwd=site.folder)
    assert process.stdout
    with process.stdout:
        printed = process.stdout.read().decode()
    assert process.wait() == 0, printed
    return set(site.folder.joinpath("_build", "modules.txt").read_text().splitlines())


def test_build_without_changes_imports_nothing_that_builds_or_draws(make_site):
    site = make_site(
        {"index.rst": "Start\n=====\n\n.. model-structure:: zoo:tiny\n   :name: net\n\n:module:`net:0.dense`\n"}
    )
    with site.folder.joinpath("conf.py").open("a", encoding="utf-8") as conf:
        conf.write(CONF)
    assert set(HEAVY) <= imported(site, "-W")
    again = imported(site, "-W")
    assert "sphinx_bmvis.lazy" in again
    assert [name for name in HEAVY if name in again] == []


def test_failed_model_of_the_last_build_imports_nothing_that_draws(make_site):
    site = make_site({"index.rst": "Start\n=====\n\n.. model-structure:: zoo:missing\n"})
    with site.folder.joinpath("conf.py").open("a", encoding="utf-8") as conf:
        conf.write(CONF)
    imported(site)
    again = imported(site)
    assert "bmvis.source.source" in again
    assert [name for name in DRAWING if name in again] == []


@pytest.mark.parametrize(("target", "priority"), [(target, priority) for target, priority, _ in lazy.TRANSFORMS])
def test_transform_has_the_priority_that_it_is_registered_with(target, priority):
    assert lazy.load_object(target).default_priority == priority


@pytest.mark.parametrize("name", lazy.DIRECTIVES)
def test_directive_takes_what_it_is_registered_with(name):
    made, registered = lazy.load_object(lazy.DIRECTIVES[name]), lazy.ListDirective
    for part in ("required_arguments", "optional_arguments", "final_argument_whitespace", "has_content"):
        assert getattr(made, part) == getattr(registered, part), part
