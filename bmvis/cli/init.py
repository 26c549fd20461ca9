"""`bmvis init`: add bmvis to the documentation of a project, with a first page."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from bmvis.cli.site_files import Site, configured, find_sites, first_page
from bmvis.errors import BmvisError
from bmvis.reference import parse_reference

EXAMPLE = "torch.nn:Transformer(d_model=64)"
HOSTS = ("sphinx", "mkdocs", "zensical")
_BUILD = {"sphinx": "sphinx-build {docs} _site", "mkdocs": "mkdocs serve", "zensical": "zensical serve"}


@click.command(short_help="Add bmvis to a documentation site.")
@click.argument("reference", default=EXAMPLE)
@click.option("--host", type=click.Choice(HOSTS), help="The docs tool, if the project has several.")
@click.option("--yes", is_flag=True, help="Write the files without asking.")
def init(reference: str, host: str | None, *, yes: bool) -> None:
    """Add bmvis to the documentation in the current folder, with a first page that shows REFERENCE.

    REFERENCE is a factory, such as my_package.zoo:bert. By default, it is a model that comes with PyTorch. The command
    shows what it changes in conf.py, mkdocs.yml or zensical.toml, and asks before it writes.
    """
    try:
        parse_reference(reference)
    except BmvisError as error:
        raise click.BadParameter(str(error), param_hint="REFERENCE") from error
    root = Path.cwd()
    site = _site(root, host)
    changes = _changes(site, root, reference)
    for file, text in changes.items():
        click.echo(_difference(file, text, root), nl=False)
    if not changes:
        click.echo("bmvis is already set up.")
        return
    if not yes:
        click.confirm("Write these files?", abort=True)
    for file, text in changes.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        click.echo(f"wrote {file.relative_to(root)}")
    docs = site.docs.relative_to(root).as_posix()
    listing = f"If {site.config.name} has a nav, add models.md to it"
    listing = "Add `models` to a toctree" if site.host == "sphinx" else listing
    click.echo(f"{listing}, then run: {_BUILD[site.host].format(docs=docs)}")


def _site(root: Path, host: str | None) -> Site:
    found = [site for site in find_sites(root) if host in (None, site.host)]
    if not found:
        raise click.ClickException(
            f"found no {host or 'documentation'} in this folder: run `sphinx-quickstart` or `mkdocs new .` first,"
            " or change to the folder of the project"
        )
    if len(found) > 1:
        names = " or ".join(f"--host {site.host}" for site in found)
        raise click.ClickException(f"found several docs tools: pass {names}")
    return found[0]


def _changes(site: Site, root: Path, reference: str) -> dict[Path, str]:
    """Return the new text of each file that changes. A page that exists is not changed."""
    source = root / "src" if (root / "src").is_dir() else root
    changes = {}
    try:
        text = configured(site, source)
    except SyntaxError as error:
        raise click.ClickException(f"{site.config.name}:{error.lineno}: {error.msg}: fix the syntax first") from error
    if text != site.text:
        changes[site.config] = text
    page, page_text = first_page(site, reference)
    if not page.exists():
        changes[page] = page_text
    return changes


def _difference(file: Path, text: str, root: Path) -> str:
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    name = file.relative_to(root).as_posix()
    lines = difflib.unified_diff(before.splitlines(), text.splitlines(), name, name, lineterm="")
    return "".join(f"{line}\n" for line in lines)
