"""The layout of the documentation that the source document is from."""

project = "OpenDelta"
extensions = ["myst_parser", "sphinx_rtd_theme", "sphinx_copybutton", "sphinx_toolbox.collapse", "sphinx_design"]
extensions += ["sphinx.ext.autosectionlabel", "sphinx_bmvis"]
myst_enable_extensions = ["html_image", "colon_fence", "html_admonition", "amsmath", "dollarmath"]
html_theme = "sphinx_rtd_theme"
numfig = True
bmvis_path = ["."]
