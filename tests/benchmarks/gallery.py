"""`make gallery`: one site with a card, a page and a row for every architecture of transformers, as a test of scale.

Each is built from its default configuration, on the meta device. Prints the progress of Sphinx, the time, the memory of
the largest process, which architectures failed and why (most need an optional dependency, or have no default
configuration), and which could not be called.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

ZOO = '''
"""Any architecture of transformers by its name, without weights."""

import torch
from transformers import CONFIG_MAPPING, MODEL_MAPPING, AutoModel


def build(name):
    return AutoModel.from_config(CONFIG_MAPPING[name]())


def tokens(name):
    config = CONFIG_MAPPING[name]()
    if MODEL_MAPPING[type(config)].main_input_name != "input_ids":
        raise ValueError("the model does not take tokens")
    ids = torch.ones(1, 128, dtype=torch.int64)
    decoder = {"decoder_input_ids": ids} if getattr(config, "is_encoder_decoder", False) else {}
    return {"input_ids": ids} | decoder
'''
CONF = """
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
project = "transformers"
extensions = ["sphinx_bmvis"]
html_theme = "furo"
html_copy_source = False
bmvis_options = {"depth": 4}
bmvis_timeout = 30
bmvis_memory = 8_000_000_000
"""
NAMES = "from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES as n; print('\\n'.join(sorted(n)))"
WARNING = re.compile(r"(?P<page>index|table)\.rst:(?P<line>\d+): WARNING: (?P<why>.*)")
NOT_CALLED = "could not be called"


def main(folder: Path, picked: list[str]) -> int:
    names = picked or _run("-c", NAMES).stdout.split()
    _write_site(folder, names)
    started = time.monotonic()
    command = ("-m", "sphinx", "-j", "2", str(folder / "source"), str(folder / "html"))
    built = _run(*command, check=False, stdout=None)
    took = time.monotonic() - started
    failed = _warnings(folder / "source", built.stderr)
    missing = {name for reason, those in failed.items() if NOT_CALLED not in reason for name in those}
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    pages = len(list((folder / "html" / "models").glob("*.html")))
    print(f"{len(names)} architectures, {len(names) - len(missing)} drawn, {len(missing)} failed; {pages} pages")
    print(f"{took:.0f} s, {memory:,.0f} MB in the largest process")
    for reason, those in sorted(failed.items(), key=lambda item: -len(item[1])):
        print(f"{len(those):4} {reason}\n     {', '.join(those)}")
    print(f"file://{(folder / 'html' / 'index.html').resolve()}")
    return built.returncode


def _warnings(source: Path, log: str) -> dict[str, list[str]]:
    """Return the architectures by the reasons of their warnings. One that can't be built has one on each page."""
    written = {page: (source / f"{page}.rst").read_text().splitlines() for page in ("index", "table")}
    found: dict[str, list[str]] = {}
    for match in WARNING.finditer(log):
        if match["page"] == "index" or NOT_CALLED in match["why"]:
            name = written[match["page"]][int(match["line"]) - 1].split(" | ")[1].strip()
            found.setdefault(_shortened(match["why"]), []).append(name)
    return found


def _write_site(folder: Path, names: list[str]) -> None:
    source = folder / "source"
    shutil.rmtree(folder, ignore_errors=True)
    source.mkdir(parents=True)
    lines = "\n".join(f"   architectures:build('{name}') | {name}" for name in names)
    gallery = f".. model-gallery::\n   :toctree: models\n   :sort: name\n   :device: meta\n\n{lines}\n"
    rows = "\n".join(_row(name) for name in names)
    columns = "   :columns: name, type, parameters, size, macs\n   :sort: parameters\n"
    caption = "   :caption: Default configurations; MACs at 128 tokens, if the model takes tokens\n"
    table = f".. model-table::\n   :device: meta\n{columns}{caption}\n{rows}\n"
    source.joinpath("architectures.py").write_text(ZOO)
    source.joinpath("conf.py").write_text(CONF)
    contents = ".. toctree::\n\n   table\n"
    source.joinpath("index.rst").write_text(f"Architectures\n=============\n\n{gallery}\n{contents}")
    source.joinpath("table.rst").write_text(f"Numbers of all architectures\n============================\n\n{table}")


def _row(name: str) -> str:
    return f"   architectures:build('{name}') | {name} | | inputs=architectures:tokens('{name}')"


def _run(*arguments: str, check: bool = True, stdout: int | None = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    offline = os.environ | {"HF_HUB_OFFLINE": "1"}  # a default configuration that asks for a download fails at once
    command = [sys.executable, *arguments]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=check, env=offline)


def _shortened(why: str) -> str:
    """Return a reason without the architecture's name, so that equal ones are counted together."""
    why = re.sub(r"\"architectures:build\('[^']*'\)\"", "it", why)
    return re.sub(r"\d+", "N", why)[:150] if NOT_CALLED in why else why[:150]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
