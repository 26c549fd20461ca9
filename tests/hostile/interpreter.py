"""Factories that change the interpreter: built-in names, imports, hooks, garbage collection, exceptions."""

from hostile.kinds import GOOD, UNREADABLE, Draws, Fails, Kind, draws, replaced

KINDS = [
    Kind(
        "faulthandler",
        "https://docs.python.org/3/library/faulthandler.html",
        {
            "the time limit is switched off": draws("import faulthandler; faulthandler.cancel_dump_traceback_later()"),
            "another time limit": Fails(
                "import faulthandler; faulthandler.dump_traceback_later(0.01, exit=True); time.sleep(600)",
                "exit code 1(.|\n)*Timeout",
            ),
            "writes to a file that is closed": draws(
                "import faulthandler; f = open(os.devnull, 'w'); faulthandler.enable(f); f.close()"
            ),
        },
    ),
    Kind(
        "trace and profile functions",
        "https://docs.python.org/3/library/sys.html#sys.settrace",
        {
            "trace raises": Fails(f"sys.settrace(lambda *_: 1 / 0); {GOOD}", "raised ZeroDivisionError"),
            "profile raises": Fails(f"sys.setprofile(lambda *_: 1 / 0); {GOOD}", "raised ZeroDivisionError"),
            "trace is left on": draws("sys.settrace(lambda *_: None)"),
            "trace exits": Fails(f"sys.settrace(lambda *_: os._exit(8)); {GOOD}", "exit code 8"),
            "trace of threads": draws("threading.settrace(lambda *_: 1 / 0); threading.setprofile(lambda *_: 1 / 0)"),
        },
    ),
    Kind(
        "audit hooks",
        "https://peps.python.org/pep-0578/",
        {
            "no file can be opened": Fails(
                "def hook(event, _):\n    if event == 'open': raise RuntimeError('not today')\n"
                f"sys.addaudithook(hook); {GOOD}",
                "not today",
            ),
            "nothing can be imported": draws(
                "def hook(event, _):\n    if event == 'import': raise RuntimeError('not today')\nsys.addaudithook(hook)"
            ),
            "slow": draws("sys.addaudithook(lambda *_: time.sleep(0.0001))"),
        },
    ),
    Kind(
        "built-in names",
        "https://docs.python.org/3/library/builtins.html",
        replaced(
            "builtins",
            {
                "open": "None",
                "print": "None",
                "len": "lambda _: 0",
                "isinstance": "lambda *_: True",
                "id": "lambda _: 7",
                "sorted": "lambda *_, **__: []",
                "getattr": "lambda *_: None",
                "type": "None",
                "__import__": "None",
                "dict": "None",
                "sum": "lambda *_: 0",
                "BaseException": "None",
                "super": "None",
            },
        )
        | {
            "all are gone": Draws("import builtins; made = nn.Linear(3, 2); vars(builtins).clear(); return made"),
            "torch needs them": Fails(f"import builtins; builtins.type = None; {GOOD}", "TypeError: 'NoneType' object"),
            "its other functions need them": Draws(
                "import builtins; builtins.width = 2\n"
                "class Net(nn.Linear): extra_repr = lambda self: f'width={width}'\nreturn Net(3, width)",
                "weight:.2, 3.",
            ),
        },
    ),
    Kind(
        "functions of the standard library",
        "https://www.gevent.org/api/gevent.monkey.html",
        {
            "json": draws("import json; json.dumps = json.loads = None"),
            "clocks": draws("time.time = time.monotonic = time.perf_counter = time.process_time = lambda: 0"),
            "files": Fails(f"os.open = os.stat = os.write = os.replace = os.fspath = None; {GOOD}", UNREADABLE),
            "paths": draws("import pathlib; pathlib.Path.write_bytes = pathlib.Path.replace = None"),
            "os.path": Fails(
                f"os.path.abspath = os.path.join = os.path.dirname = lambda *_: 1 / 0; {GOOD}", UNREADABLE
            ),
            "getcwd": draws("os.getcwd = lambda: 1 / 0"),
            "msgspec": Fails(f"import msgspec; msgspec.msgpack.encode = None; {GOOD}", "TypeError|exit code"),
            "inspect": draws("import inspect; inspect.signature = inspect.getsource = None"),
        },
    ),
    Kind(
        "bmvis itself",
        "https://cwe.mitre.org/data/definitions/471.html",
        {
            "its modules are emptied": Fails(
                "for name in [n for n in sys.modules if n.startswith('bmvis')]: vars(sys.modules[name]).clear()\n"
                f"{GOOD}",
                "exit code|raised",
            ),
            "its modules are gone": draws(
                "for name in [n for n in sys.modules if n.startswith('bmvis')]: del sys.modules[name]"
            ),
            "every dictionary is emptied": Fails(
                "import gc\nfor o in gc.get_objects():\n    if type(o) is dict and o is not globals(): o.clear()\n"
                f"{GOOD}",
                "exit code|killed|raised|longer",
            ),
        },
    ),
    Kind(
        "garbage collection",
        "https://docs.python.org/3/library/gc.html",
        {
            "off": draws("import gc; gc.disable(); gc.freeze()"),
            "always": draws("import gc; gc.set_threshold(1, 1, 1)"),
            "callback raises": draws("import gc; gc.callbacks.append(lambda *_: 1 / 0); gc.collect()"),
            "callback exits": Fails("import gc; gc.callbacks.append(lambda *_: os._exit(5)); gc.collect()", "code 5"),
            "debugging prints": draws("import gc; gc.set_debug(gc.DEBUG_STATS); gc.collect()"),
        },
    ),
    Kind(
        "finalizers",
        "https://docs.python.org/3/reference/datamodel.html#object.__del__",
        {
            "raises": draws("class D: __del__ = lambda self: 1 / 0\nD()"),
            "exits": Fails("class D: __del__ = lambda self: os._exit(6)\nD()", "exit code 6"),
            "exits at the end": draws("class D: __del__ = lambda self: os._exit(6)\nglobal kept; kept = D()"),
            "of the model raises": Draws("class Net(nn.Linear): __del__ = lambda self: 1 / 0\nreturn Net(3, 2)"),
            "comes back": draws("class D:\n    def __del__(self): global kept; kept = self\nD()"),
        },
    ),
    Kind(
        "recursion",
        "https://docs.python.org/3/library/sys.html#sys.setrecursionlimit",
        {
            "low limit": draws("sys.setrecursionlimit(len(__import__('inspect').stack()) + 20)"),
            "in __repr__": Draws(
                "class Net(nn.Linear): __repr__ = __str__ = lambda self: repr(self)\nreturn Net(3, 2)"
            ),
            "in extra_repr": Draws(
                "class Net(nn.Linear): extra_repr = lambda self: self.extra_repr()\nreturn Net(3, 2)"
            ),
            "deeply nested model": Draws(
                "net = nn.Linear(3, 2)\nfor _ in range(2000): net = nn.Sequential(net)\nreturn net", "Linear"
            ),
            "model that contains itself": Draws(
                "net = nn.Linear(3, 2); net._modules['me'] = net; return net", r"weight:\[2, 3\]"
            ),
        },
    ),
    Kind(
        "exceptions that cannot be shown",
        "https://docs.python.org/3/library/traceback.html",
        {
            "__str__ raises": Fails("class E(Exception): __str__ = lambda self: 1 / 0\nraise E", "raised E"),
            "__repr__ raises": Fails("class E(Exception): __repr__ = lambda self: 1 / 0\nraise E('v')", "raised E: v"),
            "every attribute raises": Fails(
                "class E(Exception): __getattribute__ = lambda self, name: 1 / 0\nraise E('v')", UNREADABLE
            ),
            "__str__ is no text": Fails("class E(Exception): __str__ = lambda self: 5\nraise E", "raised E"),
            "__str__ exits": Fails("class E(Exception): __str__ = lambda self: sys.exit(3)\nraise E", "raised E"),
            "__str__ loops": Fails(
                "class E(Exception):\n    def __str__(self): time.sleep(600)\nraise E", "timed out after"
            ),
            "__str__ recurses": Fails("class E(Exception): __str__ = lambda self: str(self)\nraise E", "raised E"),
            "huge text": Fails("raise ValueError('x' * 10**7)", "raised ValueError"),
            "lone surrogates": Fails("raise ValueError('\\ud800')", "raised ValueError"),
            "control sequences": Fails("raise ValueError('\\x1b[31m\\x07::error::x')", "raised ValueError"),
            "notes are none": Fails("e = ValueError('v'); e.__notes__ = 5; raise e", "raised ValueError"),
            "its own cause": Fails("e = ValueError('v'); e.__context__ = e; raise e from e", "raised ValueError"),
            "chain of ten thousand": Fails(
                "e = None\nfor n in range(10_000):\n    new = ValueError(n); new.__cause__ = e; e = new\nraise e",
                "raised ValueError: 9999",
            ),
            "group of a thousand": Fails(
                "raise ExceptionGroup('g', [ValueError(n) for n in range(1000)])", "raised ExceptionGroup"
            ),
            "name with line breaks": Fails(r"raise type('E\n::error::x', (Exception,), {})('v')", "raised E"),
            "syntax error of odd parts": Fails("raise SyntaxError('s', (5, 'x', -1, [], 'y', {}))", "SyntaxError"),
            "class attributes are gone": Fails(
                "class M(type): __name__ = property(lambda c: 1 / 0); __qualname__ = property(lambda c: 1 / 0)\n"
                "class E(Exception, metaclass=M): pass\nraise E",
                "raised",
            ),
        },
    ),
    Kind(
        "exceptions that are no Exception",
        "https://docs.python.org/3/library/exceptions.html#exception-hierarchy",
        {
            "GeneratorExit": Fails("raise GeneratorExit", "raised GeneratorExit"),
            "CancelledError": Fails("import asyncio; raise asyncio.CancelledError", "raised CancelledError"),
            "BaseException": Fails("class Stop(BaseException): pass\nraise Stop", "raised Stop"),
            "StopIteration": Fails("raise StopIteration", "raised StopIteration"),
            "SystemExit of an object": Fails(
                "class C: __str__ = __repr__ = lambda self: 1 / 0\nraise SystemExit(C())", "raised SystemExit"
            ),
            "interrupted by itself": Fails(
                "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
                "os.kill(os.getpid(), signal.SIGINT); time.sleep(600)",
                "raised KeyboardInterrupt",
            ),
        },
    ),
    Kind(
        "import hooks",
        "https://docs.python.org/3/reference/import.html#the-meta-path",
        {
            "none": draws("sys.meta_path.clear(); sys.path_hooks.clear(); sys.path_importer_cache.clear()"),
            "raises": draws("class F:\n    def find_spec(*_): raise RuntimeError('no')\nsys.meta_path.insert(0, F())"),
            "no finder": draws("sys.meta_path.insert(0, None)"),
        },
    ),
    Kind(
        "sys.path",
        "https://cwe.mitre.org/data/definitions/427.html",
        {
            "none": draws("sys.path = None"),
            "not text": draws("sys.path[:] = [5, None, b'x', object()]"),
            "poisoned": draws(
                "import tempfile\nd = tempfile.mkdtemp(); f = os.path.join(d, 'bmvis.py'); open(f, 'w').close()\n"
                "sys.path.insert(0, d); os.remove(f); os.rmdir(d)"
            ),
            "null bytes": draws("sys.path.insert(0, '\\0')"),
        },
    ),
    Kind(
        "sys.modules",
        "https://docs.python.org/3/library/sys.html#sys.modules",
        {
            "entries are None": draws("for name in ('os', 'json', 'inspect', 'traceback'): sys.modules[name] = None"),
            "keys are no text": draws("sys.modules[5] = sys.modules[None] = 7"),
            "module that raises": draws(
                "class M(type(sys)): __getattribute__ = lambda self, name: 1 / 0\nsys.modules['m'] = M('m')"
            ),
            "file is no text": draws("m = type(sys)('m'); m.__file__ = 5; m.__spec__ = 7; sys.modules['m'] = m"),
            "file with null bytes": draws("m = type(sys)('m'); m.__file__ = '\\0'; sys.modules['m'] = m"),
            "another dictionary": draws("sys.modules = {}"),
        },
    ),
    Kind(
        "environment variables",
        "https://man7.org/linux/man-pages/man8/ld.so.8.html",
        {
            "of the loader": draws("os.environ |= {'LD_PRELOAD': '/nowhere.so', 'PYTHONHOME': '/nowhere'}"),
            "without the worker's mark": draws("del os.environ['BMVIS_WORKER']; subprocess.Popen(['sleep', 'NAP'])"),
            "not a mapping": draws("os.environ = None"),
            "set by C": draws("ctypes.CDLL(None).setenv(b'PATH', b'\\xff', 1)"),
            "time zone": draws("os.environ['TZ'] = 'Nowhere/Else'; time.tzset()"),
        },
    ),
    Kind(
        "hooks of sys",
        "https://docs.python.org/3/library/sys.html#sys.excepthook",
        {
            "none": draws("sys.excepthook = sys.unraisablehook = sys.displayhook = sys.exit = None"),
            "no frames": draws("sys._getframe = None"),
            "no time for other threads": draws("sys.setswitchinterval(1000)"),
            "numbers are short": draws("sys.set_int_max_str_digits(640)"),
            "streams that raise": draws(
                "class S:\n    def __getattr__(self, name): raise RuntimeError(name)\n"
                "sys.stdout = sys.stderr = sys.stdin = S()"
            ),
        },
    ),
    Kind(
        "warnings and logs",
        "https://docs.python.org/3/library/warnings.html#warnings.simplefilter",
        {
            "warnings are errors": draws("warnings.simplefilter('error')"),
            "warnings cannot be shown": draws("warnings.showwarning = None; warnings.warn('w')"),
            "log handler raises": draws(
                "import logging\nclass H(logging.Handler): emit = lambda self, r: 1 / 0\n"
                "logging.getLogger().addHandler(H()); logging.getLogger().setLevel(0)"
            ),
            "locale": draws("import locale; locale.setlocale(locale.LC_ALL, 'C')"),
        },
    ),
    Kind(
        "output",
        "https://cwe.mitre.org/data/definitions/117.html",
        {
            "a hundred megabytes": draws("for _ in range(100): os.write(1, b'x' * 2**20)"),
            "no UTF-8, then it exits": Fails("os.write(1, b'\\xff\\xfe\\x80' * 99); os._exit(2)", "exit code 2"),
            "commands of a CI, then it exits": Fails(
                "print('\\x1b]0;t\\x07\\x1b[2J\\n::error::x\\n##vso[x]', flush=True); os._exit(2)", "exit code 2"
            ),
        },
    ),
    Kind(
        "event loops and process pools",
        "https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods",
        {
            "loop left running": draws(
                "import asyncio; loop = asyncio.new_event_loop(); threading.Thread(target=loop.run_forever).start()"
            ),
            "policy is none": draws("import asyncio; asyncio.get_event_loop_policy = None"),
            "asynchronous factory": Fails("async def net(): return nn.Linear(3, 2)\nreturn net()", "coroutine"),
            "pool of forks left open": draws(
                "import multiprocessing as mp; global pool; pool = mp.get_context('fork').Pool(2); pool.map(abs, [1])"
            ),
            "pool of new interpreters": draws(
                "import multiprocessing as mp\n"
                "with mp.get_context('spawn').Pool(1) as pool: assert pool.map(abs, [-1]) == [1]"
            ),
            "executor left open": draws(
                "from concurrent.futures import ThreadPoolExecutor as T; global pool; pool = T(4)\n"
                "for _ in range(9): pool.submit(time.sleep, 600)"
            ),
        },
    ),
    Kind(
        "memory",
        "https://cwe.mitre.org/data/definitions/789.html",
        {
            "a long text": Fails("return 'x' * 10**12", "memory"),
            "a wide tensor": Fails("return torch.empty(10**13, device='cpu')", "memory"),
            "a child's": draws(
                "p = subprocess.run([sys.executable, '-SIc', 'bytearray(10**10)'], capture_output=True)\n"
                "assert b'MemoryError' in p.stderr"
            ),
            "a number": Fails("return 10 ** 10 ** 10", "timed out after|emory"),
        },
    ),
    Kind(
        "broken memory",
        "https://cwe.mitre.org/data/definitions/787.html",
        {
            "the type of None": Fails("ctypes.memset(id(None), 0, 16)\nreturn None", "killed by SIG"),
            "interpreter is finalized": Fails("ctypes.pythonapi.Py_FinalizeEx()", "killed by SIG|exit code"),
            "lock is taken twice": draws("ctypes.pythonapi.PyGILState_Ensure()"),
        },
    ),
]
