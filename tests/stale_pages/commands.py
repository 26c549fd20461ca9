"""Edits of what other processes read: commands, scripts, new interpreters, git."""

from stale_pages.edits import Row, commit, set_mode, write

CALL = "import subprocess; width = int(subprocess.check_output({}))"


def script(name: str) -> str:
    return CALL.format(f"['sh', str(ROOT / 'calls/{name}')]")


STALE = {
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
    "redirected input of a command": Row(
        "import subprocess; width = int(subprocess.check_output(f'cat < {ROOT}/data/redirected.txt', shell=True))",
        write("data/redirected.txt", "4"),
        {"data/redirected.txt": "3"},
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
    "command in a folder": Row(
        "import shutil; width = 4 if shutil.which('tool', path=str(ROOT / 'bin')) else 3",
        set_mode("bin/tool", 0o755),
        {"bin/tool": ""},
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
    "script without a suffix": Row(
        "import subprocess; width = int(subprocess.check_output(['./read_width'], cwd=ROOT / 'scripts'))",
        write("scripts/width.txt", "4"),
        {"scripts/width.txt": "3", "scripts/read_width": "#!/bin/sh\ncat width.txt\n"},
        before=set_mode("scripts/read_width", 0o755),
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
    "working tree of git": Row(
        """
        import subprocess
        width = 3 + len(subprocess.check_output(["git", "status", "--porcelain"], cwd=ROOT / "inner").splitlines())
        """,
        write("inner/tracked.txt", "changed"),
        {"inner/tracked.txt": ""},
        before=lambda root: commit(root / "inner"),
    ),
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
    "argument of a command": Row(
        "import subprocess; width = int(subprocess.check_output(['cat', str(ROOT / 'data/cat.txt')]))",
        write("data/cat.txt", "4"),
        {"data/cat.txt": "3"},
    ),
    "argument of a shell command": Row(
        "width = int(os.popen(f'cat \"{ROOT}/data/shell.txt\"').read())",
        write("data/shell.txt", "4"),
        {"data/shell.txt": "3"},
    ),
    "argument below the folder of a command": Row(
        "import subprocess; width = int(subprocess.check_output(['cat', 'cwd.txt'], cwd=ROOT / 'data'))",
        write("data/cwd.txt", "4"),
        {"data/cwd.txt": "3"},
    ),
    "module of a script in another process": Row(
        "import subprocess; width = int(subprocess.check_output([sys.executable, str(ROOT / 'tools/script.py')]))",
        write("tools/script_helper.py", "W = 4"),
        {"tools/script.py": "import script_helper; print(script_helper.W)", "tools/script_helper.py": "W = 3"},
    ),
    "file that a fork reads": Row(
        """
        import multiprocessing
        context = multiprocessing.get_context("fork"); queue = context.SimpleQueue()
        def read(): queue.put(int((ROOT / "data/forked.txt").read_text()))
        process = context.Process(target=read); process.start(); width = queue.get(); process.join()
        """,
        write("data/forked.txt", "4"),
        {"data/forked.txt": "3"},
    ),
}

FRESH = {
    "state of git": Row("width = 3", write(".git/HEAD", "ref: refs/heads/other\n")),
    "time of a file that a command creates": Row(
        """
        import subprocess
        made = ROOT / "data/made_once"
        if not os.path.exists(made) or os.path.getmtime(made) < 1: subprocess.run(["cp", ROOT / "data/source_3", made])
        width = int(made.read_text())
        """,
        lambda root: None,
        {"data/source_3": "3"},
    ),
    "working tree of git, of which the commit is read": Row(
        """
        import subprocess
        subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=ROOT / "committed"); width = 3
        """,
        write("committed/tracked.txt", "changed"),
        {"committed/tracked.txt": ""},
        before=lambda root: commit(root / "committed"),
    ),
    "index of git": Row(
        "width = 3 + 0 * len(os.listdir(ROOT / '.git'))", write(".git/index", "4"), {".git/index": "3"}
    ),
    "file that a script writes and reads": Row(
        script("cached.sh"),
        lambda root: None,
        {"calls/cached.sh": 'cd "$(dirname "$0")"; for n in x y; do date +%N > $n.t; cat $n.t > $n.u; done; echo 3'},
    ),
    "new file next to a script": Row(
        CALL.format("[sys.executable, str(ROOT / 'alone/script.py')]"),
        write("alone/new.txt", ""),
        {"alone/script.py": "import part; print(3)", "alone/part.py": ""},
    ),
    "new package while a process runs": Row(
        CALL.format("[sys.executable, '-c', 'import numbers; print(3)'], cwd=ROOT / 'src'"),
        write("src/unused_package/__init__.py", ""),
    ),
    "comment of a module that is imported after a command": Row(
        CALL.format("['echo', '3']") + "\nimport after_command; width = after_command.W",
        write("src/after_command.py", "# new\nW = 3"),
        {"src/after_command.py": "W = 3"},
    ),
    "unread file while a command runs": Row(
        CALL.format("['echo', '3']"), write("data/unread.txt", "4"), {"data/unread.txt": "3"}
    ),
    "file that a command writes": Row(
        "os.system(f'date +%N > {ROOT}/data/written.txt'); width = 3",
        lambda root: None,
        {"data/written.txt": "3"},
    ),
}
