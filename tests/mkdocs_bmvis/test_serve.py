"""Preview servers: what an author sees who edits a model while its page is open."""

import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest
from hosts import make_site

HOSTS = {"mkdocs": ["--livereload", "--dev-addr"], "zensical": ["--dev-addr"]}


def watch_sources(config):
    config["watch"] = ["src"]  # for Zensical; our plugin sees to it itself


@contextmanager
def serving(host, folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", host, "serve", *HOSTS[host], f"127.0.0.1:{port}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield f"http://127.0.0.1:{port}/models/"
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_for(url, text, seconds=30):
    """Return the page at `url` as soon as it holds `text`."""
    ends = time.monotonic() + seconds
    page = ""
    while text not in page:
        assert time.monotonic() < ends, f"{text!r} is not in {page[-2000:]}"
        time.sleep(0.1)
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                page = answer.read().decode()
        except OSError:
            pass  # not up yet
    return page


@pytest.mark.parametrize("host", HOSTS)
def test_a_served_page_follows_a_model_that_is_edited_broken_and_mended(host, tmp_path):
    folder = make_site(tmp_path, change=watch_sources if host == "zensical" else None)
    models = folder / "src" / "zoo.py"
    source = models.read_text()
    with serving(host, folder) as url:
        wait_for(url, "[4, 4]")
        models.write_text(source.replace("width=4", "width=5"))
        wait_for(url, "[5, 5]")
        models.write_text(source.replace("return nn.Sequential", "return nn.Sequental"))
        wait_for(url, "has no attribute")
        models.write_text(source.replace("width=4", "width=6"))
        assert "has no attribute" not in wait_for(url, "[6, 6]")


@pytest.mark.browser
def test_an_open_page_shows_an_edited_model_by_itself(tmp_path, browser):
    folder = make_site(tmp_path)
    models = folder / "src" / "zoo.py"
    with serving("mkdocs", folder) as url:
        wait_for(url, "[4, 4]")
        page = browser.new_page()
        page.goto(url)
        models.write_text(models.read_text().replace("width=4", "width=5"))
        page.locator("#tiny").get_by_text("[5, 5]").first.wait_for(timeout=20_000)
        page.close()
