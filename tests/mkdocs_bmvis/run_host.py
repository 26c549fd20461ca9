"""Run command lines of a host, each in a fork of this process, which has imported the host and bmvis.

`run_host.py mkdocs TEMPLATES` reads requests from its input, a line of JSON each, and answers each with an empty line.
A fork writes its output to the file of the request; the last line is the state of its process as JSON. The folder
is for compiled templates of themes.

With `imports_bmvis`, a fork imports bmvis itself, as in use. With `borrows_workers`, it has its models built by the
process that asked. It writes a line with each one, and reads a line with the outcome.
"""

import base64
import importlib
import importlib.util
import json
import os
import pickle
import signal
import sys
import threading
import traceback
from pathlib import Path

import jinja2

HOSTS = {
    "mkdocs": ("mkdocs.__main__", "mkdocs.commands.build"),
    "properdocs": ("properdocs.__main__", "properdocs.commands.build"),
    "zensical": ("zensical.main",),
}
LIBRARIES = (
    "babel.support",
    "jinja2.ext",
    "markdown.extensions.admonition",
    "markdown.extensions.codehilite",
    "markdown.extensions.tables",
    "markdown.extensions.toc",
    "pygments.formatters.html",
    "pygments.lexers.html",
    "pygments.styles.default",
    "pymdownx.superfences",
)
"""What themes and configurations make hosts import."""
OF_MKDOCS = ("mkdocs.config.defaults", "mkdocs.contrib.search", "material.templates", "material.plugins.search.plugin")
BMVIS = (
    "bmvis.comparison.compared_tree",
    "bmvis.overviews.facts",
    "bmvis.overviews.gallery_options",
    "bmvis.overviews.own_columns",
    "bmvis.overviews.results",
    "bmvis.render.html.cards",
    "bmvis.render.html.figure",
    "bmvis.render.html.table",
    "bmvis.render.html.tree",
    "bmvis.source.source",
    "bmvis.view.figure.choice",
    "bmvis.view.figure.layout.checked_drawing",
    "bmvis.view.layout",
)
"""What most builds import. The modules with the processes of models are not among them: see `ClientFinder`."""
TIMEOUT = 900


def main(host, templates):
    sys.path.insert(0, str(Path(__file__).parents[1]))
    compiled_templates = importlib.import_module("compiled_templates")
    installed_once = importlib.import_module("installed_once")
    del sys.path[0]
    for name in (*HOSTS[host], *LIBRARIES, *(OF_MKDOCS if host == "mkdocs" else ()), *BMVIS):
        importlib.import_module(name)
    jinja2.FileSystemLoader.list_templates = list_templates
    with compiled_templates.kept(templates), installed_once.kept():
        installed_once.read()
        serve(host)


def serve(host):
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    while request := requests.readline():
        child = os.fork()
        if child == 0:
            signal.alarm(TIMEOUT)
            options = json.loads(request)
            if options.pop("imports_bmvis"):
                forget_bmvis()
            if options.pop("borrows_workers"):
                sys.meta_path.insert(0, ClientFinder(requests, answers))
            run(host, **options)
            return
        os.waitpid(child, 0)
        print(file=answers, flush=True)


def list_templates(loader):
    """Return the files of a theme, without those in hidden folders: MkDocs ignores the 14,000 icons of Material."""
    found = set()
    for place in map(Path, loader.searchpath):
        for folder, folders, names in os.walk(place):
            folders[:] = [name for name in folders if not name.startswith(".")]
            found.update(Path(folder, name).relative_to(place).as_posix() for name in names)
    return sorted(found)


def forget_bmvis():
    """Remove the modules of bmvis, and the library that it imports for some of them."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("bmvis", "rich")]:
        del sys.modules[name]


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


class ClientFinder:
    """Finds `bmvis.worker.client`, when a build needs its first model, and replaces the processes that it starts."""

    def __init__(self, requests, answers):
        self._pipes = requests, answers

    def find_spec(self, name, path, target=None):
        if name != "bmvis.worker.client":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            module.ForkServer = lambda python, cwd: BorrowedServer(self._pipes, python, cwd)

        spec.loader.exec_module = exec_module
        return spec


class BorrowedServer:
    """A `ForkServer` of the process that asked for the build."""

    _lock = threading.Lock()

    def __init__(self, pipes, python, cwd):
        self._requests, self._answers = pipes
        self._place = python, cwd
        self.folder = None

    def is_usable(self):
        return True

    def run(self, request):
        from bmvis.worker.worker_folder import WorkerFolder

        with self._lock:
            print(encoded((*self._place, request)), file=self._answers, flush=True)
            outcome, folder, error = decoded(self._requests.readline())
        if error:
            raise error
        self.folder = WorkerFolder.__new__(WorkerFolder)  # that of the server, not another one
        self.folder.path = folder
        return outcome

    def end(self):
        """Leave the process to the next build."""


def encoded(value):
    return base64.b64encode(pickle.dumps(value)).decode()


def decoded(line):
    return pickle.loads(base64.b64decode(line))


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


if __name__ == "__main__":
    main(*sys.argv[1:])
