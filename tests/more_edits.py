"""More edits between two builds: modules, archives, links and folders that a model depends on in other ways."""

import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from edits import Row, write


def pack(name: str, member: str, text: str) -> Callable[[Path], object]:
    """Write a zip file with one member."""

    def edit(root: Path) -> None:
        with zipfile.ZipFile(root / name, "w") as archive:
            archive.writestr(member, text)

    return edit


def pack_tar(name: str, text: str) -> Callable[[Path], object]:
    def edit(root: Path) -> None:
        with tarfile.open(root / name, "w") as archive:
            member = tarfile.TarInfo("w.txt")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))

    return edit


def pack_gzip(name: str, text: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_bytes(gzip.compress(text.encode()))


def link(name: str, target: str) -> Callable[[Path], object]:
    def edit(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to(target)

    return edit


def remove(name: str) -> Callable[[Path], object]:
    return lambda root: (root / name).unlink()


def replace_by_folder(name: str) -> Callable[[Path], object]:
    def edit(root: Path) -> None:
        (root / name).unlink()
        (root / name).mkdir()

    return edit


def move(name: str, target: str) -> Callable[[Path], object]:
    return lambda root: (root / name).rename(root / target)


def edit_pyproject(root: Path) -> None:
    file = root / "pyproject.toml"
    file.write_text(f"{file.read_text()}[tool.other]\nwidth = 4\n")


MORE_STALE = {
    "star import": Row(
        "ns = {}; exec('from starred import *', ns); width = ns['W']",
        write("src/starred.py", "W = 4"),
        {"src/starred.py": "W = 3"},
    ),
    "relative import": Row(
        "from relative_pkg import W as width",
        write("src/relative_pkg/deep/inner.py", "W = 4"),
        {
            "src/relative_pkg/__init__.py": "from .deep import W",
            "src/relative_pkg/deep/__init__.py": "from .inner import W",
            "src/relative_pkg/deep/inner.py": "W = 3",
        },
    ),
    "attribute that a package imports when it is read": Row(
        "import lazy_pkg; width = lazy_pkg.W",
        write("src/lazy_pkg/part.py", "W = 4"),
        {
            "src/lazy_pkg/__init__.py": "import importlib as i\n"
            "def __getattr__(name): return i.import_module('lazy_pkg.part').W\n",
            "src/lazy_pkg/part.py": "W = 3",
        },
    ),
    "base class in another module": Row(
        "from derived_net import Net; width = Net.W",
        write("src/base_net.py", "class Base: W = 4"),
        {
            "src/derived_net.py": "from base_net import Base\nclass Net(Base): ...",
            "src/base_net.py": "class Base: W = 3",
        },
    ),
    "resource of a package": Row(
        "import importlib.resources as r; width = int(r.files('res_pkg').joinpath('w.txt').read_text())",
        write("src/res_pkg/w.txt", "4"),
        {"src/res_pkg/__init__.py": "", "src/res_pkg/w.txt": "3"},
    ),
    "data of a package": Row(
        "import pkgutil; width = int(pkgutil.get_data('data_pkg', 'w.txt'))",
        write("src/data_pkg/w.txt", "4"),
        {"src/data_pkg/__init__.py": "", "src/data_pkg/w.txt": "3"},
    ),
    "submodules of a package": Row(
        "import pkgutil, plug_pkg; width = len(list(pkgutil.iter_modules(plug_pkg.__path__)))",
        write("src/plug_pkg/d.py", ""),
        {f"src/plug_pkg/{name}.py": "" for name in ("__init__", "a", "b", "c")},
    ),
    "plugins that are found and imported": Row(
        """
        import importlib
        names = sorted(file.stem for file in (ROOT / "src/plugins_of").glob("p*.py"))
        width = sum(importlib.import_module(f"plugins_of.{name}").W for name in names)
        """,
        write("src/plugins_of/p3.py", "W = 1"),
        {"src/plugins_of/__init__.py": "", "src/plugins_of/p1.py": "W = 1", "src/plugins_of/p2.py": "W = 2"},
    ),
    "name that is resolved": Row(
        "import pkgutil; width = pkgutil.resolve_name('resolved_helper:W')",
        write("src/resolved_helper.py", "W = 4"),
        {"src/resolved_helper.py": "W = 3"},
    ),
    "module that is run": Row(
        "import runpy; width = runpy.run_module('run_helper')['W']",
        write("src/run_helper.py", "W = 4"),
        {"src/run_helper.py": "W = 3"},
    ),
    "name in YAML": Row(
        "import yaml; width = yaml.unsafe_load('!!python/name:yaml_helper.W')",
        write("src/yaml_helper.py", "W = 4"),
        {"src/yaml_helper.py": "W = 3"},
    ),
    "loader of a file with another suffix": Row(
        """
        from importlib.machinery import SourceFileLoader
        width = SourceFileLoader("conf_module", str(ROOT / "data/module.conf")).load_module().W
        """,
        write("data/module.conf", "W = 4"),
        {"data/module.conf": "W = 3"},
    ),
    "compiled source": Row(
        "ns = {}; exec(compile((ROOT / 'data/compiled.txt').read_text(), 'c', 'exec'), ns); width = ns['W']",
        write("data/compiled.txt", "W = 4"),
        {"data/compiled.txt": "W = 3"},
    ),
    "module in a zip file": Row(
        "sys.path.insert(0, str(ROOT / 'lib.zip')); from zipped_module import W as width",
        pack("lib.zip", "zipped_module.py", "W = 4"),
        before=pack("lib.zip", "zipped_module.py", "W = 3"),
    ),
    "folder in a pth file": Row(
        "import site; site.addsitedir(str(ROOT / 'added')); from from_pth import W as width",
        write("added/any.pth", "v4\n"),
        {"added/any.pth": "v3\n", "added/v3/from_pth.py": "W = 3", "added/v4/from_pth.py": "W = 4"},
    ),
    "module that is a link": Row(
        "from linked_module import W as width",
        link("src/linked_module.py", "../versions/v4.py"),
        {"versions/v3.py": "W = 3", "versions/v4.py": "W = 4"},
        before=link("src/linked_module.py", "../versions/v3.py"),
    ),
    "module that goes": Row(
        """
        try: from going_module import W as width
        except ImportError: width = 4
        """,
        remove("src/going_module.py"),
        {"src/going_module.py": "W = 3"},
    ),
    "module that becomes a package": Row(
        "from grows import W as width",
        lambda root: (remove("src/grows.py")(root), write("src/grows/__init__.py", "W = 4")(root)),
        {"src/grows.py": "W = 3"},
    ),
    "member of a zip file": Row(
        "import zipfile; width = int(zipfile.ZipFile(ROOT / 'data/w.zip').read('w.txt'))",
        pack("data/w.zip", "w.txt", "4"),
        before=pack("data/w.zip", "w.txt", "3"),
    ),
    "member of a tar file": Row(
        "import tarfile; width = int(tarfile.open(ROOT / 'data/w.tar').extractfile('w.txt').read())",
        pack_tar("data/w.tar", "4"),
        before=pack_tar("data/w.tar", "3"),
    ),
    "compressed file": Row(
        "import gzip; width = int(gzip.open(ROOT / 'data/w.gz').read())",
        pack_gzip("data/w.gz", "4"),
        before=pack_gzip("data/w.gz", "3"),
    ),
    "optional configuration file": Row(
        """
        import configparser
        found = configparser.ConfigParser(); found.read([ROOT / "data/all.ini", ROOT / "data/local.ini"])
        width = found.getint("net", "width")
        """,
        write("data/local.ini", "[net]\nwidth = 4\n"),
        {"data/all.ini": "[net]\nwidth = 3\n"},
    ),
    "first of several files": Row(
        """
        places = [ROOT / "data" / name for name in ("mine.json", "ours.json")]
        width = json.loads(next(place for place in places if place.is_file()).read_text())
        """,
        write("data/mine.json", "4"),
        {"data/ours.json": "3"},
    ),
    "line of a file": Row(
        "import linecache; width = int(linecache.getline(str(ROOT / 'data/lines.txt'), 2))",
        write("data/lines.txt", "\n4\n"),
        {"data/lines.txt": "\n3\n"},
    ),
    "mapped file": Row(
        """
        import mmap
        with open(ROOT / "data/mapped", "rb") as file: width = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)[0]
        """,
        write("data/mapped", "\4"),
        {"data/mapped": "\3"},
    ),
    "array of numpy": Row(
        "import numpy; width = int(numpy.fromfile(ROOT / 'data/array', dtype='u1')[0])",
        write("data/array", "\4"),
        {"data/array": "\3"},
    ),
    "size of a file": Row(
        "width = os.path.getsize(ROOT / 'data/sized')", write("data/sized", "aaaa"), {"data/sized": "aaa"}
    ),
    "size of a listed file": Row(
        "width = sum(entry.stat().st_size for entry in os.scandir(ROOT / 'entries'))",
        write("entries/a", "aaaa"),
        {"entries/a": "aaa"},
    ),
    "kind of a listed file": Row(
        "width = 3 + sum(entry.is_dir() for entry in os.scandir(ROOT / 'kinds'))",
        replace_by_folder("kinds/a"),
        {"kinds/a": ""},
    ),
    "hidden file": Row(
        "width = int((ROOT / '.env').read_text()) if (ROOT / '.env').exists() else 3", write(".env", "4")
    ),
    "file of another working directory": Row(
        "os.chdir(ROOT / 'data'); width = int(open('from_here.txt').read())",
        write("data/from_here.txt", "4"),
        {"data/from_here.txt": "3"},
    ),
    "file that a thread reads": Row(
        """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor() as pool: width = int(pool.submit((ROOT / "data/thread.txt").read_text).result())
        """,
        write("data/thread.txt", "4"),
        {"data/thread.txt": "3"},
    ),
    "folder that is copied": Row(
        """
        import shutil, tempfile
        copy = shutil.copytree(ROOT / "copied", tempfile.mkdtemp() + "/c")
        width = sum(len(names) for _, _, names in os.walk(copy))
        """,
        write("copied/deep/d", ""),
        {f"copied/deep/{name}": "" for name in "abc"},
    ),
    "folder that a link leads to": Row(
        "width = int((ROOT / 'current/w.txt').read_text())",
        link("current", "v4"),
        {"v3/w.txt": "3", "v4/w.txt": "4"},
        before=link("current", "v3"),
    ),
    "name of the folder that a link leads to": Row(
        "width = int((ROOT / 'latest').resolve().name[1:])",
        link("latest", "v4"),
        {"v3/any": "", "v4/any": ""},
        before=link("latest", "v3"),
    ),
    "target of a broken link": Row(
        "width = 4 if (ROOT / 'data/dangling').exists() else 3",
        write("data/no_target", ""),
        before=link("data/dangling", "no_target"),
    ),
    "target of a broken link that is opened": Row(
        """
        try: width = int(open(ROOT / "data/dangling2").read())
        except OSError: width = 3
        """,
        write("data/no_target2", "4"),
        before=link("data/dangling2", "no_target2"),
    ),
    "folder that becomes a link": Row(
        "width = int((ROOT / 'becomes/w.txt').read_text())",
        lambda root: (move("becomes", "before")(root), link("becomes", "v4")(root)),
        {"becomes/w.txt": "3", "v4/w.txt": "4"},
    ),
    "folder that is renamed": Row(
        "width = 3 if (ROOT / 'named').is_dir() else 4", move("named", "renamed"), {"named/any": ""}
    ),
    "input of a command": Row(
        "import subprocess; width = int(subprocess.check_output('cat', stdin=open(ROOT / 'data/stdin.txt')))",
        write("data/stdin.txt", "4"),
        {"data/stdin.txt": "3"},
    ),
    "module that the code of a command imports": Row(
        """
        import subprocess
        width = int(subprocess.check_output(["python3", "-c", "import coded; print(coded.W)"], cwd=ROOT))
        """,
        write("coded.py", "W = 4"),
        {"coded.py": "W = 3"},
    ),
    "file read by another name": Row(
        """
        import tempfile
        with tempfile.TemporaryDirectory() as folder:
            os.link(ROOT / "data/linked.txt", f"{folder}/other")
            width = int(open(f"{folder}/other").read())
        """,
        write("data/linked.txt", "4"),
        {"data/linked.txt": "3"},
    ),
    "redirected input of a command": Row(
        "import subprocess; width = int(subprocess.check_output(f'cat < {ROOT}/data/redirected.txt', shell=True))",
        write("data/redirected.txt", "4"),
        {"data/redirected.txt": "3"},
    ),
}
MORE_FRESH = {
    "file that is replaced": Row(
        """
        import time
        (ROOT / "data/new.tmp").write_text(str(time.time())); os.replace(ROOT / "data/new.tmp", ROOT / "data/new")
        width = 3
        """,
        lambda root: None,
        is_stale=False,
    ),
    "copy of a file": Row(
        """
        import shutil, time
        (ROOT / "out").mkdir(exist_ok=True); (ROOT / "out/now").write_text(str(time.time()))
        shutil.copy(ROOT / "out/now", ROOT / "out/copy"); width = 3
        """,
        lambda root: None,
        is_stale=False,
    ),
    "rows of a database": Row(
        """
        import sqlite3
        opened = sqlite3.connect(ROOT / "data/runs.db"); opened.execute("CREATE TABLE IF NOT EXISTS runs (n)")
        opened.execute("INSERT INTO runs VALUES (1)"); opened.commit(); opened.close(); width = 3
        """,
        lambda root: None,
        is_stale=False,
    ),
    "storage that torch writes": Row(
        """
        import time, torch
        made = torch.UntypedStorage.from_file(str(ROOT / "data/shared"), True, 8)
        made[0] = time.time_ns() // 1000 % 256; width = 3
        """,
        lambda root: None,
        {"data/shared": "12345678"},
        is_stale=False,
    ),
    "log files that rotate": Row(
        """
        logs = ROOT / "logs"; logs.mkdir(exist_ok=True)
        if (logs / "a.log").exists(): (logs / "a.log").rename(logs / "b.log")
        (logs / "a.log").write_text("ran"); width = 3
        """,
        lambda root: None,
        is_stale=False,
    ),
    "hidden file in a listed folder": Row(
        "width = len([name for name in os.listdir(ROOT / 'shown') if name[0] != '.'])",
        write("shown/.DS_Store", ""),
        {f"shown/{name}": "" for name in "abc"},
        is_stale=False,
    ),
    "copy by an editor": Row(
        "from has_backup import W as width",
        write("src/has_backup.py~", ""),
        {"src/has_backup.py": "W = 3"},
        is_stale=False,
    ),
    "time of a module": Row(
        "from touched_module import W as width",
        lambda root: os.utime(root / "src/touched_module.py"),
        {"src/touched_module.py": "W = 3"},
        is_stale=False,
    ),
    "permissions of a file": Row(
        "width = int((ROOT / 'data/private.txt').read_text())",
        lambda root: (root / "data/private.txt").chmod(0o600),
        {"data/private.txt": "3"},
        is_stale=False,
    ),
    "another table in pyproject": Row("width = 3", edit_pyproject, is_stale=False),
    "state of git": Row("width = 3", write(".git/HEAD", "ref: refs/heads/other\n"), is_stale=False),
    "text of a page": Row("width = 3", write("site/other.txt", "text"), is_stale=False),
}
