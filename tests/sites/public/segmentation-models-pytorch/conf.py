"""The settings of segmentation_models.pytorch (qubvel-org), revision 5006616."""

project = "segmentation-models-pytorch"
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.coverage",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
]
html_theme = "sphinx_book_theme"
nitpicky = True
autodoc_typehints = "description"
