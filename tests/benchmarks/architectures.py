"""Compare `bmvis check` of every transformers architecture with a bare script that only builds them on meta."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measuring import Target, seconds
from rich.console import Console
from rich.table import Table

LIMIT = int(os.environ.get("ARCHITECTURES", "0"))
"""Of how many, for a quick look; 0 is all."""
ZOO = """
from transformers import CONFIG_MAPPING, AutoModel

def build(name):
    return AutoModel.from_config(CONFIG_MAPPING[name]())
"""
FIND = """
import sys
import torch, zoo
from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

for name in list(MODEL_MAPPING_NAMES)[:int(sys.argv[1]) or None]:
    try:
        with torch.device("meta"):
            zoo.build(name)
    except Exception:
        continue  # it needs an optional dependency, or has no default configuration
    print(name)
"""
BARE = """
import sys
import torch, zoo

for name in sys.argv[1:]:
    with torch.device("meta"):
        zoo.build(name)
"""


def run(console: Console) -> Iterator[Target]:
    with tempfile.TemporaryDirectory(prefix="bmvis-bench-") as folder:
        project = Path(folder)
        (project / "zoo.py").write_text(ZOO)
        with console.status("which architectures build"):
            names = _python(project, "-c", FIND, str(LIMIT)).split()
        models = "".join(f'"{name}" = "zoo:build(\'{name}\')"\n' for name in names)
        (project / "pyproject.toml").write_text(f"[tool.bmvis.models]\n{models}")
        _python(project, "-m", "bmvis", "snapshot", see=True)
        bare = seconds(lambda: _python(project, "-c", BARE, *names))
        check = seconds(lambda: _python(project, "-m", "bmvis", "check", "--no-cache", see=True))
        check = min(check, seconds(lambda: _python(project, "-m", "bmvis", "check", "--no-cache", see=True)))
        bare = min(bare, seconds(lambda: _python(project, "-c", BARE, *names)))
    table = Table(
        "architectures", "bare script", "bmvis check --no-cache", "ratio", title="All of transformers, seconds"
    )
    table.add_row(str(len(names)), f"{bare:.1f}", f"{check:.1f}", f"{check / bare:.2f}")
    console.print(table)
    yield Target(f"bmvis check --no-cache of {len(names)} architectures, to only building them", check / bare, 1.5)


def _python(folder: Path, *arguments: str, see: bool = False) -> str:
    """Run Python, and show its progress bar if requested."""
    environment = os.environ | {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=None if see and sys.stderr.isatty() else subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"python {' '.join(arguments[:3])} ended with {done.returncode}: {done.stdout[-2000:]}")
    return done.stdout
