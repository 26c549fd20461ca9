import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from options_table import TABLES

project = "bmvis"
extensions = ["sphinx_bmvis", "myst_parser"]
myst_enable_extensions = ["colon_fence", "substitution"]
myst_substitutions = TABLES
html_theme = "furo"
html_title = "bmvis"
bmvis_path = [".."]
