project = "bmvis"
extensions = ["sphinx_bmvis", "myst_parser"]
myst_enable_extensions = ["colon_fence"]
html_theme = "furo"
html_title = "bmvis"
bmvis_path = [".."]
