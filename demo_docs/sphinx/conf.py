import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from dialects import for_sphinx
from generated import made_of

project = "bmvis"
extensions = [
    "sphinx_bmvis",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["zoo/README*"]
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
    """Put the pages of both sites into MyST, where this one includes them."""
    app.connect("include-read", read_page)


def read_page(app, path, docname, text):
    text[0] = for_sphinx(text[0])
    for file in made_of():
        app.env.note_dependency(str(file))
