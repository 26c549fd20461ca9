"""The settings of snntorch (jeshraghian), revision 634fc22."""

project = "snntorch"
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
]
html_theme = "sphinx_rtd_theme"
