"""Preview servers: pages follow edits of models."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from hosts import IS_OLD, PROPERDOCS, SITE, make_site, needs_new_mkdocs

HOSTS = {
    "mkdocs": ["--livereload", "--dev-addr"],
    "properdocs": ["--livereload", "--dev-addr"],
    "zensical": ["--dev-addr"],
}
on_mkdocs = pytest.mark.parametrize("served", ["mkdocs", PROPERDOCS], indirect=True, scope="module")
ZENSICAL = pytest.param("zensical", marks=pytest.mark.builds)
on_each_host = pytest.mark.parametrize("served", ["mkdocs", PROPERDOCS, ZENSICAL], indirect=True, scope="module")
GALLERY = '# Gallery\n\n<model-gallery toctree="zoo" models="zoo:ti*" />\n'


def watch_sources(config):
    config["watch"] = ["src"]  # for Zensical; for MkDocs, the plugin of bmvis does it


def use_small_theme(config):
    config["theme"] = "mkdocs"  # Material takes twice as long, and has no part in what a server builds again


CHANGES = {"mkdocs": use_small_theme, "zensical": watch_sources}
"""What differs in the configuration of a host. ProperDocs does not come with the themes of MkDocs."""


@contextmanager
def serving(host, folder, log):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", host, "serve", *HOSTS[host], f"127.0.0.1:{port}"]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield f"http://127.0.0.1:{port}/models/"
    finally:
        process.terminate()
        process.wait(timeout=300)


def wait_for(url, text, seconds=300):
    """Return the page at `url` as soon as it contains `text`."""
    return wait_until(url, lambda page: text in page, seconds)


def wait_until(url, is_right, seconds=300):
    """Return the page at `url`, or the status of an error, as soon as `is_right` accepts it."""
    ends = time.monotonic() + seconds
    page = ""
    while not is_right(page):
        assert time.monotonic() < ends, f"still: {page[-2000:]}"
        time.sleep(0.3)
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                page = answer.read().decode()
        except urllib.error.HTTPError as error:
            page = str(error.code)
        except OSError:
            pass  # not started yet
    return page


class Served(NamedTuple):
    """A site that a preview server shows, with a model that notes which processes built it."""

    host: str
    url: str
    folder: Path
    noted: Path
    log: Path

    @property
    def models(self):
        return self.folder / "src" / "zoo.py"

    def text(self):
        """Return the text of the models in the first build."""
        note = f"import os\nopen({str(self.noted)!r}, 'a').write(f'{{os.getppid()}}\\n')\n"
        return (SITE / "src" / "zoo.py").read_text() + note

    def edit(self, old, new):
        """Save the models as in the first build, but for one word."""
        self.save(self.models, self.text().replace(old, new))

    def save(self, file, text):
        """Write a file. Zensical misses a change right after it has built a page."""
        if self.host == "zensical":
            time.sleep(2)
        file.write_text(text)


@pytest.fixture(scope="module")
def served(request, tmp_path_factory):
    host = request.param
    pages = {} if IS_OLD or host == "zensical" else {"gallery.md": GALLERY}
    folder = make_site(tmp_path_factory.mktemp(host), pages, CHANGES.get(host))
    other = tmp_path_factory.mktemp("other")
    site = Served(host, "", folder, other / "parents", other / "serve.log")
    site.models.write_text(site.text())
    with serving(host, folder, site.log) as url:
        wait_for(url, "[4, 4]")
        yield site._replace(url=url)


@on_each_host
def test_served_page_follows_edits_errors_and_fixes(served):
    served.edit("width=4", "width=5")
    wait_for(served.url, "[5, 5]")
    served.edit("return nn.Sequential", "return nn.Sequental")
    wait_for(served.url, "has no attribute")
    served.edit("width=4", "width=6")
    # A build that began before the edit can show the new model next to the error of the old one.
    wait_until(served.url, lambda page: "[6, 6]" in page and "has no attribute" not in page)
    parents = served.noted.read_text().split()
    assert len(parents) >= 4
    # There can be a second template, with what calls of models import.
    assert sys.platform != "linux" or len(set(parents)) <= 2, "the builds did not share a worker process"


@on_mkdocs
def test_changes_that_no_model_sees_build_nothing(served):
    url, models, project = served.url, served.models, served.folder / "pyproject.toml"
    served.save(models, served.text())
    wait_for(url, "[4, 4]")
    (served.folder / "src" / "notes.txt").write_text("No model reads this.")
    served.save(project, '[tool.bmvis.arguments]\n"zoo:tiny" = "width=5"\n')
    wait_for(url, "[5, 5]")
    project.unlink()
    wait_for(url, "[4, 4]")
    models.unlink()
    wait_for(url, "no module named")
    served.edit("width=4", "width=6")
    wait_for(url, "[6, 6]")
    served.edit("width=4", "width=7")
    wait_for(url, "[7, 7]")
    builds = [0, builds_in(served.log)]
    while builds[-1] != builds[-2]:
        time.sleep(3)
        builds.append(builds_in(served.log))
        assert len(builds) < 20, f"each line of the log starts a build: {builds}"


def builds_in(log):
    return log.read_text().count("Building documentation")


@pytest.mark.builds
@needs_new_mkdocs
@on_mkdocs
def test_served_gallery_follows_added_and_removed_models(served):
    url = served.url
    served.save(served.models, served.text())
    wait_for(f"{url}gallery/", "zoo.tiny")
    served.save(served.models, f"{served.text()}\n\ndef tidy():\n    return tiny(width=7)\n")
    wait_for(f"{url}gallery/", "zoo.tidy")
    assert "[7, 7]" in wait_for(f"{url}zoo/zoo.tidy/", "bmvis-tree")
    served.save(served.models, served.text())
    wait_until(f"{url}gallery/", lambda page: "zoo.tiny" in page and "zoo.tidy" not in page)
    wait_for(f"{url}zoo/zoo.tidy/", "404")


# Zensical removes a page before it writes it again. A browser that loads the page in between gets an error, and can
# miss the message about the new page.
@pytest.mark.builds
@pytest.mark.browser
@on_mkdocs
def test_open_page_reloads_after_a_model_is_edited(served, browser):
    page = browser.new_page()
    page.goto(served.url)
    served.edit("width=4", "width=8")
    page.locator("#tiny").get_by_text("[8, 8]").first.wait_for(timeout=300_000)
    # The toolbar of a tree of few rows is hidden. The host can load the page once more in the meantime.
    page.wait_for_function("document.querySelectorAll('#tiny .bmvis-tools').length === 1", timeout=300_000)
    page.close()
