"""Write `_trees/NAME.qmd` for each model in pyproject.toml, before Quarto renders the site."""

import re
import subprocess
from pathlib import Path

import tomllib

FOLDER = Path("_trees")
models = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["bmvis"]["models"]
FOLDER.mkdir(exist_ok=True)
for name in models:
    command = ["bmvis", "show", name, "--path", "src", "--html", "-"]
    page = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    *_, style = re.findall(r"<style>.*?</style>", page, re.DOTALL)
    tree = re.search(r"<main>(.*)</main>", page, re.DOTALL)[1]
    tree = re.sub(r'( id="|href="#)model', rf"\g<1>{name}", tree)  # a page can include several trees
    (FOLDER / f"{name}.qmd").write_text(f"```{{=html}}\n{style}\n{tree}\n```\n")
