import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "src"))

numfig = True
project = "Small models"
extensions = ["sphinx_bmvis", "myst_parser"]
myst_enable_extensions = ["colon_fence"]
exclude_patterns = ["_build"]
author = "bmvis"
version = release = "1"
html_theme = "basic"
html_last_updated_fmt = None
bmvis_python = os.environ.get("TORCH_PYTHON", sys.executable)  # .ci/pythons: not every Python has torch
