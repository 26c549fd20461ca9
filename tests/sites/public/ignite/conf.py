"""The settings of PyTorch-Ignite, revision de08e79, which builds with -j auto -WT. Its theme derives from this one."""

project = "ignite"
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.intersphinx",
    "sphinx.ext.todo",
    "sphinx.ext.coverage",
    "sphinxcontrib.katex",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.autosectionlabel",
    "sphinx_copybutton",
    "sphinx_togglebutton",
    "sphinx_design",
]
html_theme = "sphinx_rtd_theme"
nitpicky = True
autodoc_typehints = "description"
autosectionlabel_prefix_document = True
