"""Edits between two builds: links, namespaces, files that other processes read, and environment variables."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from edits import Row, write
from more_edits import link, remove


def link_from_outside(root: Path) -> None:
    """Link the project from a folder outside it, as a home folder can be a link."""
    (root.parent / "home").symlink_to(root)


def set_variable(name: str, value: str) -> Callable[[Path], object]:
    """Set an environment variable of the next builds."""

    def edit(root: Path) -> None:
        with (root / ".variables").open("a") as file:
            file.write(f"{name}={value}\n")

    return edit


def variables(root: Path) -> dict[str, str]:
    """Return the environment variables of the next build."""
    file = root / ".variables"
    return dict(line.split("=", 1) for line in file.read_text().splitlines()) if file.exists() else {}


def files_of_times(folder: str) -> Callable[[Path], object]:
    """Create the files `3` and `4`, of which `3` is newer."""

    def create(root: Path) -> None:
        for name, time in (("3", 2e9), ("4", 1e9)):
            write(f"{folder}/{name}", "")(root)
            os.utime(root / folder / name, (time, time))

    return create


def commit(folder: Path) -> None:
    """Make a folder a git repository with one commit of its files."""
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=folder, check=True)


def all_of(*edits: Callable[[Path], object]) -> Callable[[Path], object]:
    def edit(root: Path) -> None:
        for part in edits:
            part(root)

    return edit


def another_project(name: str) -> dict[str, str]:
    """Return the files of a project next to that of the site, whose module `NAME.reader` reads its data."""
    return {
        f"../{name}/pyproject.toml": "",
        f"../{name}/config.json": "3",
        f"../{name}/src/{name}/__init__.py": "",
        f"../{name}/src/{name}/reader.py": "from pathlib import Path\nHERE = Path(__file__).parent\n",
        f"../{name}/src/{name}/data.json": "3",
    }


FURTHER_STALE = {
    "configuration in the project of an editable package": Row(
        """
        sys.path.append(str(ROOT.parent / "editable/src"))
        from editable.reader import HERE
        width = json.loads((HERE.parents[1] / "config.json").read_text())
        """,
        write("../editable/config.json", "4"),
        another_project("editable"),
    ),
    "new module of a namespace in another project": Row(
        """
        sys.path.append(str(ROOT.parent / "namespaces/src"))
        try: from many_projects.late import W as width
        except ImportError: width = 3
        """,
        write("../namespaces/src/many_projects/late.py", "W = 4"),
        {"../namespaces/pyproject.toml": "", "../namespaces/src/many_projects/other.py": ""},
    ),
    "data of a package that a finder maps": Row(
        """
        import importlib.util
        class Finder:
            def find_spec(self, name, path=None, target=None):
                if name == "mapped": return importlib.util.spec_from_file_location(name, PACKAGE / "__init__.py")
        PACKAGE = ROOT.parent / "mapped/src/mapped"; sys.meta_path.append(Finder())
        import importlib.resources, mapped
        width = json.loads(importlib.resources.files("mapped").joinpath("data.json").read_text())
        """,
        write("../mapped/src/mapped/data.json", "4"),
        another_project("mapped"),
    ),
    "new module of a package that a finder maps": Row(
        """
        import importlib.util
        class Finder:
            def find_spec(self, name, path=None, target=None):
                if name == "growing": return importlib.util.spec_from_file_location(name, PACKAGE / "__init__.py")
        PACKAGE = ROOT.parent / "growing/src/growing"; sys.meta_path.append(Finder())
        try: from growing.late import W as width
        except ImportError: width = 3
        """,
        write("../growing/src/growing/late.py", "W = 4"),
        another_project("growing"),
    ),
    "file that a new interpreter reads": Row(
        """
        import multiprocessing, spawned_reader
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            width = pool.apply(spawned_reader.read, (str(ROOT / "data/spawned.txt"),))
        """,
        write("data/spawned.txt", "4"),
        {
            "src/spawned_reader.py": "def read(file):\n"
            "    import sys\n    assert 'bmvis' not in sys.modules\n    return int(open(file).read())\n",
            "data/spawned.txt": "3",
        },
    ),
    "module that only a new interpreter imports": Row(
        """
        import multiprocessing, spawned_importer
        with multiprocessing.get_context("spawn").Pool(1) as pool: width = pool.apply(spawned_importer.read)
        """,
        write("src/spawned_values.py", "W = 4"),
        {
            "src/spawned_importer.py": "def read():\n    from spawned_values import W\n    return W\n",
            "src/spawned_values.py": "W = 3",
        },
    ),
    "kind of a path": Row(
        "width = 4 if os.path.islink(ROOT / 'data/islink') else 3",
        all_of(remove("data/islink"), link("data/islink", "islink_target")),
        {"data/islink": "equal", "data/islink_target": "equal"},
    ),
    "file that becomes a link to an equal one": Row(
        "width = int((ROOT / 'data/equal_3').resolve().name[-1])",
        all_of(remove("data/equal_3"), link("data/equal_3", "equal_4")),
        {"data/equal_3": "", "data/equal_4": ""},
    ),
    "path through a link outside the project": Row(
        "width = int((ROOT.parent / 'home/data/outside.txt').read_text())",
        write("data/outside.txt", "4"),
        {"data/outside.txt": "3"},
        before=link_from_outside,
    ),
    "listing through a link outside the project": Row(
        "width = len(os.listdir(ROOT.parent / 'home/from_outside'))",
        write("from_outside/d", ""),
        {f"from_outside/{name}": "" for name in "abc"},
    ),
    "folder that extends a package": Row(
        """
        sys.path.append(str(ROOT / "extensions"))
        try: from extensible.late import W as width
        except ImportError: width = 3
        """,
        write("extensions/extensible/late.py", "W = 4"),
        {
            "extensions/other.txt": "",
            "src/extensible/__init__.py": "import pkgutil\n__path__ = pkgutil.extend_path(__path__, __name__)\n",
        },
    ),
    "folder that extends a namespace": Row(
        "sys.path.append(str(ROOT / 'parts')); import spaced; width = 2 + len(list(spaced.__path__))",
        write("parts/spaced/b.py", ""),
        {"src/spaced/a.py": "", "parts/other.txt": ""},
    ),
    "module that another process runs": Row(
        "import subprocess; width = int(subprocess.check_output([sys.executable, '-m', 'tool'], cwd=ROOT / 'run'))",
        write("run/tool.py", "print(4)"),
        {"run/tool.py": "print(3)"},
    ),
    "file after cd": Row(
        "import subprocess; width = int(subprocess.check_output(f'cd {ROOT}/data && cat after_cd', shell=True))",
        write("data/after_cd", "4"),
        {"data/after_cd": "3"},
    ),
    "wildcard of a shell": Row(
        "import subprocess; width = int(subprocess.check_output(f'cat {ROOT}/wild/*.txt | wc -c', shell=True))",
        write("wild/b.txt", "b"),
        {"wild/a.txt": "aaa"},
    ),
    "file that a shell script names": Row(
        "import subprocess; width = int(subprocess.check_output(['sh', 'data/read.sh'], cwd=ROOT))",
        write("data/read.txt", "4"),
        {"data/read.sh": "set -e\ncat data/read.txt\n", "data/read.txt": "3"},
    ),
    "environment variable": Row("width = int(os.environ.get('W_GET', 3))", set_variable("W_GET", "4")),
    "environment variable that a module reads": Row(
        "from reads_variable import W as width",
        set_variable("W_MODULE", "4"),
        {"src/reads_variable.py": "import os\nW = int(os.getenv('W_MODULE', '3'))"},
    ),
    "environment variable that a library reads": Row(
        "import torch; width = 4 if torch.hub.get_dir().startswith('/elsewhere') else 3",
        set_variable("TORCH_HOME", "/elsewhere"),
    ),
    "environment variable that is not set": Row(
        "width = 4 if 'W_FLAG' in os.environ else 3", set_variable("W_FLAG", "")
    ),
    "environment variable in a path": Row(
        "width = int(os.path.expandvars('$W_EXPANDED'))",
        set_variable("W_EXPANDED", "4"),
        before=set_variable("W_EXPANDED", "3"),
    ),
    "environment variables with a prefix": Row(
        "width = 3 + sum(int(value) for name, value in os.environ.items() if name.startswith('W_PREFIX_'))",
        set_variable("W_PREFIX_A", "1"),
    ),
    "environment variable in a copy of all": Row(
        "width = int(dict(os.environ).get('W_IN_COPY', 3))", set_variable("W_IN_COPY", "4")
    ),
    "environment variable with its value": Row(
        "width = 3 + ('W_WITH_VALUE=4' in [f'{name}={value}' for name, value in os.environ.items()])",
        set_variable("W_WITH_VALUE", "4"),
    ),
    "environment variables with a prefix outside a comprehension": Row(
        """
        prefix = "W_OUTSIDE_"
        width = 3 + sum(int(value) for name, value in os.environ.items() if name.startswith(prefix))
        """,
        set_variable("W_OUTSIDE_A", "1"),
    ),
    "environment variable in any case": Row(
        """
        width = 3
        for name, value in os.environ.items():
            if name.lower().startswith("w_case_"): width = int(value)
        """,
        set_variable("W_CASE_A", "4"),
    ),
    "environment variable in a chain": Row(
        "import collections; width = int(collections.ChainMap(os.environ, {'W_CHAIN': 3})['W_CHAIN'])",
        set_variable("W_CHAIN", "4"),
    ),
    "environment variable in a template": Row(
        "import string\n"
        "width = int(string.Template('$W_TEMPLATE').safe_substitute(os.environ).replace('$W_TEMPLATE', '3'))",
        set_variable("W_TEMPLATE", "4"),
    ),
    "environment variable that executed code reads": Row(
        "ns = {}; exec((ROOT / 'data/executed.py').read_text(), ns); width = ns['W']",
        set_variable("W_EXECUTED", "4"),
        {"data/executed.py": "import os\nW = int(os.environ.get('W_EXECUTED', 3))"},
    ),
    "environment variables as keyword arguments": Row(
        "settings = lambda W_KEYWORD=3, **others: int(W_KEYWORD)\nwidth = settings(**os.environ)",
        set_variable("W_KEYWORD", "4"),
    ),
    "permission to execute": Row(
        "width = 4 if os.access(ROOT / 'data/access.sh', os.X_OK) else 3",
        lambda root: (root / "data/access.sh").chmod(0o755),
        {"data/access.sh": ""},
    ),
    "permissions": Row(
        "width = 4 if (ROOT / 'data/mode.sh').stat().st_mode & 0o111 else 3",
        lambda root: (root / "data/mode.sh").chmod(0o755),
        {"data/mode.sh": ""},
    ),
    "command in a folder": Row(
        "import shutil; width = 4 if shutil.which('tool', path=str(ROOT / 'bin')) else 3",
        lambda root: (root / "bin/tool").chmod(0o755),
        {"bin/tool": ""},
    ),
    "environment variable that a command reads": Row(
        "import subprocess; width = int(subprocess.check_output('echo ${W_OF_COMMAND:-3}', shell=True))",
        set_variable("W_OF_COMMAND", "4"),
    ),
    "newest file": Row(
        "width = int(max((ROOT / 'newest').iterdir(), key=os.path.getmtime).name)",
        lambda root: os.utime(root / "newest/4", (3e9, 3e9)),
        before=files_of_times("newest"),
    ),
    "newest path": Row(
        "width = int(max((ROOT / 'latest_path').iterdir(), key=lambda path: path.stat().st_mtime).name)",
        lambda root: os.utime(root / "latest_path/4", (3e9, 3e9)),
        before=files_of_times("latest_path"),
    ),
    "newest listed file": Row(
        "width = int(max(os.scandir(ROOT / 'latest_entry'), key=lambda entry: entry.stat().st_mtime_ns).name)",
        lambda root: os.utime(root / "latest_entry/4", (3e9, 3e9)),
        before=files_of_times("latest_entry"),
    ),
    "file in the code of a command": Row(
        """
        import subprocess
        code = "print(open('data/in_code.txt').read())"
        width = int(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT))
        """,
        write("data/in_code.txt", "4"),
        {"data/in_code.txt": "3"},
    ),
    "commit": Row(
        "width = len((ROOT / '.git/refs/heads/w').read_text())",
        write(".git/refs/heads/w", "abcd"),
        {".git/refs/heads/w": "abc"},
    ),
    "hidden name in a listed folder": Row(
        "width = len(os.listdir(ROOT / 'with_hidden'))",
        write("with_hidden/.d", ""),
        {f"with_hidden/{name}": "" for name in ("a", "b", ".c")},
    ),
    "script without a suffix": Row(
        "import subprocess; width = int(subprocess.check_output(['./read_width'], cwd=ROOT / 'scripts'))",
        write("scripts/width.txt", "4"),
        {"scripts/width.txt": "3", "scripts/read_width": "#!/bin/sh\ncat width.txt\n"},
        before=lambda root: (root / "scripts/read_width").chmod(0o755),
    ),
    "module of a package that a script imports": Row(
        "import subprocess; width = int(subprocess.check_output([sys.executable, ROOT / 'scripts/main.py']))",
        write("scripts/parts/deep/inner.py", "W = 4"),
        {
            "scripts/main.py": "from parts.deep import inner; print(inner.W)",
            "scripts/parts/deep/inner.py": "W = 3",
        },
    ),
    "file below a folder that a command reads": Row(
        "import subprocess; width = len(subprocess.check_output(['grep', '-rh', 'x', ROOT / 'searched']).split())",
        write("searched/deep/b.txt", "x x"),
        {"searched/a.txt": "x x", "searched/deep/b.txt": "x"},
    ),
    "environment variable that a script reads": Row(
        "import subprocess; width = int(subprocess.check_output([sys.executable, ROOT / 'scripts/variable.py']))",
        set_variable("W_SCRIPT", "4"),
        {"scripts/variable.py": "import os; print(os.environ.get('W_SCRIPT', 3))"},
    ),
    "environment variables that a library reads all": Row(
        "import configparser; c = configparser.ConfigParser(os.environ); c.read_string('[a]')\n"
        "width = c.getint('a', 'W_ALL', fallback=3)",
        set_variable("W_ALL", "4"),
    ),
    "listed file that becomes a link": Row(
        "width = 3 + sum(entry.is_symlink() for entry in os.scandir(ROOT / 'linked_entries'))",
        all_of(remove("linked_entries/a"), link("linked_entries/a", "../pyproject.toml")),
        {"linked_entries/a": ""},
    ),
    "time that a helper reads": Row(
        "age = os.path.getmtime; state = os.stat\n"
        "width = max(int(p.name) for p in (ROOT / 'aged').iterdir() if age(p) > 1.5e9)\n"
        "width = width if getattr(state(ROOT / 'aged/4'), 'st_mtime') > 1.5e9 else 3",
        lambda root: os.utime(root / "aged/4", (1.9e9, 1.9e9)),
        before=files_of_times("aged"),
    ),
    "time of an open file": Row(
        "file = open(ROOT / 'aged_open/4'); width = 4 if os.fstat(file.fileno()).st_mtime > 1.5e9 else 3",
        lambda root: os.utime(root / "aged_open/4", (1.9e9, 1.9e9)),
        before=files_of_times("aged_open"),
    ),
    "time by its index": Row(
        "width = 4 if os.stat(ROOT / 'aged_index/4')[8] > 1.5e9 else 3",
        lambda root: os.utime(root / "aged_index/4", (1.9e9, 1.9e9)),
        before=files_of_times("aged_index"),
    ),
    "time among the fields of a listed file": Row(
        "times = [tuple(entry.stat())[-2] for entry in os.scandir(ROOT / 'aged_fields') if entry.name == '4']\n"
        "width = 4 if times[0] > 1.5e9 else 3",
        lambda root: os.utime(root / "aged_fields/4", (1.9e9, 1.9e9)),
        before=files_of_times("aged_fields"),
    ),
    "permissions among the fields": Row(
        "mode, *_ = (ROOT / 'data/fields.sh').stat(); width = 4 if mode & 0o111 else 3",
        lambda root: (root / "data/fields.sh").chmod(0o755),
        {"data/fields.sh": ""},
    ),
    "working tree of git": Row(
        """
        import subprocess
        width = 3 + len(subprocess.check_output(["git", "status", "--porcelain"], cwd=ROOT / "inner").splitlines())
        """,
        write("inner/tracked.txt", "changed"),
        {"inner/tracked.txt": ""},
        before=lambda root: commit(root / "inner"),
    ),
    "environment variable with a default": Row(
        "os.environ.setdefault('W_DEFAULT', '3'); width = int(os.environb[b'W_DEFAULT'])",
        set_variable("W_DEFAULT", "4"),
    ),
}
FURTHER_FRESH = {
    "file that native code maps and writes": Row(
        """
        import ctypes, mmap, threading, time
        opened = ctypes.CDLL(None).open(os.fsencode(ROOT / "data/native_lock"), os.O_RDWR)
        lock = mmap.mmap(opened, 8)
        def keep():
            while True: lock[:] = time.time_ns().to_bytes(8, "little")
        threading.Thread(target=keep, daemon=True).start(); width = 3
        """,
        lambda root: None,
        {"data/native_lock": "12345678"},
        is_stale=False,
    ),
    "time of a file that a command creates": Row(
        """
        import subprocess
        made = ROOT / "data/made_once"
        if not os.path.exists(made) or os.path.getmtime(made) < 1: subprocess.run(["cp", ROOT / "data/source_3", made])
        width = int(made.read_text())
        """,
        lambda root: None,
        {"data/source_3": "3"},
        is_stale=False,
    ),
    "module that the factory writes outside the project": Row(
        """
        import tempfile
        folder = tempfile.mkdtemp(dir=ROOT.parent); Path(folder, "generated_module.py").write_text("W = 3")
        sys.path.insert(0, folder); from generated_module import W as width
        """,
        lambda root: None,
        is_stale=False,
    ),
    "working tree of git, of which the commit is read": Row(
        """
        import subprocess
        subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=ROOT / "committed"); width = 3
        """,
        write("committed/tracked.txt", "changed"),
        {"committed/tracked.txt": ""},
        before=lambda root: commit(root / "committed"),
        is_stale=False,
    ),
    "time of a file whose state is not used": Row(
        "os.stat(ROOT / 'unread_state/4'); width = 3",
        lambda root: os.utime(root / "unread_state/4", (1.9e9, 1.9e9)),
        before=files_of_times("unread_state"),
        is_stale=False,
    ),
    "time of a file of which another field is used": Row(
        "width = 3 + os.stat(ROOT / 'unread_time/4').st_size",
        lambda root: os.utime(root / "unread_time/4", (1.9e9, 1.9e9)),
        before=files_of_times("unread_time"),
        is_stale=False,
    ),
    "files that editors leave in a listed folder": Row(
        "width = 3 + 0 * len(os.listdir(ROOT / 'edited'))",
        write("edited/.a.txt.swp", ""),
        {"edited/a.txt": ""},
        is_stale=False,
    ),
    "index of git": Row(
        "width = 3 + 0 * len(os.listdir(ROOT / '.git'))", write(".git/index", "4"), {".git/index": "3"}, is_stale=False
    ),
    "another environment variable": Row("width = 3", set_variable("UNREAD", "1"), is_stale=False),
    "whole environment": Row(
        """
        import subprocess
        subprocess.run(["true"], env={**os.environ, "A": "1"})
        width = 3 + 0 * len(dict(os.environ) | os.environ.copy() | dict(os.environ.items()))
        """,
        set_variable("UNREAD_TOO", "1"),
        is_stale=False,
    ),
    "environment variables of the worker and the terminal": Row(
        "width = 3 + 0 * len([os.environ.get(name) for name in ('TMPDIR', 'BMVIS_WORKER', 'COLUMNS', 'PYTHONUTF8')])",
        set_variable("COLUMNS", "77"),
        is_stale=False,
    ),
    "home folder that a library reads": Row(
        "width = 3 + 0 * len(os.path.expanduser('~') + str(Path.home()))",
        set_variable("HOME", "/nowhere"),
        is_stale=False,
    ),
}
