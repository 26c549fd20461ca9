import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from dialects import for_sphinx
from site_pages import PAGES, toctrees, write_redirects

HERE = Path(__file__).parent
project = "bmvis"
extensions = [
    "sphinx_bmvis",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["*/README*"]
html_theme = "furo"
html_title = "bmvis"
html_show_copyright = html_show_sourcelink = html_copy_source = False
bmvis_path = [".."]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
copybutton_prompt_text = "$ "
copybutton_exclude = ".linenos, .gp, .go"
autodoc_mock_imports = ["torch"]
autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
default_role = "code"  # as Markdown has it, in docstrings


def setup(app):
    """Write the pages of both sites in MyST into this folder, where Sphinx finds them."""
    for page in PAGES.glob("*.md"):
        text = for_sphinx(page.read_text())
        write(HERE / page.name, f"{text}\n{toctrees()}\n" if page.stem == "index" else text)
    for stale in {file.name for file in HERE.glob("*.md")} - {page.name for page in PAGES.glob("*.md")}:
        (HERE / stale).unlink()
    app.connect("build-finished", redirect)


def write(file, text):
    """Write a file if it changes: Sphinx reads a page again when its time does."""
    if not file.exists() or file.read_text() != text:
        file.write_text(text)


def redirect(app, exception):
    if app.builder.name == "html" and not exception:
        write_redirects(Path(app.outdir), "{}.html".format)
