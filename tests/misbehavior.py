"""Model code that misbehaves in the process that builds it: bodies of `build()`, and patterns of the reports."""

import os
import re
import subprocess
import textwrap

NAP = str(100_000 + os.getpid())
"""Seconds that a leftover process sleeps: a number that identifies the processes of this test run."""

ENDLESS_TIMEOUT = 10
"""Seconds for models that never end: on a busy machine, it takes some until they print."""
FAILS = {
    "raises": ("raise ValueError('no such size')", r"raised ValueError: no such size"),
    "SystemExit": ("raise SystemExit(3)", r"raised SystemExit: 3"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", r"raised KeyboardInterrupt"),
    "_exit": ("print('bye', flush=True); os._exit(7)", r"ended with exit code 7(.|\n)*bye"),
    "output in small pieces": (
        "for letter in b'no space left on device': os.write(2, bytes([letter])); time.sleep(0.005)\nos._exit(5)",
        r"ended with exit code 5(.|\n)*no space left on device",
    ),
    "exit without error": ("os._exit(0)", r"ended with exit code 0"),
    "segfault": ("ctypes.string_at(0)", r"killed by SIGSEGV"),
    "signal": ("os.kill(os.getpid(), signal.SIGTERM)", r"killed by SIGTERM"),
    "out of memory": ("os.kill(os.getpid(), signal.SIGKILL)", r"killed by SIGKILL(.|\n)*run out of memory"),
    "endless loop": (
        "print('still here', flush=True)\nwhile True: time.sleep(0.001)",
        rf"timed out after {ENDLESS_TIMEOUT} s(.|\n)*still here",
    ),
    "endless output": (
        "while True:\n    sys.stdout.write('out' * 1000); sys.stderr.write('err' * 1000); time.sleep(0.0001)",
        rf"timed out after {ENDLESS_TIMEOUT} s(.|\n)*out",
    ),
    "1,000 GB": ("return nn.Linear(500_000, 500_000, device='cpu')", r"memory"),
    "memory limit": ("return [bytearray(10**8) for _ in range(40)]", r"takes more than [\d.]+ GB, the setting memory"),
    "recursion": ("build()", r"raised RecursionError"),
    "recursion without limit": (
        "sys.setrecursionlimit(10**9)\n(deep := lambda f: f(f))(lambda f: [f(f)])",
        r"killed by SIG|raised|timed out after",
    ),
    "returns nothing": ("pass", r"returned None"),
    "broken class": (
        "class Broken(nn.Module):\n"
        "    _modules = property(lambda self: 1 / 0, lambda self, value: None)\n"
        "return Broken()",
        r"ZeroDivisionError",
    ),
}

PASSES = {
    "closes file descriptors": "os.closerange(0, 200)",
    "closes standard streams": "sys.stdout.close(); sys.stderr.close(); sys.stdin.close()",
    "changes directory and environment": (
        "os.chdir('/'); os.environ.clear(); sys.path.clear(); os.environ['PYTHONPATH'] = '/nowhere'"
    ),
    "leaves a thread": "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
    "leaves a busy thread": "threading.Thread(target=spin).start()",
    "leaves a process": "subprocess.Popen(['sleep', 'NAP'])",
    "leaves a process in another session": "subprocess.Popen(['sleep', 'NAP'], start_new_session=True)",
    "leaves a daemon": (
        "subprocess.run([sys.executable, '-c',\n"
        "    \"import subprocess; subprocess.Popen(['sleep', 'NAP'], start_new_session=True, env={})\"])"
    ),
    "leaves a fork": "if os.fork() == 0:\n    os.setsid()\n    time.sleep(600)",
    "prints binary junk": "os.write(1, bytes(range(256)) * 1000); os.write(2, b'\\xff\\xfe' * 1000)",
    "deletes itself": "del sys.modules[__name__]",
    "deletes torch": "for name in list(sys.modules):\n    if name.startswith('torch'): del sys.modules[name]",
    "sets the default dtype": "torch.set_default_dtype(torch.float64)",
    "sets the default device": "torch.set_default_device('meta')",
    "turns gradients off": "torch.set_grad_enabled(False); torch.inference_mode().__enter__()",
    "patches nn.Module": "made = nn.Linear(3, 2)\nnn.Module.register_parameter = lambda *_, **__: None\nreturn made",
    "patches nn.Linear": "nn.Linear.__init__ = lambda self, *_: nn.Module.__init__(self)",
    "warns a thousand times": "for n in range(1000): warnings.warn(f'warning {n}')",
    "replaces standard output": "sys.stdout = sys.stderr = None",
    "ignores signals": "for s in (signal.SIGTERM, signal.SIGINT): signal.signal(s, signal.SIG_IGN)",
}

HEADER = """\
import ctypes, os, signal, subprocess, sys, threading, time, warnings
import torch
from torch import nn

def spin():
    while True: time.sleep(0.1)

"""


def write(folder, name, body):
    body = textwrap.indent(body.replace("NAP", NAP), "    ")
    (folder / f"{name}.py").write_text(f"{HEADER}def build():\n{body}\n")


def module_name(title):
    return "case_" + re.sub(r"\W", "_", title)


def sleepers():
    found = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if re.search(rf" sleep {NAP}$", line)]
