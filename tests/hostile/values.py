"""Factories of models with hostile values: texts, numbers, containers, tensors, optimizers and configurations."""

from hostile.kinds import UNREADABLE, Draws, Fails, Kind, draws

TEXT = (
    "class Text(str):\n    def fail(*_): raise ValueError('text')\n"
    "    __str__ = __repr__ = __eq__ = __len__ = __iter__ = __contains__ = __getitem__ = __add__ = __mod__ = fail\n"
    "    split = splitlines = strip = replace = encode = partition = startswith = isidentifier = translate = fail\n"
    "    __hash__ = str.__hash__\n"
)
"""A class of texts with methods that raise."""


def attribute(value: str) -> Draws:
    """Return a case whose model has a hostile value as an attribute."""
    return Draws(f"net = nn.Linear(3, 2); net.given = {value}; return net")


def tensor(members: str) -> str:
    """Return a factory whose model has a parameter of a hostile class."""
    return (
        f"class P(nn.Parameter):\n    {members}\n"
        "net = nn.Linear(3, 2); net._parameters['weight'] = P(torch.empty(2, 3)); return net"
    )


KINDS = [
    Kind(
        "text of a subclass",
        "https://docs.python.org/3/library/stdtypes.html#text-sequence-type-str",
        {
            "extra_repr": Draws(
                f"{TEXT}class Net(nn.Linear): extra_repr = lambda self: Text('in')\nreturn Net(3, 2)",
                r"root weight:\[2, 3\]",
            ),
            "attribute": Draws(f"{TEXT}net = nn.Linear(3, 2); net.mode = Text('a'); return net"),
            "exception": Fails(f"{TEXT}raise ValueError(Text('why'))", "raised ValueError"),
            "dtype of a name": Draws(f"{TEXT}net = nn.Linear(3, 2); net.__dict__[Text('a b')] = 5; return net"),
        },
    ),
    Kind(
        "numbers",
        "https://docs.python.org/3/library/stdtypes.html#integer-string-conversion-length-limitation",
        {
            "too long to print": attribute("10 ** 5000"),
            "not a number": attribute("(float('nan'), float('-inf'), complex(0, float('nan')))"),
            "own class that raises": attribute("type('N', (int,), {'__repr__': lambda self: 1 / 0})(5)"),
            "own class that exits": attribute("type('N', (float,), {'__repr__': lambda self: os._exit(3)})(5)"),
            "size without end": Draws(
                "net = nn.Module()\n"
                "for n in range(40): net.register_parameter(f'p{n}', nn.Parameter(torch.empty(2**60, device='meta')))\n"
                "return net",
                r"p0(-39)?:?\[",
            ),
        },
    ),
    Kind(
        "containers",
        "https://docs.python.org/3/library/reprlib.html",
        {
            "contains itself": Draws("a = []; a.append(a); net = nn.Linear(3, 2); net.given = a; return net"),
            "dictionary that contains itself": Draws(
                "a = {}; a['a'] = a; net = nn.Linear(3, 2); net.given = a; return net"
            ),
            "nested a hundred thousand times": Draws(
                "a = ()\nfor _ in range(10**5): a = (a,)\nglobal kept; kept = a\n"
                "net = nn.Linear(3, 2); net.given = a; return net"
            ),
            "a million entries": attribute("dict.fromkeys(range(10**6), 'x')"),
            "changes while it is read": attribute(
                "type('D', (dict,), {'__iter__': lambda self: iter(lambda: 1, 2), 'keys': None, 'items': None})(a=1)"
            ),
            "list with a length that lies": attribute("type('L', (list,), {'__len__': lambda self: 10**9})([5])"),
        },
    ),
    Kind(
        "tensors of a subclass",
        "https://docs.pytorch.org/docs/stable/notes/extending.html#subclassing-torch-tensor",
        {
            "shape raises": Fails(tensor("shape = property(lambda self: 1 / 0)"), UNREADABLE),
            "numel raises": Fails(tensor("numel = element_size = lambda self: 1 / 0"), UNREADABLE),
            "gradient flag exits": Draws(tensor("grad_fn = is_leaf = property(lambda self: os._exit(3))")),
            "comparison raises": Draws(
                tensor("__eq__ = __bool__ = __len__ = lambda *_: 1 / 0; __hash__ = object.__hash__")
            ),
        },
    ),
    Kind(
        "optimizers",
        "https://docs.pytorch.org/docs/stable/optim.html",
        {
            "groups raise": Fails(
                "net = nn.Linear(3, 2); o = torch.optim.SGD(net.parameters(), 0.1)\n"
                "o.__class__ = type('O', (torch.optim.SGD,), {'param_groups': property(lambda self: 1 / 0)})\n"
                "return net, o",
                "ZeroDivisionError|optimizer|division",
            ),
            "groups are none": Fails(
                "net = nn.Linear(3, 2); o = torch.optim.SGD(net.parameters(), 0.1); o.param_groups = None\n"
                "return net, o",
                "returned a tuple|optimizer",
            ),
            "rate is a list that contains itself": Draws(
                "net = nn.Linear(3, 2); o = torch.optim.SGD(net.parameters(), 0.1)\n"
                "a = []; a.append(a); o.param_groups[0]['lr'] = a; return net, o"
            ),
            "rate is an object": Draws(
                "net = nn.Linear(3, 2); o = torch.optim.SGD(net.parameters(), 0.1)\n"
                "o.param_groups[0]['lr'] = object(); o.param_groups[0]['x'] = 10**5000; return net, o"
            ),
            "parameters of another model": Draws(
                "net = nn.Linear(3, 2); return net, torch.optim.SGD(nn.Linear(4, 4).parameters(), 0.1)"
            ),
        },
    ),
    Kind(
        "configurations",
        "https://huggingface.co/docs/transformers/main_classes/configuration",
        {
            "its dictionary raises": Draws(
                "class C: to_dict = to_diff_dict = lambda self: 1 / 0\n"
                "net = nn.Linear(3, 2); net.config = net.hparams = C(); return net"
            ),
            "its dictionary is a model": Draws(
                "net = nn.Linear(3, 2); net.config = type('C', (), {'to_dict': lambda self: net})(); return net"
            ),
            "its dictionary has odd keys": Draws(
                "class C: to_dict = lambda self: {5: 10**5000, None: [self], b'x': '\\ud800'}\n"
                "net = nn.Linear(3, 2); net.config = C(); return net"
            ),
        },
    ),
    Kind(
        "models that change while they are read",
        "https://docs.python.org/3/reference/datamodel.html#emulating-container-types",
        {
            "extra_repr adds a module": Draws(
                "class Net(nn.Linear):\n"
                "    def extra_repr(self): self.add_module(f'm{len(self._modules)}', nn.ReLU()); return ''\n"
                "return Net(3, 2)"
            ),
            "extra_repr removes all parameters": Draws(
                "class Net(nn.Linear):\n    def extra_repr(self): self._parameters.clear(); return ''\n"
                "return nn.Sequential(Net(3, 2), Net(3, 2))",
                "",
            ),
            "extra_repr changes the class": Draws(
                "class Net(nn.Linear):\n    def extra_repr(self): self.__class__ = nn.Linear; return ''\n"
                "return Net(3, 2)"
            ),
            "a timer raises at any time": Fails(
                "signal.signal(signal.SIGALRM, lambda *_: 1 / 0)\n"
                "made = nn.Sequential(*[nn.Linear(3, 2) for _ in range(2000)])\n"
                "signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001); return made",
                "ZeroDivisionError|exit code",
            ),
        },
    ),
    Kind(
        "abstract classes and caches",
        "https://docs.python.org/3/library/collections.abc.html",
        {
            "layers are mappings": draws(
                "import collections.abc as a; a.Mapping.register(nn.Linear); a.Sequence.register(nn.Linear)"
            ),
            "regular expressions are gone": draws("import re; re.purge(); re.compile = re.sub = re.fullmatch = None"),
            "pickle and copy are gone": draws("import copy, pickle; pickle.dumps = copy.deepcopy = copy.copy = None"),
            "enumerations are gone": draws("import enum, functools; enum.Enum = functools.cache = None"),
            "fork handlers raise": draws(
                "os.register_at_fork(before=lambda: 1 / 0, after_in_child=lambda: os._exit(9)); os.system('true')"
            ),
        },
    ),
    Kind(
        "names of files",
        "https://docs.python.org/3/library/os.html#file-names-command-line-arguments-and-environment-variables",
        {
            "not UTF-8": draws("os.path.exists(os.fsencode(__file__) + b'\\xff\\xfe')"),
            "not UTF-8, and written": draws("open(os.fsencode(__file__) + b'\\xff\\xfd', 'w').close()"),
            "commands of a CI": draws("open(__file__ + '\\n::error::x\\x1b[31m', 'w').close()"),
            "lone surrogates": draws("try: os.stat(__file__ + '\\ud800')\nexcept UnicodeError: pass"),
            "null bytes": draws("os.path.exists(__file__ + '\\0')"),
            "ten thousand characters": draws("os.path.exists(__file__ + 'x' * 10_000)"),
            "fifty thousand files": draws("for n in range(50_000): os.path.exists(f'{__file__}.{n}')"),
            "fifty thousand files of a fork": draws(
                "if (pid := os.fork()): os.waitpid(pid, 0)\n"
                "else:\n    for n in range(50_000): os.path.exists(f'{__file__}.{n}')\n    os._exit(0)"
            ),
        },
    ),
    Kind(
        "folder for temporary files",
        "https://cwe.mitre.org/data/definitions/377.html",
        {
            "deleted": draws("import tempfile; os.rmdir(tempfile.gettempdir())"),
            "a file": draws("import tempfile; t = tempfile.gettempdir(); os.rmdir(t); open(t, 'w').close()"),
            "a link to the project": draws(
                "import tempfile; t = tempfile.gettempdir(); os.rmdir(t); os.symlink(os.path.dirname(__file__), t)"
            ),
            "without permissions": draws(
                "import tempfile; t = tempfile.gettempdir(); open(t + '/a', 'w').close()\n"
                "os.chmod(t, 0); os.chmod(os.path.dirname(t), 0o100)"
                "; os.chmod(os.path.dirname(t), 0o300)"
            ),
            "filled": draws("import tempfile\nfor _ in range(500): tempfile.mkstemp(); tempfile.mkdtemp()"),
            "filled by a crash": Fails(
                "import tempfile\nfor _ in range(50): tempfile.mkstemp()\nos._exit(3)", "exit code 3"
            ),
        },
    ),
    Kind(
        "writes to other descriptors",
        "https://cwe.mitre.org/data/definitions/403.html",
        {
            "junk to all": draws(
                "for n in range(3, 256):\n    try: os.write(n, b'\\xc1' * 99)\n    except OSError: pass"
            ),
            "an order to the parent": draws(
                "from bmvis.child.processes.preload_requests import EndMessage, PreloadRequest\nimport msgspec\n"
                "order = msgspec.msgpack.encode(EndMessage(PreloadRequest('no_such_module', True, ())))\n"
                "for n in range(3, 256):\n    try: os.write(n, order)\n    except OSError: pass"
            ),
        },
    ),
]
