"""Run a host's command line, then say as JSON what its process holds: `run_host.py mkdocs build`."""

import importlib
import json
import os
import subprocess
import sys
import traceback

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
        "mkdocs": getattr(sys.modules.get("mkdocs"), "__name__", None),
        "workers": _workers(),
    }
    print(json.dumps(report))


def _workers():
    """Return the ids of this process's children: those that end with it are still there."""
    command = ["ps", "--ppid", str(os.getpid()), "-o", "pid=,args="]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [int(line.split()[0]) for line in lines if "bmvis.child" in line]


main(*sys.argv[1:])
