"""The settings of TorchMetrics (Lightning-AI), revision dab0333, which builds with -W. Its theme is on no registry."""

project = "torchmetrics"
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.intersphinx",
    "sphinx.ext.todo",
    "sphinx.ext.coverage",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx.ext.autosectionlabel",
    "sphinx.ext.githubpages",
    "sphinx_autodoc_typehints",
    "sphinx_paramlinks",
    "myst_parser",
]
html_theme = "pydata_sphinx_theme"
nitpicky = True
autosummary_generate = True
autosectionlabel_prefix_document = True
