"""Factories that misuse what the system gives to a process: signals, descriptors, limits, children."""

from hostile.kinds import GOOD, Draws, Fails, Kind, draws

SUPERVISED = r"was killed by SIG|ended with exit code|timed out"

KINDS = [
    Kind(
        "exit handlers",
        "https://docs.python.org/3/library/atexit.html",
        {
            "atexit ends the process": draws("import atexit; atexit.register(os._exit, 9)"),
            "atexit raises": draws("import atexit; atexit.register(lambda: 1 / 0)"),
            "finalizer of multiprocessing": draws(
                "from multiprocessing import util; util.Finalize(None, os._exit, args=(3,), exitpriority=1)"
            ),
        },
    ),
    Kind(
        "signal handlers",
        "https://docs.python.org/3/library/signal.html#execution-of-python-signal-handlers",
        {
            "children are ignored": draws("signal.signal(signal.SIGCHLD, signal.SIG_IGN)"),
            "every signal has a handler that exits": draws(
                "for s in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, 32, 33}:\n"
                "    signal.signal(s, lambda *_: os._exit(5))"
            ),
            "handler raises": Fails(
                "signal.signal(signal.SIGUSR1, lambda *_: 1 / 0); signal.raise_signal(signal.SIGUSR1)",
                "ZeroDivisionError",
            ),
            "timer of the processor": draws("signal.setitimer(signal.ITIMER_VIRTUAL, 600)"),
            "signals are written to standard output": draws(
                "end = os.dup(1); os.set_blocking(end, False); signal.set_wakeup_fd(end)\n"
                "signal.signal(signal.SIGUSR1, lambda *_: None); signal.raise_signal(signal.SIGUSR1)"
            ),
        },
    ),
    Kind(
        "blocked signals",
        "https://man7.org/linux/man-pages/man2/sigprocmask.2.html",
        {
            "all signals are blocked": draws("signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())"),
            "all signals are blocked and it waits": Fails(
                "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()); time.sleep(600)", "timed out after"
            ),
        },
    ),
    Kind(
        "stops itself",
        "https://man7.org/linux/man-pages/man7/signal.7.html",
        {"SIGSTOP": Fails("os.kill(os.getpid(), signal.SIGSTOP)", "timed out after")},
    ),
    Kind(
        "stops other processes",
        "https://man7.org/linux/man-pages/man7/signal.7.html",
        {
            "parent": draws("os.kill(os.getppid(), signal.SIGSTOP)"),
            "parent, and it waits": Fails("os.kill(os.getppid(), signal.SIGSTOP); time.sleep(600)", "timed out after"),
            "group of the parent": draws("os.killpg(os.getpgid(os.getppid()), signal.SIGSTOP)"),
            "group of the parent by the terminal": draws("os.killpg(os.getpgid(os.getppid()), signal.SIGTSTP)"),
        },
    ),
    Kind(
        "signals to other processes",
        "https://man7.org/linux/man-pages/man2/kill.2.html",
        {
            "own group": Fails("os.killpg(0, signal.SIGTERM); time.sleep(600)", "killed by SIGTERM"),
            "parent is killed": Fails("os.kill(os.getppid(), signal.SIGKILL); time.sleep(600)", SUPERVISED),
            "parent is terminated": Fails("os.kill(os.getppid(), signal.SIGTERM); time.sleep(600)", SUPERVISED),
            "parent is interrupted": Fails("os.kill(os.getppid(), signal.SIGINT); time.sleep(600)", SUPERVISED),
            "group of the parent": Fails(
                "os.killpg(os.getpgid(os.getppid()), signal.SIGKILL); time.sleep(600)", SUPERVISED
            ),
            "group of the parent is interrupted": Fails(
                "os.killpg(os.getpgid(os.getppid()), signal.SIGINT); time.sleep(600)", SUPERVISED
            ),
        },
    ),
    Kind(
        "resource limits",
        "https://docs.python.org/3/library/resource.html#resource-limits",
        {
            "no file may be written": Fails(
                "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); return nn.Linear(3, 2)",
                "File too large",
            ),
            "no file may be opened": Fails(
                "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3)); return nn.Linear(3, 2)",
                "Too many open files",
            ),
            "no process may be started": draws("import resource; resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))"),
            "no time is left": Fails(
                "import resource; resource.setrlimit(resource.RLIMIT_CPU, (0, 0))\nwhile True: pass", "killed by SIG"
            ),
            "no memory is left": Fails(
                "import resource; resource.setrlimit(resource.RLIMIT_AS, (0, 0)); return [bytearray(10**8)]", "Memory"
            ),
            "stack is small": draws("import resource; resource.setrlimit(resource.RLIMIT_STACK, (2**16, 2**16))"),
        },
    ),
    Kind(
        "mode of new files",
        "https://cwe.mitre.org/data/definitions/732.html",
        {"umask forbids all": draws("os.umask(0o777)"), "umask allows all": draws("os.umask(0)")},
    ),
    Kind(
        "working directory",
        "https://docs.python.org/3/library/os.html#os.getcwd",
        {
            "folder that is gone": draws("import tempfile\nd = tempfile.mkdtemp(); os.chdir(d); os.rmdir(d)"),
            "folder that is gone, then it raises": Fails(
                "import tempfile\nd = tempfile.mkdtemp(); os.chdir(d); os.rmdir(d); raise ValueError('lost')",
                "ValueError: lost",
            ),
            "root is another one": Draws(
                f"import tempfile\nd = tempfile.mkdtemp()\nos.chdir(d) if os.geteuid() else None\nos.rmdir(d); {GOOD}"
            ),
        },
    ),
    Kind(
        "descriptors",
        "https://cwe.mitre.org/data/definitions/403.html",
        {
            "all are closed": draws("os.closerange(0, 256)"),
            "all but the standard ones are closed": draws("os.closerange(3, 256)"),
            "all are something else": draws(
                "null = os.open(os.devnull, os.O_RDWR)\nfor n in range(256): os.dup2(null, n)"
            ),
            "output into a pipe that nobody reads": draws(
                "r, w = os.pipe(); os.dup2(w, 1); os.dup2(w, 2); os.close(r); os.close(w)\n"
                "try: print('x', flush=True)\nexcept BrokenPipeError: pass"
            ),
            "all are used up": Fails(
                "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)); kept = []\n"
                "def fill():\n"
                "    try:\n        while True: kept.append(os.open(os.devnull, os.O_RDONLY))\n"
                "    except OSError: pass\n"
                "fill(); return nn.Linear(3, 2)",
                "Too many open files",
            ),
            "standard output blocks": draws("os.set_blocking(1, True); os.write(1, b'x' * 300_000)"),
        },
    ),
    Kind(
        "forks that return too",
        "https://docs.python.org/3/library/os.html#os.fork",
        {
            "both return": draws("os.fork()"),
            "the fork's answer counts for nothing": Fails(
                "if (pid := os.fork()): os.waitpid(pid, 0); os._exit(3)\nreturn nn.Linear(3, 2)",
                "ended with exit code 3",
            ),
            "the fork returns first": Draws(
                f"if (pid := os.fork()): os.waitpid(pid, 0)\nelse: return nn.Linear(9, 9)\n{GOOD}"
            ),
            "only the fork returns": Fails("if os.fork(): os._exit(0)\nreturn nn.Linear(3, 2)", "exit code 0"),
        },
    ),
    Kind(
        "ends the process",
        "https://docs.python.org/3/library/os.html#os._exit",
        {
            "abort": Fails("os.abort()", "killed by SIGABRT"),
            "exit of C": Fails("ctypes.CDLL(None).exit(5)", "exit code 5"),
            "another program takes over": Fails("os.execv('/bin/sh', ['sh', '-c', 'exit 4'])", "exit code 4"),
            "a thread ends it": Fails("t = threading.Timer(0, os._exit, (6,)); t.start(); t.join()", "exit code 6"),
            "a patched _exit does nothing": draws("os._exit = lambda code: None"),
            "a patched _exit raises": draws("def _exit(code): raise ValueError\nos._exit = _exit"),
        },
    ),
    Kind(
        "threads without end",
        "https://docs.python.org/3/library/threading.html#thread-objects",
        {
            "two hundred": draws("for _ in range(200): threading.Thread(target=time.sleep, args=(600,)).start()"),
            "one prints": draws(
                "def out():\n    while True: print('x', flush=True); time.sleep(0.001)\n"
                "threading.Thread(target=out).start()"
            ),
            "one raises": draws("t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()"),
            "the hook for exceptions is gone": Fails(
                "threading.excepthook = None; threading.Thread(target=lambda: 1 / 0).start()", "excepthook is None"
            ),
            "the hook for exceptions raises": draws(
                "def hook(_): raise ValueError\n"
                "threading.excepthook = hook; t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()"
            ),
        },
    ),
    Kind(
        "daemons",
        "https://peps.python.org/pep-3143/",
        {
            "forked twice": draws(
                "if not (pid := os.fork()):\n"
                "    os.setsid()\n"
                "    if os.fork(): os._exit(0)\n"
                "    os.closerange(0, 256); os.environ.clear(); time.sleep(600)\n"
                "os.waitpid(pid, 0)"
            ),
            "stopped": draws("p = subprocess.Popen(['sleep', 'NAP']); p.send_signal(signal.SIGSTOP)"),
            "ignores signals": draws("subprocess.Popen(['sh', '-c', 'trap \"\" TERM HUP INT; sleep NAP'])"),
            "a shell with jobs": draws("os.system('sleep NAP & sleep NAP & setsid sleep NAP &')"),
        },
    ),
    Kind(
        "many processes",
        "https://cwe.mitre.org/data/definitions/770.html",
        {
            "fifty forks": draws("for _ in range(50):\n    if not os.fork(): time.sleep(600)"),
            "forks of forks": draws("if not os.fork():\n    for _ in range(6): os.fork()\n    time.sleep(600)"),
            "one that moves on": draws(
                "if not os.fork():\n    while True:\n        if os.fork(): os._exit(0)\n        time.sleep(0.002)"
            ),
        },
    ),
    Kind(
        "process controls of Linux",
        "https://man7.org/linux/man-pages/man2/prctl.2.html",
        {
            "cannot be inspected": draws("ctypes.CDLL(None).prctl(4, 0)"),
            "name with parentheses": draws(
                "ctypes.CDLL(None).prctl(15, b') Z 1 (\\n')\nif not os.fork(): time.sleep(600)"
            ),
            "outlives its parent": draws("ctypes.CDLL(None).prctl(1, 0)\nif not os.fork(): time.sleep(600)"),
            "adopts orphans": draws("ctypes.CDLL(None).prctl(36, 1); os.system('sleep NAP &')"),
            "system calls are forbidden": Fails("ctypes.CDLL(None).prctl(22, 1)", "killed by SIGKILL|timed out after"),
            "no new privileges": draws("ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)"),
        },
    ),
    Kind(
        "traced",
        "https://man7.org/linux/man-pages/man2/ptrace.2.html",
        {
            "stops at a signal": Fails(
                "ctypes.CDLL(None).ptrace(0, 0, 0, 0); signal.raise_signal(10)", "timed out after"
            ),
            "never stops": draws("ctypes.CDLL(None).ptrace(0, 0, 0, 0)"),
        },
    ),
    Kind(
        "sessions and terminals",
        "https://docs.python.org/3/library/pty.html",
        {
            "a terminal of its own": draws("import pty\nif not pty.fork()[0]: time.sleep(600)"),
            "priority": draws("os.nice(19)"),
            "one processor": draws("os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"),
            "its group is another one": draws("os.fork() or os.setpgid(0, 0) or time.sleep(600)"),
        },
    ),
    Kind(
        "standard input",
        "https://docs.pytest.org/en/stable/how-to/capture-stdout-stderr.html",
        {
            "asks a question": Fails("return input('Download? [y/n] ')", "EOFError"),
            "reads all": draws("assert sys.stdin.read() == ''"),
            "debugger": Fails("breakpoint()\nreturn None", "BdbQuit"),
            "console": Fails("import code; code.interact()", "returned None"),
        },
    ),
]
