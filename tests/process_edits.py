"""Edits between two builds: files that other programs and compiled code open, or look for."""

import sqlite3
from contextlib import closing
from pathlib import Path

from edits import Row, write

CALL = "import subprocess; width = int(subprocess.check_output({}))"


def script(name: str) -> str:
    return CALL.format(f"['sh', str(ROOT / 'calls/{name}')]")


def write_attached(width: int):
    def edit(root: Path) -> None:
        (root / "data").mkdir(exist_ok=True)
        with closing(sqlite3.connect(root / "data/attached.db")) as opened:
            opened.executescript(f"DROP TABLE IF EXISTS t; CREATE TABLE t (w); INSERT INTO t VALUES ({width});")

    return edit


PROCESS_STALE = {
    "script that a script reads": Row(
        script("outer.sh"),
        write("calls/inner.sh", "W=4"),
        {"calls/outer.sh": '. "$(dirname "$0")/inner.sh"\necho $W\n', "calls/inner.sh": "W=3"},
    ),
    "file in a folder of a variable": Row(
        script("there.sh"),
        write("calls/w.txt", "4"),
        {"calls/there.sh": 'HERE=$(cd "$(dirname "$0")" && pwd)\nread w < "$HERE/w.txt"; echo $w', "calls/w.txt": "3"},
    ),
    "folder in which a script loops": Row(
        script("loop.sh"),
        write("calls/looped/d", ""),
        {"calls/loop.sh": 'n=0; for f in "${0%/*}"/looped/*; do n=$((n + 1)); done; echo $n'}
        | {f"calls/looped/{name}": "" for name in "abc"},
    ),
    "part of a makefile": Row(
        CALL.format("['make', '-s', '-C', str(ROOT / 'made'), 'w']"),
        write("made/rules.mk", "W = 4"),
        {"made/Makefile": "include rules.mk\nw:\n\t@echo $(W)\n", "made/rules.mk": "W = 3"},
    ),
    "script of another language": Row(
        CALL.format("['awk', '-f', 'calls/read.awk'], cwd=ROOT"),
        write("data/read_by_awk", "4"),
        {"calls/read.awk": 'BEGIN { getline w < ("data/read_" "by_awk"); print w }', "data/read_by_awk": "3"},
    ),
    "data that a Python script reads": Row(
        CALL.format("[sys.executable, str(ROOT / 'calls/data.py')]"),
        write("calls/w.json", "4"),
        {"calls/data.py": "print(open(__file__.replace('data.py', 'w') + '.json').read())", "calls/w.json": "3"},
    ),
    "file that a command looks for": Row(
        CALL.format("f'test -f {ROOT}/data/tested.txt && echo 4 || echo 3', shell=True"), write("data/tested.txt", "")
    ),
    "file that a script looks for": Row(
        script("look.sh"),
        write("calls/looked.txt", ""),
        {"calls/look.sh": 'if [ -e "$(dirname "$0")/looked.txt" ]; then echo 4; else echo 3; fi'},
    ),
    "file that a Python script looks for": Row(
        CALL.format("[sys.executable, 'calls/look.py'], cwd=ROOT"),
        write("data/looked.txt", ""),
        {"calls/look.py": "import os; print(4 if os.path.exists('data/looked.txt') else 3)"},
    ),
    "script that a fork runs": Row(
        """
        output, end = os.pipe(); pid = os.fork()
        if not pid: os.dup2(end, 1); os.execv("/bin/sh", ["sh", str(ROOT / "calls/forked.sh")])
        os.waitpid(pid, 0); width = int(os.read(output, 9))
        """,
        write("calls/forked.txt", "4"),
        {"calls/forked.sh": 'name=forked; cat "${0%/*}/$name.txt"', "calls/forked.txt": "3"},
    ),
    "script that runs in a terminal": Row(
        """
        import pty
        read = []
        def collect(end): read.append(os.read(end, 9)); return read[-1]
        pty.spawn(["sh", str(ROOT / "calls/pty.sh")], collect, lambda _: b""); width = int(b"".join(read))
        """,
        write("calls/pty.txt", "4"),
        {"calls/pty.sh": 'name=pty; cat "${0%/*}/$name.txt"', "calls/pty.txt": "3"},
    ),
    "attached database": Row(
        """
        import sqlite3
        opened = sqlite3.connect(":memory:"); opened.execute("ATTACH ? AS other", (str(ROOT / "data/attached.db"),))
        width = opened.execute("SELECT w FROM other.t").fetchone()[0]
        """,
        write_attached(4),
        before=write_attached(3),
    ),
}

PROCESS_FRESH = {
    "file that a script writes and reads": Row(
        script("cached.sh"),
        lambda root: None,
        {"calls/cached.sh": 'cd "$(dirname "$0")"; for n in x y; do date +%N > $n.t; cat $n.t > $n.u; done; echo 3'},
        is_stale=False,
    ),
    "new file next to a script": Row(
        CALL.format("[sys.executable, str(ROOT / 'alone/script.py')]"),
        write("alone/new.txt", ""),
        {"alone/script.py": "import part; print(3)", "alone/part.py": ""},
        is_stale=False,
    ),
    "new package while a process runs": Row(
        CALL.format("[sys.executable, '-c', 'import numbers; print(3)'], cwd=ROOT / 'src'"),
        write("src/unused_package/__init__.py", ""),
        is_stale=False,
    ),
    "comment of a module that is imported after a command": Row(
        CALL.format("['echo', '3']") + "\nimport after_command; width = after_command.W",
        write("src/after_command.py", "# new\nW = 3"),
        {"src/after_command.py": "W = 3"},
        is_stale=False,
    ),
    "unread file while a command runs": Row(
        CALL.format("['echo', '3']"), write("data/unread.txt", "4"), {"data/unread.txt": "3"}, is_stale=False
    ),
}
