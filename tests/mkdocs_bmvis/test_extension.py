import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from hosts import SITE
from markdown import Markdown
from pythons import TORCH_PYTHON

from bmvis.render.html import assets
from mkdocs_bmvis.drawing import shared_elements
from mkdocs_bmvis.elements_in_html import draw_in_html
from mkdocs_bmvis.page import HostPage
from mkdocs_bmvis.settings import Settings

ELEMENT = '<model-structure factory="zoo:tiny"></model-structure>'


def test_trees_of_one_page_have_distinct_ids(render):
    page = render(f'{ELEMENT}\n{ELEMENT}\n\n<model-structure factory="zoo:tiny" name="mine" />')
    ids = [tag["id"] for tag in page.soup.select("[id]")]
    assert len(page.trees) == 3
    assert len(ids) == len(set(ids))
    assert "mine.0.0" in ids


def test_error_in_included_text_quotes_the_text(render, caplog, tmp_path):
    (tmp_path / "part.md").write_text('<model-structure factory="zoo:tiny" dept="1" />')
    render('--8<-- "part.md"', ["pymdownx.snippets"], {"pymdownx.snippets": {"base_path": str(tmp_path)}})
    assert caplog.messages[0].startswith('in included text, <model-structure factory="zoo:tiny" dept="1" />: unknown')


def test_tree_keeps_its_name_if_a_heading_has_it(render, caplog):
    page = render('# Tiny\n\n<model-structure factory="zoo:tiny" name="tiny" />\n\n## Tiny\n', ["toc"])
    assert page.trees[0]["id"] == "tiny"
    assert [heading["id"] for heading in page.soup.select("h1, h2")] == ["tiny_1", "tiny_2"]
    assert len(page.soup.select("#tiny")) == 1
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("heading", "element"),
    [
        ("Gallery", '<model-gallery models="zoo:tiny" />'),
        ("bmvis gallery", '<model-gallery models="zoo:tiny" />'),
        ("bmvis table", '<model-table models="zoo:tiny" />'),
        ("Model tiny", '<model-structure factory="zoo:tiny" />'),
        ("Mine", '<model-gallery models="zoo:tiny" name="mine" />'),
    ],
)
def test_ids_of_elements_and_headings_differ(render, heading, element):
    page = render(f"## {heading}\n\n{element}\n\n## {heading}\n", ["toc"]).soup
    ids = [found["id"] for found in page.select("[id]")]
    assert len(page.select(".bmvis, .bmvis-table")) >= 1
    assert len(page.select("h2[id]")) == 2
    assert len(ids) == len(set(ids))


def test_heading_named_gallery_keeps_its_id_beside_a_gallery(render):
    page = render('## Gallery\n\n<model-gallery models="zoo:tiny" />\n', ["toc"]).soup
    assert page.select_one("h2")["id"] == "gallery"


def test_element_in_a_heading_is_reported_once_and_is_not_in_its_id(render, caplog):
    element = '<model-structure factory="zoo:tiny" />'
    page = render(f"## Tree {element}\n\nText {element}\n", ["toc"]).soup
    assert page.select_one("h2")["id"] == "tree"
    places = [message.partition(": this <model-structure> is in a place")[0] for message in caplog.messages]
    assert places == ["line 1", "line 3"]


@pytest.mark.parametrize("text", [r"The tag \<model-structure>", "The tag <model-structure /> draws."])
def test_tag_as_text_is_reported_with_how_to_write_it(render, caplog, text):
    render(text)
    (message,) = caplog.messages
    assert message.endswith("(to show the tag as text, write `<model-structure>` in backticks)")


def test_duplicate_name_is_a_warning(render, caplog):
    page = render('<model-structure factory="zoo:tiny" name="a" />\n\n' * 2)
    assert [tree["id"] for tree in page.trees] == ["a", "a-2"]
    assert "line 3: duplicate tree name 'a' on this page" in caplog.text


@pytest.mark.parametrize(
    ("again", "warned"), [("", False), ('<model-structure factory="zoo:tiny" depth="1" name="a" />', True)]
)
def test_snippet_on_a_page_twice_is_no_duplicate_name(render, caplog, tmp_path, again, warned):
    (tmp_path / "part.md").write_text('<model-structure factory="zoo:tiny" name="a" />')
    snippets = {"pymdownx.snippets": {"base_path": str(tmp_path)}}
    page = render(f'--8<-- "part.md"\n\n--8<-- "part.md"\n\n{again}\n', ["pymdownx.snippets"], snippets)
    assert [tree["id"] for tree in page.trees] == ["a", "a-2", "a-3"][: 2 + warned]
    assert ("duplicate tree name" in caplog.text) is warned


def test_standalone_page_has_stylesheet_and_script_once(render):
    page = render(f"{ELEMENT}\n\n{ELEMENT}", assets=True)
    (sheet,) = page.soup.select("style")
    assert ".bmvis" in sheet.string
    assert [script.string for script in page.soup.select("script")] == [
        assets.text(file) for file in (assets.SCRIPT, assets.ROWS_SCRIPT)
    ]
    assert "style" not in render("no tree", assets=True).html


def test_settings_are_defaults_for_attributes(render):
    page = render(f'{ELEMENT}\n\n<model-structure factory="zoo:tiny" non-params="no" />', options={"non-params": True})
    assert ["ReLU" in tree.get_text() for tree in page.trees] == [True, False]


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        pytest.param('factory="zoo:tiny" dept="2"', "unknown attribute 'dept' (did you mean 'depth'?)", id="attribute"),
        pytest.param('factori="zoo:tiny"', "unknown attribute 'factori' (did you mean 'factory'?)", id="factory-name"),
        pytest.param('model="zoo:tiny"', "unknown attribute 'model' (did you mean 'factory'?)", id="name-of-another"),
        pytest.param('depth="2"', "the attribute 'factory' is missing", id="no-factory"),
        pytest.param('factory="zoo:tiny" depth="x"', "invalid value 'x' for option 'depth'", id="value"),
        pytest.param('factory="zoo.tiny"', "no ':' in the factory reference", id="reference"),
        pytest.param('factory="zo:tiny"', "no module named 'zo' (did you mean 'zoo'?)", id="module"),
        pytest.param('factory="zoo.big:tiny"', "no module named 'zoo.big' (install the package", id="no-package"),
        pytest.param(
            'factory="unheard_of:tiny"', "add its folder to `path`; searched tests/sites/markdown/src", id="searched"
        ),
        pytest.param(
            'factory="torch.nnn:Linear"', "no module named 'torch.nnn' (did you mean 'torch.nn'?)", id="in-package"
        ),
        pytest.param('factory="zoo:tinny"', "'zoo' has no 'tinny'", id="name"),
        pytest.param(
            'factory="zoo:tiny(layer=2)"',
            "got an unexpected keyword argument 'layer' (expected: layers, width)",
            id="argument",
        ),
        pytest.param(
            'factory="zoo:raising(1)"',
            "too many positional arguments (expected no arguments)",
            id="too-many",
        ),
        pytest.param(
            'factory="torch.nn:Linear"',
            "'in_features' (write torch.nn:Linear(in_features=…, out_features=…))",
            id="no-argument",
        ),
        pytest.param('factory="zoo:raising"', "raised ValueError: no weights", id="raises"),
        pytest.param('factory="zoo:no_module"', "returned a dict", id="no-module"),
        pytest.param('factory="zoo:ending"', "ended with exit code 3", id="ends-the-process"),
    ],
)
def test_invalid_element_is_a_warning_with_line_and_a_box(render, caplog, attributes, message):
    text = f"# Title\n\n{ELEMENT}\n\n- item\n\n    <model-structure\n      {attributes}>\n    </model-structure>\n"
    page = render(text)
    assert [len(page.trees), len(page.boxes)] == [1, 1]
    (record,) = caplog.records
    assert record.name == "mkdocs.plugins.bmvis"
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith("line 7: ")
    assert message in record.getMessage()
    assert message.partition(" (")[0] in page.boxes[0].get_text()


def test_failed_tree_keeps_its_anchor(render):
    page = render('<model-structure factory="zoo:raising" name="mine" />')
    assert page.soup.select_one("#mine + .bmvis-error")
    assert not render('<model-structure factory="zoo:raising" name="<b>" />').soup.select("b, [id]")


@pytest.mark.parametrize("cwd", [SITE, SITE / "docs"], ids=["above", "inside"])
def test_package_off_the_path_is_reported_with_its_folder(render, caplog, cwd):
    render(ELEMENT, cwd=str(cwd), path=["."])
    where = "src" if cwd == SITE else "../src"
    assert f"no module named 'zoo' (found one in {where}: add this folder to `path`)" in caplog.text


def test_missing_torch_names_the_python(render, caplog, tmp_path):
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('no torch here', name='torch')")
    page = render(ELEMENT, path=[str(tmp_path), "src"])
    python = Path(TORCH_PYTHON).name
    assert re.search(
        rf"cannot import PyTorch in \S*{re.escape(python)}, the Python that builds the models: no torch here",
        caplog.text,
    )
    assert "install torch there" in page.boxes[0].get_text()


def test_unclosed_element_does_not_affect_others(render, caplog):
    page = render('<model-structure factory="zoo:tiny\n\n' + "word\n\n" * 5000 + ELEMENT)
    assert "line 1: the value of 'factory' has no closing quote" in caplog.text
    assert page.html.count("<p>word</p>") == 5000
    assert len(page.trees) == 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"text\n{ELEMENT}", id="no-empty-line"),
        pytest.param(f"text {ELEMENT} text", id="inline"),
        pytest.param(f"<table><tr><td>\n{ELEMENT}</td></tr></table>", id="cell"),
        pytest.param("<div><model-structure\nfactory=\"zoo:tiny('>')\" /></div>", id="angle-in-value"),
    ],
)
def test_element_in_unsupported_position_is_a_warning(render, caplog, text):
    page = render(f"\n{text}")
    assert len(page.boxes) == 1
    assert "<model-structure" not in page.html
    (record,) = caplog.records
    assert f"line {text[: text.index('<model')].count(chr(10)) + 2}: " in record.getMessage()


def test_texts_converted_by_one_instance_are_independent():
    md = Markdown(
        extensions=["bmvis"], extension_configs={"bmvis": {"cwd": str(SITE), "path": ["src"], "python": TORCH_PYTHON}}
    )
    first, second = md.convert(ELEMENT), md.reset().convert(ELEMENT)
    assert first == second
    assert first.count("<style>") == 1


@pytest.mark.parametrize(
    ("html", "parents"),
    [
        (f"<div>{ELEMENT}</div>", ["section", "div"]),
        (f"<div><p>{ELEMENT}</p>\n</div>", ["section", "div"]),
        (f"<p>It is {ELEMENT}</p>", ["section", "body"]),
    ],
    ids=["block", "paragraph", "in-text"],
)
def test_element_in_html_of_another_converter_is_drawn(html, parents):
    elements = shared_elements(Settings(path=("src",), cwd=str(SITE), python=TORCH_PYTHON).below(None))
    soup = BeautifulSoup(draw_in_html(f"<!-- {ELEMENT} -->{html}", elements, HostPage(""), None), "html5lib")
    (tree,) = soup.select(".bmvis")
    assert [parent.name for parent in tree.parents][: len(parents)] == parents
    assert ELEMENT in str(soup)


@pytest.mark.parametrize(
    ("text", "shown", "element"),
    [
        pytest.param(
            "```{model-structure} zoo:bert\n:depth: 1\n```",
            "```{model-structure}",
            'model-structure factory="zoo:bert"',
            id="fence",
        ),
        pytest.param(
            "~~~ {Model_Optimizer} zoo:bert\n~~~",
            "~~~ {Model_Optimizer}",
            'model-optimizer factory="zoo:bert"',
            id="tildes",
        ),
        pytest.param(
            ":::{model-gallery}\nzoo:*\n:::",
            ":::{model-gallery}",
            'model-gallery models="package.module:*"',
            id="colons",
        ),
        pytest.param(
            ".. model-compare::\n   :before: a",
            ".. model-compare::",
            'model-compare before="…" after="…"',
            id="directive",
        ),
    ],
)
def test_directive_of_sphinx_is_a_warning_with_its_line(render, caplog, text, shown, element):
    render(f"# A\n\n{text}\n")
    name = element.partition(" ")[0]
    assert caplog.messages == [
        f"line 3: Markdown draws nothing for the directive {shown!r} (write <{element}></{name}>)"
    ]


@pytest.mark.parametrize(
    ("text", "role", "hint"),
    [
        ("It has {params}`zoo:bert` of them.", "{params}", '<model-fact model="package.module:factory" />'),
        ("- :size:`zoo:bert`", ":size:", '<model-fact model="package.module:factory" of="size" />'),
        (
            "See\n\n    {module}`net:a`\n\nor {module}`net:b`",
            "{module}",
            "a link to the name of the tree: [text](page.md#name)",
        ),
        ("# {model-fact}`zoo:bert`", "{model-fact}", '<model-fact model="package.module:factory" />'),
    ],
    ids=["sentence", "list", "after-code", "heading"],
)
def test_role_of_sphinx_is_a_warning_with_its_line(render, caplog, text, role, hint):
    render(f"{text}\n")
    line = text.count("\n") + 1
    assert caplog.messages == [f"line {line}: Markdown draws nothing for the role {role!r} (write {hint})"]


@pytest.mark.parametrize(
    "text",
    [
        "Write `` {params}`zoo:bert` `` in MyST.",
        "Use `{model}` and `{size}`, `:model:`x.",
        "```md\n{params}`zoo:bert`\n```",
        "    See\n    {params}`zoo:bert`",
        "{{model}}`zoo:bert`, {name}`zoo:bert` and a:size:`b`",
        r"\{params}`zoo:bert`",
    ],
    ids=["span", "spans", "fence", "indented", "other", "escaped"],
)
def test_text_like_a_role_is_no_warning(render, caplog, text):
    render(f"# A\n\n{text}\n")
    assert caplog.messages == []


@pytest.mark.parametrize(
    "text",
    [
        "````markdown\n```{model-structure} zoo:bert\n```\n````",
        "```rst\n.. model-structure:: zoo:bert\n```",
        "    ```{model-structure} zoo:bert\n    ```",
        "The directive `.. model-structure::` draws a tree.",
        "```{model-viewer}\n```",
        "<!--\n.. model-structure:: zoo:bert\n-->",
    ],
    ids=["fence", "code", "indented", "span", "other", "comment"],
)
def test_example_of_a_directive_of_sphinx_is_no_warning(render, caplog, text):
    render(f"# A\n\n{text}\n")
    assert caplog.messages == []


def test_misspelled_element_is_a_warning_with_its_line(render, caplog):
    page = render(
        'text\n\n<model-structur factory="zoo:tiny"></model-structur>\n\n<model-viewer src="a.glb"></model-viewer>'
    )
    assert caplog.messages == ["line 3: unknown element <model-structur> (did you mean <model-structure>?)"]
    assert len(page.boxes) == 1
    assert page.soup.select_one("model-viewer[src]")


def test_on_error_raise_ends_the_build(render):
    with pytest.raises(Exception, match="line 3: unknown attribute 'dept'"):
        render('\n\n<model-structure factory="zoo:tiny" dept="1" />', on_error="raise")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"device": "cpu"}, "unknown setting 'device' (it is an option: write it below", id="option"),
        pytest.param({"pth": ["src"]}, "unknown setting 'pth' (did you mean 'path'?)", id="unknown"),
        pytest.param({"timeout": "soon"}, "setting 'timeout': expected `float`, got `str`", id="type"),
        pytest.param({"timeout": 0}, "setting 'timeout' must be greater than 0", id="no-time"),
        pytest.param(
            {"on_error": "ignore"},
            "setting 'on_error': invalid enum value 'ignore' (valid values: box, raise)",
            id="choice",
        ),
        pytest.param({"options": {"depht": 1}}, "unknown option 'depht' (did you mean 'depth'?)", id="option"),
        pytest.param({"options": {"name": "x"}}, "option 'name' applies to a single tree", id="per-tree"),
        pytest.param({"path": ["sources"]}, "setting 'path': folder", id="folder"),
        pytest.param({"options": "depth"}, "setting 'options' must be a mapping", id="options"),
    ],
)
def test_invalid_setting_is_rejected(render, settings, message):
    with pytest.raises(Exception) as caught:  # noqa: PT011  # Markdown hosts take any
        render(ELEMENT, **settings)
    assert message in str(caught.value)


def test_texts_follow_changed_default_arguments_of_pyproject(tmp_path, render):
    page = "\n\n".join(f'<model-structure factory="zoo:{name}" />' for name in ("tiny", "tiny(layers=4)"))
    for layers in ("3", "5"):
        table = f'[tool.bmvis.arguments]\n"zoo:t*" = "layers={layers}, width=4"\n'
        (tmp_path / "pyproject.toml").write_text(table)
        trees = render(page, cwd=str(tmp_path), path=[str(SITE / "src")]).trees
        assert [tree.select_one(".bmvis-x")["data-x"] for tree in trees] == [layers, "4"]
