"""`bmvis update`: the regions of a README follow the models, and everything else stays."""

import re
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner
from docutils import nodes
from docutils.core import publish_doctree
from markdown_it import MarkdownIt

from bmvis.cli import main
from bmvis.cli.marked_regions import find_regions
from bmvis.errors import BmvisError
from bmvis.worker.client import Worker

ZOO = """
from torch import nn
def small(width=8):
    return nn.Sequential(nn.Linear(width, width), nn.ReLU())
def large():
    return nn.Linear(1000, 1000)
def nested(shape):
    return nn.Sequential(nn.Linear(shape[1][0] * shape[0], shape[1][1], bias=False))
def hostile():
    model = nn.Module()
    model.add_module("```\\n<!-- /bmvis -->", nn.Linear(2, 2))
    return model
def broken():
    raise ValueError("no weights")
"""
README = """\
# Models

The large one has <!-- bmvis: fact zoo:large -->?<!-- /bmvis --> parameters, exactly
<!-- bmvis: fact zoo:large format=exact --><!-- /bmvis -->,
or <!-- bmvis: fact zoo:large format=words --><!-- /bmvis -->;
one call takes <!-- bmvis: fact zoo:small of=macs inputs="float32[1, 8]" --><!-- /bmvis --> MACs.

<!-- bmvis: table columns="name, parameters, own" sort=parameters
zoo:small(width=4) | Small
zoo:large | | | own=1
-->
<!-- /bmvis -->

```html
<!-- bmvis: tree zoo:absent -->
```

- In a list:

  <!-- bmvis: tree zoo:hostile -->
  old text
  <!-- /bmvis -->

`<!-- bmvis: tree zoo:absent -->` is code.
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zoo.py").write_text(ZOO)

    def update(text, *arguments, name="README.md"):
        if text is not None:
            (tmp_path / name).write_bytes(text.encode())
        done = CliRunner().invoke(main, ["update", name, *arguments])
        return done, (tmp_path / name).read_bytes().decode()

    return update


def test_a_readme_is_filled_and_a_second_run_changes_nothing(run, tmp_path):
    done, text = run(README)
    assert done.exit_code == 0, done.output
    assert "has <!-- bmvis: fact zoo:large -->1M<!-- /bmvis --> parameters" in text
    assert "format=exact -->1,001,000<!-- /bmvis -->,\nor " in text
    assert "format=words -->1 million<!-- /bmvis -->;" in text
    assert '"float32[1, 8]" -->64<!-- /bmvis --> MACs' in text
    rows = ["| Model | Parameters | own |", "| ----- | ---------: | --: |"]
    rows += ["| large |         1M |   1 |", "| Small |         20 |   – |"]
    assert f"\n\n{chr(10).join(rows)}\n\n<!-- /" in text
    assert "\n  ~~~~text\n  root\n" in text
    assert "old text" not in text
    assert text.count("zoo:absent") == 2
    assert "<table>" in MarkdownIt("gfm-like", {"linkify": False}).render(text)
    again, same = run(None)
    assert (again.exit_code, again.output, same) == (0, "", text)


def test_a_project_answers_from_its_cache(run, tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text("")
    assert run(README)[0].exit_code == 0

    def ask(self, request):
        raise BmvisError("asked")

    monkeypatch.setattr(Worker, "reply", ask)
    assert run(None, "--check")[0].exit_code == 0
    assert CliRunner().invoke(main, ["check", "README.md"]).exit_code == 0
    assert "asked" in run(None, "--check", "--no-cache")[0].output
    assert "asked" in CliRunner().invoke(main, ["check", "README.md", "--no-cache"]).output
    (tmp_path / "zoo.py").write_text(ZOO.replace("1000", "1001"))
    assert "asked" in run(None, "--check")[0].output


def test_a_folder_without_a_project_gets_no_cache(run, tmp_path):
    assert run(README)[0].exit_code == 0
    assert not (tmp_path / ".bmvis-cache").exists()


def test_an_invalid_project_is_reported(run, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.bmvis]\nmodels = 3\n")
    done, text = run(README)
    assert (done.exit_code, text) == (2, README)
    assert done.output.startswith("Error: ")
    assert "pyproject.toml" in done.output


def test_facts_of_modules_and_of_references_with_nested_brackets(run):
    done, text = run("A <!-- bmvis: fact zoo:nested(shape=(1, (2, 3))):0 of=size format=exact --><!-- /bmvis --> b\n")
    assert done.exit_code == 0, done.output
    assert "-->24 bytes<!-- /bmvis --> b" in text


def test_check_writes_nothing_and_shows_the_difference(run, tmp_path):
    text = "a\r\n\r\n<!-- bmvis: table zoo:small -->\r\n<!-- /bmvis -->\r\n\r\nb"
    stale, same = run(text, "--check")
    assert (stale.exit_code, same) == (1, text)
    row = re.search(r"^\+(\| small .*\|)$", stale.output, re.MULTILINE)[1]
    assert row.replace(" ", "") == "|small|72|288|"
    assert "README.md is not up to date" in stale.output
    _, written = run(None)
    assert "\n" not in written.replace("\r\n", "")
    assert run(None, "--check")[0].exit_code == 0
    (tmp_path / "zoo.py").write_text(ZOO.replace("width=8", "width=9"))
    changed, _ = run(None, "--check")
    assert f"-{row}" in changed.output.replace("\r", "")
    assert "+" + row.replace("72", "90").replace("288", "360") in changed.output.replace("\r", "")


def test_bmvis_check_checks_a_file_too(run):
    stale, text = run("<!-- bmvis: fact zoo:large --><!-- /bmvis -->\n", "--check")
    checked = CliRunner().invoke(main, ["check", "README.md"])
    assert (checked.exit_code, checked.output) == (1, stale.output)
    run(text)
    assert CliRunner().invoke(main, ["check", "README.md"]).exit_code == 0
    mixed = CliRunner().invoke(main, ["check", "README.md", "bert"])
    assert (mixed.exit_code, "in two commands" in mixed.output) == (2, True)


def test_restructuredtext_has_tables_and_trees(run):
    tree = "* a\n\n  .. bmvis: tree zoo:small\n\n  .. /bmvis\n\nEnd\n"
    text = f"Models\n======\n\n.. bmvis: table zoo:small\n\n.. /bmvis\n\n{tree}"
    done, written = run(text, name="README.rst")
    assert done.exit_code == 0, done.output
    tree = publish_doctree(written)
    tags = [node.tagname for node in tree.findall()]
    assert (tags.count("table"), tags.count("literal_block"), tags.count("system_message")) == (1, 1, 0)
    assert "literal_block" in [node.tagname for node in next(tree.findall(nodes.list_item)).children]
    assert "72 parameters" in tree.astext()
    assert tree.astext().endswith("End")
    assert run(None, name="README.rst")[1] == written


MISTAKES = {
    "<!-- bmvis: tables zoo:small -->\n<!-- /bmvis -->": "no region of the kind 'tables' (did you mean 'table'?)",
    "<!-- bmvis: table zoo:small -->": "this region has no end (add <!-- /bmvis --> after it)",
    "<!-- /bmvis -->": "this end of a region has no start",
    "<!-- bmvis: tree -->\n<!-- /bmvis -->": "the tree has no model (write bmvis: tree package.module:factory)",
    "<!-- bmvis: tree zoo:small depth -->\n<!-- /bmvis -->": "'depth' is neither a reference nor an option",
    "<!-- bmvis: tree zoo:small deep=1 -->\n<!-- /bmvis -->": "unknown option 'deep' (did you mean 'depth'?)",
    "<!-- bmvis: table zoo:small columns=name,x -->\n<!-- /bmvis -->": "the table has no column 'x'",
    "<!-- bmvis: table zoo:broken -->\n<!-- /bmvis -->": "'zoo:broken' raised ValueError: no weights",
    "<!-- bmvis: table zoo:small columns=macs inputs=float32[3] -->\n<!-- /bmvis -->": "could not be called",
    "<!-- bmvis: fact zoo:small of=weight -->\n<!-- /bmvis -->": "invalid value 'weight' for option 'of'",
    "<!-- bmvis: fact zoo:small of=macs -->\n<!-- /bmvis -->": "'macs' requires 'inputs'",
    "<!-- bmvis: fact zoo:small of=active -->\n<!-- /bmvis -->": "'zoo:small' has no value of 'active'",
    "a <!-- bmvis: tree zoo:small -->\n<!-- /bmvis -->": "a tree needs lines of its own",
}


def test_a_mistake_has_its_line_and_leaves_the_file_as_it_was(run, tmp_path):
    for text, message in MISTAKES.items():
        done, same = run(f"x\n\n{text}\n")
        assert message in done.output
        assert "README.md:3: " in done.output
        assert (done.exit_code, same) == (2, f"x\n\n{text}\n")


def test_one_region_that_fails_keeps_all_others_of_the_file(run):
    text = "<!-- bmvis: fact zoo:large --><!-- /bmvis --> <!-- bmvis: fact zoo:broken --><!-- /bmvis -->"
    done, same = run(text)
    assert "Error: README.md:1: 'zoo:broken' raised ValueError: no weights" in done.output
    assert (done.exit_code, same) == (2, text)


def test_a_file_without_a_region_is_no_error_for_the_hook(run):
    done, _ = run("nothing\n")
    assert (done.exit_code, done.output) == (0, "README.md has no region to update: see `bmvis update --help`\n")


def test_a_file_that_cannot_be_read(run, tmp_path):
    done = CliRunner().invoke(main, ["update", "absent.md"])
    assert "absent.md: cannot read the file: No such file or directory" in done.output
    assert done.exit_code == 2


CODE = {
    "span": "`<!-- bmvis: fact zoo:small -->1<!-- /bmvis -->`",
    "span of two": "``a ` <!-- bmvis: fact zoo:small -->1<!-- /bmvis -->``",
    "span of two lines": "a `b\n<!-- bmvis: fact zoo:small -->1<!-- /bmvis --> c` d",
    "fence in a list": "1. ```html\n\n   <!-- bmvis: fact zoo:small -->1<!-- /bmvis -->\n\n   ```",
    "fence in a quote": "> ~~~\n> <!-- bmvis: fact zoo:small -->1<!-- /bmvis -->\n> ~~~",
    "fence in a fence": "````\n```\n<!-- bmvis: fact zoo:small -->1<!-- /bmvis -->\n```\n````",
}
LITERAL = {
    "paragraph": "Write::\n\n   .. bmvis: tree zoo:small\n\n   .. /bmvis\n",
    "directive": ".. code-block:: rst\n   :caption: x\n\n   .. bmvis: tree zoo:small\n\n   .. /bmvis\n",
    "in a list": "* a\n\n  b::\n\n    .. bmvis: tree zoo:small\n\n    .. /bmvis",
}


@pytest.mark.parametrize(
    ("name", "code"),
    [*(("README.md", code) for code in CODE.values()), *(("README.rst", code) for code in LITERAL.values())],
    ids=[*CODE, *LITERAL],
)
def test_code_is_not_a_region_but_what_follows_is(run, name, code):
    follows = {
        "README.md": "<!-- bmvis: tree zoo:small -->\n<!-- /bmvis -->\n",
        "README.rst": ".. bmvis: tree zoo:small\n\n.. /bmvis\n",
    }[name]
    done, written = run(f"{code}\n\n{follows}", name=name)
    assert done.exit_code == 0, done.output
    assert written.startswith(f"{code}\n\n{follows[:10]}")
    assert "72 parameters" in written.removeprefix(code)


@pytest.mark.parametrize("code", [*CODE.values(), *LITERAL.values()], ids=[*CODE, *LITERAL])
def test_line_breaks_of_windows_make_no_difference(code):
    is_rst = code in LITERAL.values()
    mark = ".. bmvis: tree zoo:small\n\n.. /bmvis" if is_rst else "<!-- bmvis: fact zoo:small -->\n<!-- /bmvis -->"
    text = f"{code}\n\n{mark}\n"
    [region] = find_regions(text, is_rst)
    [same] = find_regions(text.replace("\n", "\r\n"), is_rst)
    assert (
        (same.arguments, same.line)
        == (region.arguments, region.line)
        == (("zoo:small",), text[: -len(mark)].count("\n") + 1)
    )


@pytest.mark.parametrize("before", ["a \\` b", "a ` b", "`a\n\nb`", "``a` b"])
def test_a_backtick_without_its_pair_is_no_code(run, before):
    done, written = run(f"{before} <!-- bmvis: fact zoo:small --><!-- /bmvis -->\n")
    assert (done.exit_code, written) == (0, f"{before} <!-- bmvis: fact zoo:small -->72<!-- /bmvis -->\n")


@pytest.mark.parametrize("text", ["` `` ``` " * 20_000, "::\n\n" * 50_000, "a::\n b\n" * 50_000])
def test_regions_of_a_long_text_are_found_in_linear_time(text):
    for is_rst in (False, True):
        assert not list(find_regions(text, is_rst))


ORDER = ("docs/small-light.svg", "docs/small-dark.svg")
PICTURE = "# P\n\n<!-- bmvis: picture zoo:small file=docs/small depth=2 -->\n<!-- /bmvis -->\n"
ON_GITHUB = {"picture": set(), "source": {"media", "srcset"}, "img": {"src", "alt"}}
"""The elements and attributes of GitHub's Markdown that a picture has."""


def test_a_picture_is_two_files_and_markup_that_github_keeps(run, tmp_path):
    done, text = run(PICTURE)
    assert done.exit_code == 0, done.output
    files = [tmp_path / "docs" / f"small-{scheme}.svg" for scheme in ("light", "dark")]
    assert set(files) == set((tmp_path / "docs").iterdir())
    assert done.output.split() == [word for name in ("README.md", *ORDER) for word in ("updated", name)]
    light, dark = (ElementTree.parse(file).getroot() for file in files)
    assert "".join(light.itertext()).count("Linear") == "".join(dark.itertext()).count("Linear") == 1
    assert "#24292f" in files[0].read_text()
    assert "#24292f" not in files[1].read_text()
    assert "prefers-color-scheme" not in files[0].read_text() + files[1].read_text()
    html = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    [picture] = BeautifulSoup(html, "html5lib").select("picture")
    assert {each.name: set(each.attrs) for each in (picture, *picture.select("*"))} == ON_GITHUB
    assert picture.img["src"] == "docs/small-light.svg"
    assert picture.source["srcset"] == "docs/small-dark.svg"
    assert picture.img["alt"] == "Structure of Sequential: 72 parameters, 288 bytes"
    before = [file.read_bytes() for file in files]
    assert run(None)[0].output == ""
    assert [file.read_bytes() for file in files] == before


def test_check_reports_a_stale_or_missing_picture_and_writes_none(run, tmp_path):
    run(PICTURE)
    dark = tmp_path / "docs" / "small-dark.svg"
    for change in (lambda: dark.write_text("old"), dark.unlink):
        change()
        done, _ = run(None, "--check")
        assert done.exit_code == 1
        assert done.output == "docs/small-dark.svg is not up to date: run `bmvis update README.md`\n"
    assert not dark.exists()
    assert run(None)[0].output == "updated docs/small-dark.svg\n"
    (tmp_path / "zoo.py").write_text(ZOO.replace("width=8", "width=9"))
    done, _ = run(None, "--check")
    assert done.output.count("not up to date") == 3


def test_a_picture_in_restructuredtext(run, tmp_path):
    text = "P\n=\n\n.. bmvis: picture zoo:hostile file=h alt=Small\n\n.. /bmvis\n"
    done, written = run(text, name="README.rst")
    assert done.exit_code == 0, done.output
    [image] = [node for node in publish_doctree(written).findall() if node.tagname == "image"]
    assert (image["uri"], image["alt"]) == ("h-light.svg", "Small")


def test_a_picture_with_flow_only_is_the_figure(run, tmp_path):
    done, text = run('<!-- bmvis: picture zoo:small file=s flow=only inputs="float32[1, 8]" -->\n<!-- /bmvis -->\n')
    assert done.exit_code == 0, done.output
    light, dark = ((tmp_path / f"s-{scheme}.svg").read_text() for scheme in ("light", "dark"))
    assert [box.text for box in ElementTree.fromstring(light).iter("{http://www.w3.org/2000/svg}text")].count("Linear")
    assert "#24292f" in light
    assert "#24292f" not in dark
    assert "prefers-color-scheme" not in light + dark
    assert 'alt="Architecture of Sequential: 72 parameters, 288 bytes"' in text


def test_options_on_a_second_line_are_an_error(run):
    done, _ = run("<!-- bmvis: tree zoo:small\ndepth=1 -->\n<!-- /bmvis -->\n")
    assert done.exit_code == 2
    assert "README.md:1: the tree has a second line 'depth=1' (write it on the first line)" in done.output


@pytest.mark.parametrize("file", ["", "file=/tmp/x", "file=../x", "file=a/../../x", 'file="a b"'])
def test_a_picture_is_below_the_folder_of_the_readme(run, tmp_path, file):
    done, _ = run(f"<!-- bmvis: picture zoo:small {file} -->\n<!-- /bmvis -->\n")
    assert done.exit_code == 2
    assert "README.md:1: the picture has no valid file" in done.output
    assert not list(tmp_path.rglob("*.svg"))
