"""The settings of OpenDelta (thunlp), revision 067eed2, whose pages are in MyST."""

project = "opendelta"
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.githubpages",
    "sphinx_copybutton",
    "sphinx_toolbox.collapse",
    "myst_parser",
]
html_theme = "sphinx_rtd_theme"
html_theme_options = {"navigation_depth": 2}
myst_enable_extensions = ["html_image", "colon_fence", "html_admonition", "amsmath", "dollarmath"]
