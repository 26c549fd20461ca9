"""The settings of skorch (skorch-dev), revision 5db0ddc."""

project = "skorch"
extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.autosectionlabel",
    "sphinx.ext.intersphinx",
]
html_theme = "sphinx_rtd_theme"
numpydoc_show_class_members = False
autosectionlabel_prefix_document = True
