"""A build that takes HTML from the cache writes the same pages, and logs the same, as one that draws everything.

One site is edited step by step. After each edit, it is built, built again unchanged, and built once more without HTML
from the cache.
"""

import json
import logging
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
import yaml
from hosts import make_site, needs_new_mkdocs
from mkdocs.commands.build import build
from mkdocs.config import load_config

from bmvis.source import fingerprint
from bmvis.source.cache import CachedHtml
from mkdocs_bmvis.html_cache import DependencyRecorder, HtmlCache
from mkdocs_bmvis.settings import CACHE

pytestmark = [pytest.mark.builds, needs_new_mkdocs]

PAGES = {
    "trees.md": """\
# Trees

<model-structure factory="zoo:tiny" name="tiny"></model-structure>

<model-structure factory="zoo:deep" common="names.toml"></model-structure>

<model-structure factory="zoo:tiny(width=6)" base="zoo:tiny" caption="Wider"></model-structure>

<model-structure factory="zoo:trained" optimizer></model-structure>

<model-structure factory="small"></model-structure>

<model-structure factory="extra:counted"></model-structure>

<model-structure factory="extra:noted"></model-structure>

<model-structure factory="checkpoint:weights"></model-structure>

[A row][tiny:0] of the first tree.
""",
    "gallery.md": """\
# Gallery

<model-gallery models="zoo:t*
small | Small" data="results.csv" toctree="models"></model-gallery>

<model-gallery models="listed:make_*"></model-gallery>
""",
    "table.md": """\
# Table

<model-table name="sizes" caption="Sizes" data="results.csv" toctree="rows" models="zoo:t* | | first
small | Small
extra:noted
extra:absent"></model-table>

<model-table group columns="name, macs" inputs="float32[1, 4]" models="zoo:t* | | all
wrong:* | | none
zoo:deep"></model-table>

<model-structure factory="zoo:deep" name="linked" highlight="absent"></model-structure>
""",
    "nested/own.md": '# Own\n\n<model-structure factory="zoo:tiny" name="nested"></model-structure>\n',
}
EXTRA = """\
from pathlib import Path
from torch import nn
from zoo import tiny

def counted():
    file = Path(__file__).with_name("count.txt")
    if not file.exists():
        file.write_text("3")
    file.with_name("run.log").open("a").write("ran")
    return nn.Linear(int(file.read_text()), 1)

def noted():
    model = nn.Sequential(nn.Linear(2, 2))
    model.layers = [nn.Linear(2, 2)]
    model[0].hidden = [nn.Linear(3, 3)]
    return model
"""
LISTED = """\
from torch import nn
def make_one(): return nn.Linear(1, 1)
def make_none() -> int: return 3
"""


def edit(file: str, old: str, new: str) -> Callable[[Path], object]:
    def change(site: Path) -> None:
        before = (site / file).read_text()
        assert old in before
        (site / file).write_text(before.replace(old, new))

    return change


def write(file: str, text: str) -> Callable[[Path], object]:
    def change(site: Path) -> None:
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text(text)

    return change


def configure(change: Callable[[dict], object]) -> Callable[[Path], object]:
    def edit(site: Path) -> None:
        config = yaml.safe_load((site / "mkdocs.yml").read_text())
        change(config)
        (site / "mkdocs.yml").write_text(yaml.safe_dump(config, sort_keys=False))

    return edit


def settings(**values) -> Callable[[Path], object]:
    return configure(lambda config: config["markdown_extensions"][-1]["mkdocs_bmvis"].update(values))


def plugin(name: str, **values) -> Callable[[Path], object]:
    return configure(lambda config: config["plugins"].insert(0, {name: values}))


def write_weights(site: Path, file: str, width: int) -> None:
    header = json.dumps({"layer.w": {"dtype": "I8", "shape": [width], "data_offsets": [0, width]}}).encode()
    (site / "weights").mkdir(exist_ok=True)
    (site / "weights" / file).write_bytes(len(header).to_bytes(8, "little") + header + bytes(width))


def move_page(site: Path) -> None:
    (site / "docs/deeper/still").mkdir(parents=True)
    shutil.move(site / "docs/gallery.md", site / "docs/deeper/still/gallery.md")
    edit("mkdocs.yml", "- gallery.md", "- deeper/still/gallery.md")(site)


TREE = "docs/trees.md"
EDITS = {
    "option of an element": edit(TREE, 'factory="zoo:deep"', 'depth="1" factory="zoo:deep"'),
    "option of the site": settings(options={"non-params": True}),
    "root name of the site": settings(options={"root-name": "model"}),
    "option of a gallery": edit("docs/gallery.md", 'toctree="models"', 'toctree="models" caption="All"'),
    "name of a tree": edit(TREE, 'name="tiny"', 'name="renamed"'),
    "name that is taken": edit(TREE, 'name="renamed"', 'id="tiny" name="tiny"'),
    "invalid attribute is removed": edit(TREE, 'id="tiny" name="tiny"', 'name="tiny"'),
    "same tree before it": edit(TREE, "# Trees\n", '# Trees\n\n<model-structure factory="zoo:trained" optimizer />\n'),
    "text before it": edit(TREE, "# Trees\n", "# Trees\n\nText.\n\nMore text.\n"),
    "heading with the id of a tree": edit(TREE, "Text.\n", "## tiny\n\n## model-tiny\n"),
    "mapping file": edit("names.toml", '"block.$"', '"stage.$"'),
    "mapping that does not fit": edit("names.toml", "[names]", '[names]\n"none" = "none"'),
    "mapping that fits again": edit("names.toml", '"none" = "none"', ""),
    "factory": edit("src/zoo.py", "width=4", "width=5"),
    "factory of a model that failed": edit("src/zoo.py", "def trained():", "def trained():\n    1 / 0"),
    "factory that is fixed": edit("src/zoo.py", "    1 / 0\n", ""),
    "pattern that highlights nothing": edit(TREE, 'caption="Wider"', 'caption="Wider" highlight="absent"'),
    "pattern that highlights a row": edit(TREE, 'highlight="absent"', 'highlight="0"'),
    "base of a comparison": edit(TREE, 'base="zoo:tiny"', 'base="zoo:tiny(layers=3)"'),
    "name in pyproject.toml": edit("pyproject.toml", "layers=1", "layers=3"),
    "arguments in pyproject.toml": edit(
        "pyproject.toml", "[tool.bmvis.models]", '[tool.bmvis.arguments]\n"zoo:tiny" = "width=8"\n[tool.bmvis.models]'
    ),
    "column in pyproject.toml": edit(
        "pyproject.toml", '"zoo:tiny(layers=3)"', '{ reference = "zoo:tiny(layers=3)", columns = { speed = 7 } }'
    ),
    "data of a gallery": edit("results.csv", "0.7", "0.8"),
    "row of a gallery that is misspelled": edit("results.csv", "Small", "Smal"),
    "row of a gallery that is right again": edit("results.csv", "Smal", "Small"),
    "factory that a pattern finds": edit(
        "src/listed.py", "def make_one", "def make_two(): return nn.ReLU()\ndef make_one"
    ),
    "name that a pattern skips": edit("src/listed.py", "make_none", "make_int"),
    "data of a table": edit("results.csv", "0.8", "0.6"),
    "row of a table": edit("docs/table.md", "extra:noted\n", "extra:noted | Noted | own\n"),
    "table with an invalid row": edit("docs/table.md", "| Noted | own\n", "| Noted | own | 80\n"),
    "table without an invalid row": edit("docs/table.md", "| own | 80\n", "| own\n"),
    "option of a table": edit("docs/table.md", 'caption="Sizes"', 'sort="-parameters"'),
    "text before a table": edit("docs/table.md", "# Table", "# Table\n\nText."),
    "factory of a table that was missing": edit(
        "src/extra.py", "def noted", "def absent(): return nn.ReLU()\n\ndef noted"
    ),
    "module of a pattern that was missing": write("src/wrong.py", "from zoo import tiny"),
    "models of a pattern that was missing": write("src/wrong.py", LISTED),
    "tree that a table links to": edit("docs/table.md", 'name="linked"', 'name="renamed"'),
    "tree on another page that a table links to": edit("docs/nested/own.md", "zoo:tiny", "zoo:deep"),
    "warning of a tree that is below other text": edit(
        "docs/table.md", "<model-structure", "Text.\n\n<model-structure"
    ),
    "inputs of a table that do not fit": edit("docs/table.md", "float32[1, 4]", "float32[1, 3]"),
    "model of a table that fits the inputs": edit("src/zoo.py", "width=5", "width=3"),
    "file that a factory wrote": write("src/count.txt", "4"),
    "log that a factory wrote": write("src/run.log", ""),
    "files that factories wrote are removed": lambda site: (site / "src/count.txt").unlink(),
    "module that shadows another one": write("early/listed.py", LISTED.replace("make_one", "make_early")),
    "path of the site": settings(path=["early", "src"]),
    "configuration of a checkpoint": write("weights/config.json", '{"architectures": ["TinyModel"]}'),
    "another checkpoint in the folder": lambda site: write_weights(site, "model.safetensors", 4),
    "autorefs": plugin("autorefs"),
    "module that autorefs links": edit(TREE, "[tiny:0]", "[tiny:1.0]"),
    "no autorefs": configure(lambda config: config["plugins"].pop(0)),
    "theme": configure(lambda config: config.update(theme={"name": "mkdocs"})),
    "form of URLs": configure(lambda config: config.update(use_directory_urls=False)),
    "address of the site": configure(lambda config: config.update(site_url="https://example.com/")),
    "folder of a page": move_page,
    "folder of model pages": edit("docs/deeper/still/gallery.md", 'toctree="models"', 'toctree="other/models"'),
    "references that pages can use": settings(allow=["zoo:t*", "extra:*", "listed:*"]),
    "all references": settings(allow=["*"]),
    "mode check": settings(mode="check"),
    "mode snapshot": settings(mode="snapshot"),
    "mode live": settings(mode="live"),
    "device": edit(TREE, 'factory="extra:counted"', 'device="cpu" factory="extra:counted"'),
    "inputs": edit(TREE, 'name="tiny"', 'name="tiny" inputs="float32[1, 8]" columns="output"'),
    "inputs that do not fit": edit(TREE, "float32[1, 8]", "float32[1, 7]"),
    "figure": edit(TREE, "float32[1, 7]", "float32[1, 8]"),
}
UNSEEN = ("log that a factory wrote", "module that shadows another one", "device")
"""Edits that change nothing on a page."""
UNKEPT = ("mode check", "mode snapshot")
"""Edits after which no drawing is kept."""


@dataclass(frozen=True)
class Step:
    """What three builds wrote and logged, by page."""

    edited: dict[str, str]
    again: dict[str, str]
    drawn: dict[str, str]
    drawn_again: int
    """Number of elements that the second build has drawn."""


@pytest.fixture(scope="module")
def steps(tmp_path_factory) -> dict[str, Step]:
    site = make_site(tmp_path_factory.mktemp("kept"), PAGES)
    write("src/extra.py", EXTRA)(site)
    write("src/listed.py", LISTED)(site)
    write("pyproject.toml", '[tool.bmvis]\npath = ["src"]\n[tool.bmvis.models]\nsmall = "zoo:tiny(layers=1)"\n')(site)
    write("names.toml", 'models = ["Sequential"]\n[names]\n"$" = "block.$"\n')(site)
    write("results.csv", "model,accuracy\nSmall,0.7\n")(site)
    write_weights(site, "one.safetensors", 3)
    outcome(site)
    assert len(kept(site)) > 9, "nothing is kept, so that nothing is tested"
    steps = {}
    for name, change in EDITS.items():
        change(site)
        edited = outcome(site)
        with pytest.MonkeyPatch.context() as patch:
            drawn = count_drawings(patch)
            again = outcome(site)
        for entry in kept(site):
            entry.unlink()
        steps[name] = Step(edited, again, outcome(site), len(drawn))
    return steps


def outcome(site: Path) -> dict[str, str]:
    """Build the site, and return its pages and messages."""
    config = load_config(str(site / "mkdocs.yml"))
    messages = Messages()
    logger = logging.getLogger("mkdocs")
    logger.addHandler(messages)
    logger.setLevel(logging.INFO)
    try:
        build(config)
    finally:
        logger.removeHandler(messages)
        logger.setLevel(logging.NOTSET)
    written = Path(config.site_dir)
    pages = {file.relative_to(written).as_posix(): file.read_text() for file in written.rglob("*.html")}
    pages["search"] = (written / "search/search_index.json").read_text()
    pages["messages"] = "\n".join(messages.texts)
    return {name: re.sub(r"Build Date UTC : .*", "", text) for name, text in pages.items()}


def count_drawings(patch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each build adds what it draws."""
    drawn: list[str] = []

    def store(self: HtmlCache, recorder: DependencyRecorder, html: str, *key: object) -> CachedHtml:
        drawn.append(html)
        return recorder.entry(html)

    patch.setattr(HtmlCache, "store", store)
    return drawn


class Messages(logging.Handler):
    """Keeps what bmvis and others log from now on, except the time that the build took."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "Documentation built in" not in record.getMessage():
            self.texts.append(f"{record.levelname} {record.getMessage()}")


def kept(site: Path) -> list[Path]:
    """Return the entries of the cache that have HTML."""
    start = len(fingerprint.of_bytes(b""))
    entries = (site / CACHE).glob("*.bmvis")
    return [one for one in entries if msgspec.msgpack.decode(one.read_bytes()[start:])["built"]["type"] == "drawing"]


@pytest.mark.parametrize("name", EDITS)
def test_pages_and_messages_are_those_of_a_build_that_draws_everything(steps, name):
    step = steps[name]
    for file in step.drawn.keys() | step.edited.keys() | step.again.keys():
        assert step.edited.get(file) == step.drawn.get(file), f"{file}, after the edit"
        assert step.again.get(file) == step.drawn.get(file), f"{file}, unchanged"


@pytest.mark.parametrize("name", EDITS)
def test_nothing_is_drawn_without_a_change_not_even_with_problems(steps, name):
    assert (steps[name].drawn_again == 0) == (name not in UNKEPT)


@pytest.mark.parametrize(("before", "name"), list(pairwise(EDITS)))
def test_edits_change_what_is_written(steps, before, name):
    is_changed = steps[name].drawn != steps[before].drawn
    assert is_changed == (name not in UNSEEN)
