"""Trees on sites with the settings of public documentation of PyTorch projects (`tests/sites/public`).

Each site builds under warnings as errors, twice: with trees, and with text in their place. Pages without trees are the
same in both. `make test-hosts` installs the themes and extensions.
"""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup
from pythons import TORCH_PYTHON

SITES = Path(__file__).parent / "sites" / "public"
SPHINX = sorted(file.parent.name for file in SITES.glob("*/conf.py"))
MKDOCS = sorted(file.parent.name for file in SITES.glob("*/mkdocs.yml"))
MODULES = {"mkdocs-jupyter": "mkdocs_jupyter", "material": "material"}

PLAIN = "# Plain\n\nThis page has `code`, a list, and a table.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
RST = {
    "plain.rst": "Plain\n=====\n\nThis page has ``code`` and a list.\n\n- one\n- two\n\n.. note:: A note.\n",
    "api.rst": "API\n===\n\n.. automodule:: nets\n   :members: Block, small\n",
    "index.rst": "Site\n====\n\n.. toctree::\n   :maxdepth: 2\n\n   plain\n   guide/models\n   guide/prose\n   api\n",
    "guide/models.rst": """Models
======

{trees}
""",
    "guide/prose.rst": "Prose\n=====\n\n{prose}\n",
}
RST_TREES = """.. model-structure:: nets:small(layers=12)
   :name: net
   :caption: A small net

.. model-compare::
   :before: nets:small
   :after: nets:small(layers=4)

.. model-gallery:: nets:small | Small
   :toctree: zoo

.. model-table:: nets:small | Small
"""
RST_PROSE = "See :module:`net:2.dense`, in :model:`net`, with :params:`nets:small` parameters."
RST_STANDS_IN = {"guide/zoo/nets.small.rst": "Small\n=====\n\nThe model.\n"}
TOCTREE = ".. toctree::\n   :hidden:\n\n   zoo/nets.small\n"

MARKDOWN = {
    "index.md": "# Site\n\nWelcome.\n",
    "plain.md": PLAIN,
    "api.md": "# API\n\n::: nets\n",
    "guide/models.md": "# Models\n\n{trees}\n",
    "guide/prose.md": "# Prose\n\n{prose}\n",
}
MARKDOWN_TREES = """<model-structure factory="nets:small(layers=12)" name="net" caption="A small net" />

<model-compare before="nets:small" after="nets:small(layers=4)" />

<model-gallery toctree="zoo" models="nets:small | Small" />

<model-table models="nets:small | Small" />
"""
MARKDOWN_PROSE = (
    "See [a layer][net:2.dense], [all](models.md#net), with "
    '<model-fact model="nets:small" of="parameters" format="exact" /> parameters.'
)
MARKDOWN_STANDS_IN = {"guide/zoo/nets.small.md": "# Small\n\nThe model.\n"}


def write(folder: Path, pages: dict[str, str], **parts: str) -> None:
    for name, text in pages.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.format(**parts) if "{trees}" in text or "{prose}" in text else text)
    (folder / "src").mkdir(exist_ok=True)
    shutil.copy(SITES / "shared" / "nets.py", folder / "src")


def run(folder: Path, *command: object) -> str:
    arguments = [sys.executable, "-m", *map(str, command)]
    environment = dict(os.environ)
    if found := find_spec("nbconvert"):  # the folder of `make test-hosts` has its templates, Python's own does not
        environment["JUPYTER_PATH"] = str(Path(str(found.origin)).parents[1] / "share" / "jupyter")
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def build_sphinx(name: str, folder: Path, *, trees: bool) -> Path:
    parts = {"trees": RST_TREES, "prose": RST_PROSE} if trees else {"trees": TOCTREE, "prose": "See the models."}
    write(folder, RST | ({} if trees else RST_STANDS_IN), **parts)
    settings = (SITES / name / "conf.py").read_text()
    settings += 'exclude_patterns = ["_build"]\nimport sys\nsys.path.insert(0, "src")\nhtml_last_updated_fmt = None\n'
    if trees:
        settings += f'extensions += ["sphinx_bmvis"]\nbmvis_path = ["src"]\nbmvis_python = {TORCH_PYTHON!r}\n'
    (folder / "conf.py").write_text(settings)
    run(folder, "sphinx", "-qW", "--keep-going", ".", "_build")
    return folder / "_build"


def build_mkdocs(name: str, folder: Path, *, trees: bool) -> Path:
    parts = {"trees": MARKDOWN_TREES, "prose": MARKDOWN_PROSE}
    parts = parts if trees else {"trees": "Models.", "prose": "See the models."}
    write(folder / "docs", MARKDOWN | ({} if trees else MARKDOWN_STANDS_IN), **parts)
    shutil.move(folder / "docs" / "src", folder / "src")
    config = yaml.safe_load((SITES / name / "mkdocs.yml").read_text())
    config["theme"]["font"] = False  # no network
    config["use_directory_urls"] = False
    if trees:
        config["plugins"].append({"bmvis": {"path": ["src"], "python": TORCH_PYTHON}})
    (folder / "mkdocs.yml").write_text(yaml.safe_dump(config, sort_keys=False))
    run(folder, "mkdocs", "build", "--strict")
    return folder / "site"


def require(name: str) -> None:
    """Skip the test if an extension or a theme of the site is not installed."""
    if name in SPHINX:
        settings: dict = {}
        exec((SITES / name / "conf.py").read_text(), settings)  # our own file
        needed = [*settings["extensions"], settings["html_theme"]]
    else:
        plugins = [next(iter(p)) if isinstance(p, dict) else p for p in config_of(name)["plugins"]]
        needed = [MODULES.get(plugin, plugin) for plugin in plugins if plugin != "search"]
    for module in needed:
        top = module.partition(".")[0]
        if top != "alabaster" and not find_spec(top):
            pytest.skip(f"{module} is not installed: see `make test-hosts`")


def config_of(name: str) -> dict:
    return yaml.safe_load((SITES / name / "mkdocs.yml").read_text())


BUILT: dict[str, tuple[Path, Path]] = {}


@pytest.fixture(params=[*SPHINX, *MKDOCS])
def built(request, tmp_path_factory):
    """Return the output with trees, and that without."""
    name = request.param
    require(name)
    if name not in BUILT:
        folder = tmp_path_factory.mktemp(name)
        make = build_sphinx if name in SPHINX else build_mkdocs
        for kind in ("with", "without"):
            (folder / kind).mkdir()
        BUILT[name] = make(name, folder / "with", trees=True), make(name, folder / "without", trees=False)
    return BUILT[name]


def page(site: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((site / name).read_text(), "html5lib")


def test_site_has_all_trees_and_links(built):
    site, _ = built
    models = page(site, "guide/models.html")
    assert len(models.select(".bmvis-tree")) == 2
    assert not models.select(".bmvis-error")
    assert models.select_one(".bmvis-card-title a")["href"] == "zoo/nets.small.html"
    assert page(site, "guide/zoo/nets.small.html").select_one(".bmvis-tree")
    assert "#nets.Block" in {link["href"].partition("api.html")[2] for link in models.select(".bmvis-tree i a")}
    prose = page(site, "guide/prose.html").select_one("article, .body, main, .rst-content, [role=main]")
    links = {link["href"] for link in prose.select("p a")}
    assert {"models.html#net", "models.html#net.0.dense"} <= links | {
        link.replace("#net.2.", "#net.0.") for link in links
    }
    assert models.find(id="net")
    assert "94" in prose.get_text()


def test_pages_without_trees_are_the_same(built):
    site, baseline = built
    for name in ("plain.html", "api.html"):
        ours, theirs = ((folder / name).read_text() for folder in (site, baseline))
        # The numbers of files that changed in between, and of a table of contents entry that scripts read.
        ours, theirs = (re.sub(r"\?(?:v|digest)=\w+", "", text) for text in (ours, theirs))
        assert ours == theirs
        for file in re.findall(r'(?:href|src)="([^"#?:]+\.(?:css|js))', theirs):
            # Themes link files that a site does not have, and the search index has the words of all pages.
            if (baseline / file).is_file() and not file.endswith("searchindex.js"):
                assert (site / file).read_bytes() == (baseline / file).read_bytes()


@pytest.mark.browser
def test_trees_fit_and_are_readable(built, browser):
    from contrast import faint

    site, baseline = built
    for width in (1300, 380):
        for scheme in ("light", "dark"):
            sizes = []
            for folder in (site, baseline):
                shown = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                shown.route(lambda url: not url.startswith("file:"), lambda route: route.abort())
                shown.goto((folder / "guide" / "models.html").as_uri())
                sizes.append(shown.evaluate("document.documentElement.scrollWidth"))
                if folder == site:
                    assert faint(shown) == {}, (width, scheme)
                shown.close()
            assert sizes[0] <= max(sizes[1], width), (width, scheme)
