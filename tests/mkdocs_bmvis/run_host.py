"""Run command lines of a host, each in a fork of this process, which has imported the host and no more of bmvis.

`run_host.py mkdocs TEMPLATES` reads requests from its input, a line of JSON each, and answers each with an empty line.
A fork writes its output to the file of the request; the last line is the state of its process as JSON. The folder
is for compiled templates of themes.
"""

import importlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path

HOSTS = {
    "mkdocs": ("mkdocs.__main__", "mkdocs.commands.build"),
    "properdocs": ("properdocs.__main__", "properdocs.commands.build"),
    "zensical": ("zensical.main",),
}
LIBRARIES = ("babel.support", "jinja2", "markdown.extensions.toc", "pygments.formatters", "pymdownx.superfences")
"""What themes and configurations make hosts import."""
TIMEOUT = 900


def serve(host, templates):
    for name in (*HOSTS[host], *LIBRARIES):
        importlib.import_module(name)
    _keep_templates(templates)
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    while request := requests.readline():
        child = os.fork()
        if child == 0:
            signal.alarm(TIMEOUT)
            run(host, **json.loads(request))
            return
        os.waitpid(child, 0)
        print(file=answers, flush=True)


def _keep_templates(folder):
    """Let Jinja compile each template once for all builds."""
    import jinja2

    initialize = jinja2.Environment.__init__
    cache = jinja2.FileSystemBytecodeCache(folder)
    jinja2.Environment.__init__ = lambda self, **options: initialize(self, **{"bytecode_cache": cache} | options)


def run(host, arguments, cwd, environment, output):
    file = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    code = 0
    try:
        importlib.import_module(HOSTS[host][0]).cli(arguments)
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


serve(*sys.argv[1:])
