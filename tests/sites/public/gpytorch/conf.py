"""The settings of GPyTorch (cornellius-gp), revision 7c4ec80. Its m2r2 does not load in Sphinx 9."""

project = "gpytorch"
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.coverage",
    "sphinx.ext.githubpages",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_autodoc_typehints",
    "nbsphinx",
]
html_theme = "sphinx_rtd_theme"
html_theme_options = {"collapse_navigation": False}
