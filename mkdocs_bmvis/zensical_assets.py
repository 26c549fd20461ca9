"""Link stylesheets and scripts as files on the pages of Zensical, which has no plugins that could add files to a site.

Zensical copies the docs folder to the site, and removes other files from it. It runs no extension for a page that it
takes from its cache. So the files stay in the docs folder, below a folder with their digest: a page from the cache
links the files of the release that drew it. Where the docs folder does not keep them, as in CI that restores only
`.cache`, no page with a tree may come from the cache.
"""

from __future__ import annotations

import atexit
import hashlib
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from bmvis.generated_files import write_if_changed
from bmvis.lazy_regex import lazy_regex
from bmvis.render.html import assets
from bmvis.render.html.markup import Markup, join

FOLDER = "assets/bmvis"
"""The folder of the files in the docs folder and on the site."""
_RELEASE = lazy_regex(r"[0-9a-f]{10}")
_IGNORED = """\
# bmvis writes the stylesheets and scripts that pages of Zensical link.
# If you remove this folder, run `zensical build --clean` to write it again.
*
"""


class SiteFolders(NamedTuple):
    """Where Zensical reads and writes a page."""

    docs: Path
    site: Path
    cache: Path
    """Where Zensical keeps pages between builds."""
    page: str
    """The path of the page in the docs folder, with `/`."""
    is_clean: bool = False
    """Whether the build draws all pages again."""


def write_linked(files: Iterable[str], folders: SiteFolders) -> Markup:
    """Write stylesheets and scripts, and return the elements that link them.

    The links are relative to the source of the page: Zensical rewrites them for each page that shows its content, such
    as the views of a blog.

    Args:
        files: some of `bmvis.render.html.assets.files()`.
        folders: the folders of the site.

    Raises:
        OSError: the docs folder or the site cannot be written.
    """
    release, contents = _shipped()
    if not (folders.docs / FOLDER / release).is_dir():
        atexit.register(_forget_pages, folders.cache)
    _ignore(folders.docs / FOLDER)
    if folders.is_clean:
        _remove_old(folders.docs / FOLDER, release)
    # The build has listed the docs folder before it converts pages, so the site gets its copies here.
    # All files: pages from the cache can link others than this one.
    for root in (folders.docs, folders.site):
        for file, content in contents.items():
            _write(root / FOLDER / release / PurePosixPath(file).name, content)
    start = "../" * folders.page.count("/") + f"{FOLDER}/{release}/"
    return join(*(assets.link(start + PurePosixPath(file).name) for file in files))


def _write(file: Path, content: bytes) -> None:
    """Write a file, unless it was compared before and has not changed since: each part of a page links the files."""
    try:
        state = file.stat()
    except OSError:
        write_if_changed(file, content)
    else:
        _compare(file, content, state.st_mtime_ns, state.st_size, state.st_ino)


@lru_cache(maxsize=1000)
def _compare(file: Path, content: bytes, *state: int) -> None:
    """Write a file if it has other content. The state is part of the key."""
    write_if_changed(file, content)


def _forget_pages(cache: Path) -> None:
    """Remove the pages that link the files from the cache of Zensical, at the end of a build that had no such files.

    The next build may again have a docs folder without them, and calls bmvis only for pages that are not in the cache.
    """
    for entry in cache.glob("[0-9]*"):
        with suppress(OSError):  # another build has removed it
            if FOLDER.encode() in entry.read_bytes():
                entry.unlink()


def is_shipped(path: str) -> bool:
    """Return whether a path in the docs folder is one of the files that `link` writes."""
    folder, _, name = path.rpartition("/")
    parent, _, release = folder.rpartition("/")
    return parent == FOLDER and bool(_RELEASE.fullmatch(release)) and f"bmvis/static/{name}" in assets.files()


@cache
def _shipped() -> tuple[str, Mapping[str, bytes]]:
    """Return the name of the folder for this release, and the contents of its files."""
    contents = {file: assets.text(file).encode() for file in assets.files()}
    return hashlib.sha256(b"\0".join(contents.values())).hexdigest()[:10], contents


def _ignore(folder: Path) -> None:
    """Let git ignore the folder, which each build can write again."""
    file = folder / ".gitignore"
    if not file.is_file():
        write_if_changed(file, _IGNORED.encode())


def _remove_old(folder: Path, release: str) -> None:
    """Remove the files of other releases, which no page of a clean build links."""
    for entry in folder.iterdir():
        if _RELEASE.fullmatch(entry.name) and entry.name != release:
            shutil.rmtree(entry, ignore_errors=True)
