"""Edits of files and folders that a model reads, lists, looks for, or writes."""

import os
from pathlib import Path

from stale_pages.edits import Row, log_changes, pack, pack_gzip, pack_tar, write, write_database, write_weights

STALE = {
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
    "hidden name in a listed folder": Row(
        "width = len(os.listdir(ROOT / 'with_hidden'))",
        write("with_hidden/.d", ""),
        {f"with_hidden/{name}": "" for name in ("a", "b", ".c")},
    ),
    "attached database": Row(
        """
        import sqlite3
        opened = sqlite3.connect(":memory:"); opened.execute("ATTACH ? AS other", (str(ROOT / "data/attached.db"),))
        width = opened.execute("SELECT w FROM other.t").fetchone()[0]
        """,
        write_database("data/attached.db", 4),
        before=write_database("data/attached.db", 3),
    ),
    "open of a missing file": Row(
        """
        try: width = json.load(open(ROOT / "data/late_open.json"))
        except OSError: width = 3
        """,
        write("data/late_open.json", "4"),
    ),
    "exists": Row("width = 4 if Path(ROOT / 'data/late.txt').exists() else 3", write("data/late.txt", "")),
    "isfile": Row("width = 4 if os.path.isfile(f'{ROOT}/data/late2.txt') else 3", write("data/late2.txt", "")),
    "isdir": Row("width = 4 if os.path.isdir(f'{ROOT}/late_folder') else 3", write("late_folder/any.txt", "")),
    "access": Row("width = 4 if os.access(ROOT / 'data/late3.txt', os.R_OK) else 3", write("data/late3.txt", "")),
    "file that goes": Row(
        "width = 3 if (ROOT / 'data/goes.txt').is_file() else 4",
        lambda root: (root / "data/goes.txt").unlink(),
        {"data/goes.txt": ""},
    ),
    "listed folder": Row(
        "width = len(os.listdir(ROOT / 'listed'))", write("listed/d", ""), {f"listed/{name}": "" for name in "abc"}
    ),
    "globbed folder": Row(
        "width = len(list((ROOT / 'globbed').rglob('*.txt')))",
        write("globbed/deep/d.txt", ""),
        {f"globbed/deep/{name}.txt": "" for name in "abc"},
    ),
    "file outside the site": Row(
        "width = json.load(open(ROOT / 'configs/x.json'))", write("configs/x.json", "4"), {"configs/x.json": "3"}
    ),
    "path as bytes": Row(
        "width = json.load(open(os.fsencode(ROOT / 'configs/bytes.json')))",
        write("configs/bytes.json", "4"),
        {"configs/bytes.json": "3"},
    ),
    "name that is not UTF-8": Row(
        "width = len(open(os.fsencode(ROOT / 'data') + b'/gr\\xf6\\xdfe.txt').read())",
        lambda root: Path(os.fsdecode(os.fsencode(root) + b"/data/gr\xf6\xdfe.txt")).write_text("four"),
        before=lambda root: Path(os.fsdecode(os.fsencode(root) + b"/data/gr\xf6\xdfe.txt")).write_text("odd"),
    ),
    "os.open": Row(
        "width = int(os.read(os.open(ROOT / 'configs/low.txt', os.O_RDONLY), 9))",
        write("configs/low.txt", "4"),
        {"configs/low.txt": "3"},
    ),
    "file below an open folder": Row(
        """
        folder = os.open(ROOT / "data", os.O_RDONLY)
        width = int(os.read(os.open("below.txt", os.O_RDONLY, dir_fd=folder), 9))
        """,
        write("data/below.txt", "4"),
        {"data/below.txt": "3"},
    ),
    "walk through open folders": Row(
        "width = sum(len(files) for _, _, files, _ in os.fwalk(ROOT / 'walked'))",
        write("walked/deep/d", ""),
        {f"walked/deep/{name}": "" for name in "abc"},
    ),
    "safetensors": Row(
        """
        from safetensors.torch import load_file
        width = load_file(ROOT / "data/w.safetensors", device="cpu")["w"].numel()
        """,
        write_weights("data/w.safetensors", 4),
        before=write_weights("data/w.safetensors", 3),
    ),
    "vocabulary": Row(
        """
        from tokenizers.models import WordLevel
        width = len(WordLevel.read_file(str(ROOT / "data/vocab.json")))
        """,
        write("data/vocab.json", '{"a": 0, "b": 1, "c": 2, "d": 3}'),
        {"data/vocab.json": '{"a": 0, "b": 1, "c": 2}'},
    ),
    "storage of torch": Row(
        "import torch; width = torch.UntypedStorage.from_file(str(ROOT / 'data/storage'), False, 1)[0]",
        write("data/storage", "\4"),
        {"data/storage": "\3"},
    ),
    "tensor of a file": Row(
        "import torch; width = int(torch.from_file(str(ROOT / 'data/tensor'), size=1, dtype=torch.uint8)[0])",
        write("data/tensor", "\4"),
        {"data/tensor": "\3"},
    ),
    "database by URI": Row(
        """
        import sqlite3
        opened = sqlite3.connect(f"file:{ROOT}/data/w.db?mode=ro", uri=True)
        width = opened.execute("SELECT w FROM t").fetchone()[0]
        """,
        write_database("data/w.db", 4),
        before=write_database("data/w.db", 3),
    ),
    "log of a database": Row(
        """
        import sqlite3
        opened = sqlite3.connect(ROOT / "data/logged.db"); width = opened.execute("SELECT w FROM t").fetchone()[0]
        """,
        log_changes("data/logged.db", 4),
        before=write_database("data/logged.db", 3),
    ),
    "edit by hand of a written file": Row(
        """
        file = ROOT / "data/state.txt"
        if not file.exists(): file.write_text("3")
        width = int(file.read_text())
        """,
        write("data/state.txt", "4"),
    ),
}

FRESH = {
    "copy of a file": Row(
        """
        import shutil, time
        (ROOT / "out").mkdir(exist_ok=True); (ROOT / "out/now").write_text(str(time.time()))
        shutil.copy(ROOT / "out/now", ROOT / "out/copy"); width = 3
        """,
        lambda root: None,
    ),
    "rows of a database": Row(
        """
        import sqlite3
        opened = sqlite3.connect(ROOT / "data/runs.db"); opened.execute("CREATE TABLE IF NOT EXISTS runs (n)")
        opened.execute("INSERT INTO runs VALUES (1)"); opened.commit(); opened.close(); width = 3
        """,
        lambda root: None,
    ),
    "storage that torch writes": Row(
        """
        import time, torch
        made = torch.UntypedStorage.from_file(str(ROOT / "data/shared"), True, 8)
        made[0] = time.time_ns() // 1000 % 256; width = 3
        """,
        lambda root: None,
        {"data/shared": "12345678"},
    ),
    "log files that rotate": Row(
        """
        logs = ROOT / "logs"; logs.mkdir(exist_ok=True)
        if (logs / "a.log").exists(): (logs / "a.log").rename(logs / "b.log")
        (logs / "a.log").write_text("ran"); width = 3
        """,
        lambda root: None,
    ),
    "hidden file in a listed folder": Row(
        "width = len([name for name in os.listdir(ROOT / 'shown') if name[0] != '.'])",
        write("shown/.DS_Store", ""),
        {f"shown/{name}": "" for name in "abc"},
    ),
    "copy by an editor": Row(
        "from has_backup import W as width",
        write("src/has_backup.py~", ""),
        {"src/has_backup.py": "W = 3"},
    ),
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
    ),
    "files that editors leave in a listed folder": Row(
        "width = 3 + 0 * len(os.listdir(ROOT / 'edited'))",
        write("edited/.a.txt.swp", ""),
        {"edited/a.txt": ""},
    ),
    "counter": Row(
        """
        file = ROOT / "data/counter.txt"
        count = int(file.read_text()) if file.exists() else 0
        file.write_text(str(count + 1)); width = 3
        """,
        lambda root: None,
    ),
    "log": Row("open(ROOT / 'data/run.log', 'a').write('ran'); width = 3", lambda root: None),
    "temporary folder in the project": Row(
        """
        import tempfile
        with tempfile.TemporaryDirectory(dir=ROOT / "data") as folder:
            Path(folder, "a.yml").write_text("3"); width = int(Path(folder, "a.yml").read_text())
        """,
        lambda root: None,
    ),
    "temporary file that is left": Row(
        """
        import tempfile
        folder = Path(tempfile.gettempdir()); found = os.listdir(folder)
        name = tempfile.NamedTemporaryFile(delete=False).name; width = len(Path(name).read_bytes()) + len(found) + 3
        """,
        lambda root: None,
    ),
    "numbered folder": Row(
        """
        logs = ROOT / "lightning_logs"; logs.mkdir(exist_ok=True)
        version = len(os.listdir(logs)); (logs / f"version_{version}").mkdir()
        (logs / f"version_{version}" / "hparams.yaml").write_text(str(version)); width = 3
        """,
        lambda root: None,
    ),
    "download cache": Row(
        """
        file = ROOT / "downloads/w.bin"
        if not file.exists(): file.parent.mkdir(exist_ok=True); file.write_bytes(b"w")
        width = 2 + len(file.read_bytes())
        """,
        lambda root: None,
    ),
}
