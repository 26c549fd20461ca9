"""Run the command line of a host, then print the state of its process as JSON: `run_host.py mkdocs build`."""

import importlib
import json
import os
import sys
import traceback
from pathlib import Path

HOSTS = {"mkdocs": "mkdocs.__main__", "properdocs": "properdocs.__main__", "zensical": "zensical.main"}


def main(host, *arguments):
    code = 0
    try:
        importlib.import_module(HOSTS[host]).cli(list(arguments))
    except SystemExit as end:
        code = end.code
    except Exception:
        traceback.print_exc(file=sys.stdout)
        code = 1
    report = {
        "code": code,
        "torch": "torch" in sys.modules,
        "modules": sorted(sys.modules),
        "mkdocs": getattr(sys.modules.get("mkdocs"), "__name__", None),
        "workers": _workers(),
    }
    print(json.dumps(report))


def _workers():
    """Return the process ids of the workers that still run. Works on Linux only."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            command = (process / "cmdline").read_text()
        except OSError:
            continue  # it ended in the meantime
        if int(parent) == os.getpid() and "bmvis.child.server" in command:
            found.append(int(process.name))
    return found


main(*sys.argv[1:])
