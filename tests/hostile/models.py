# ruff: noqa: E501
"""Factories that change torch, or whose models, classes and names are hostile."""

from hostile.kinds import GOOD, UNREADABLE, Draws, Fails, Kind, draws, replaced

LINEAR = r"weight:\[2, 3\] bias:\[2\]"


def net(members: str) -> str:
    """Return a factory of a model whose class has these members."""
    return f"class Net(nn.Linear):\n    {members}\nreturn Net(3, 2)"


KINDS = [
    Kind(
        "defaults of torch",
        "https://docs.pytorch.org/docs/stable/generated/torch.set_default_device.html",
        {
            "device": draws("torch.set_default_device('cpu')"),
            "tensor type": draws("torch.set_default_tensor_type(torch.FloatTensor)"),
            "half precision": Draws(f"torch.set_default_dtype(torch.float16)\n{GOOD}", "float16"),
            "threads": draws("torch.set_num_threads(1); torch.set_num_interop_threads(1)"),
            "seed": draws("torch.manual_seed(0); torch.seed()"),
            "deterministic algorithms": draws("torch.use_deterministic_algorithms(True)"),
            "denormal numbers": draws("torch.set_flush_denormal(True)"),
            "print options": draws("torch.set_printoptions(threshold=10**9)"),
            "autocast": draws("torch.autocast('cpu').__enter__()"),
            "anomalies": draws("torch.autograd.set_detect_anomaly(True)"),
            "warnings": draws("torch.set_warn_always(True)"),
        },
    ),
    Kind(
        "modes that are left on",
        "https://docs.pytorch.org/docs/stable/notes/extending.html#extending-torch-python-api",
        {
            "function mode raises": draws(
                "from torch.overrides import TorchFunctionMode as T\n"
                "class M(T):\n    def __torch_function__(*_): raise RuntimeError('mode')\n"
                "made = nn.Linear(3, 2); M().__enter__(); return made"
            ),
            "dispatch mode": draws(
                "from torch.utils._python_dispatch import TorchDispatchMode as T\n"
                "class M(T):\n    def __torch_dispatch__(self, f, types, args=(), kwargs=None): raise RuntimeError('mode')\n"
                "made = nn.Linear(3, 2); M().__enter__(); return made"
            ),
            "device": draws("torch.device('cpu').__enter__()"),
            "fake tensors": Draws(
                "from torch._subclasses.fake_tensor import FakeTensorMode as F; F().__enter__(); return nn.Linear(3, 2)",
                r"weight:\[2, 3\]",
            ),
        },
    ),
    Kind(
        "changes of nn.Module",
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html",
        replaced(
            "nn.Module",
            {
                "__setattr__": "None",
                "__getattr__": "lambda self, name: 1 / 0",
                "__repr__": "lambda self: 5",
                "__dir__": "None",
                "named_modules": "None",
                "named_parameters": "lambda *_, **__: []",
                "named_children": "lambda self: 1 / 0",
                "parameters": "None",
                "state_dict": "None",
                "apply": "None",
                "extra_repr": "lambda self: 1 / 0",
            },
        ),
    ),
    Kind(
        "changes of tensors",
        "https://docs.pytorch.org/docs/stable/tensors.html",
        {
            "numel": Fails("made = nn.Linear(3, 2); torch.Tensor.numel = None; return made", UNREADABLE),
            "data_ptr": draws("made = nn.Linear(3, 2); torch.Tensor.data_ptr = lambda self: 0; return made"),
            "comparison": draws("made = nn.Linear(3, 2); torch.Tensor.__eq__ = lambda *_: True; return made"),
            "hash": draws("made = nn.Linear(3, 2); torch.Tensor.__hash__ = None; return made"),
        },
    ),
    Kind(
        "classes that lie",
        "https://docs.python.org/3/reference/datamodel.html#customizing-instance-and-subclass-checks",
        {
            "another class": Draws(
                "class Net(nn.Linear): pass\nmade = nn.Linear(3, 2); made.__class__ = Net; return made",
                f"{LINEAR}(.|\n)*Net: 8 parameters",
            ),
            "__class__ is another": Draws(net("__class__ = property(lambda self: int)"), LINEAR),
            "__class__ raises": Draws(net("__class__ = property(lambda self: 1 / 0)"), LINEAR),
            "is an instance of all": Draws(
                "class M(type): __instancecheck__ = __subclasscheck__ = lambda *_: True\n"
                "class Net(nn.Linear, metaclass=M): pass\nreturn Net(3, 2)",
                LINEAR,
            ),
            "instance check raises": Draws(
                "class M(type): __instancecheck__ = __subclasscheck__ = lambda *_: 1 / 0\n"
                "class Net(nn.Linear, metaclass=M): pass\nreturn Net(3, 2)",
                LINEAR,
            ),
            "name raises": Draws(
                "class M(type): __name__ = property(lambda c: 1 / 0)\n"
                "class Net(nn.Linear, metaclass=M): pass\n"
                "made = nn.Linear(3, 2); made.__class__ = Net; return made",
                LINEAR,
            ),
            "module is no text": Draws(net("__module__ = 5"), LINEAR),
            "module raises": Draws(net("__module__ = property(lambda self: 1 / 0)"), LINEAR),
            "returns a class": Fails("return nn.Linear", "class|type"),
            "returns a mock": Fails("from unittest.mock import MagicMock; return MagicMock()", "MagicMock"),
            "returns a proxy": Fails(
                "import weakref; global kept; kept = nn.Linear(3, 2); return weakref.proxy(kept)", "returned a|[Pp]roxy"
            ),
            "returns a generator": Fails("yield nn.Linear(3, 2)", "generator"),
        },
    ),
    Kind(
        "special methods",
        "https://docs.python.org/3/reference/datamodel.html#special-method-names",
        {
            **{
                f"{name} raises": Draws(net(f"{name} = lambda self, *_: 1 / 0"), LINEAR)
                for name in ("__bool__", "__len__", "__iter__", "__hash__", "__eq__", "__getitem__", "__dir__")
            },
            "__getattribute__ raises": Fails(
                "class Net(nn.Linear):\n    def __getattribute__(self, name): raise RuntimeError(name)\nreturn Net(3, 2)",
                "RuntimeError",
            ),
            "__getattr__ returns itself": Draws(
                "class Net(nn.Linear): __getattr__ = lambda self, name: self\n"
                "made = nn.Linear(3, 2); made.__class__ = Net; return made",
                LINEAR,
            ),
            "__dict__ raises": Fails(net("__dict__ = property(lambda self: 1 / 0)"), "ZeroDivisionError"),
            "every property raises": Draws(net("T = device = dtype = config = property(lambda self: 1 / 0)"), LINEAR),
            "every property exits": Draws(net("device = config = property(lambda self: os._exit(3))"), LINEAR),
            "cannot be pickled": Draws(net("__reduce_ex__ = __deepcopy__ = __getstate__ = lambda *_: 1 / 0"), LINEAR),
        },
    ),
    Kind(
        "extra_repr",
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.extra_repr",
        {
            "raises": Draws(net("extra_repr = lambda self: 1 / 0"), LINEAR),
            "is no text": Draws(net("extra_repr = lambda self: 5"), LINEAR),
            "is none": Draws(net("extra_repr = None"), LINEAR),
            "long": Draws(net("extra_repr = lambda self: 'x' * 10**7"), LINEAR),
            "control sequences": Draws(net(r"extra_repr = lambda self: '\x1b[31m\x00\n::error::x\u202e'"), LINEAR),
            "lone surrogates": Draws(net(r"extra_repr = lambda self: '\ud800'"), LINEAR),
            "exits": Fails(net("extra_repr = lambda self: os._exit(4)"), "exit code 4"),
            "asks to exit": Draws(net("extra_repr = lambda self: sys.exit(4)"), LINEAR),
        },
    ),
    Kind(
        "names",
        "https://cwe.mitre.org/data/definitions/116.html",
        {
            "control characters": Draws(
                r"net = nn.Module(); net._modules['\x1b[31m\n\x00'] = nn.Linear(3, 2); return net", LINEAR
            ),
            "of a parameter": Draws(
                r"net = nn.Linear(3, 2); net._parameters['\x07\r'] = net.weight; return net", "weight"
            ),
            "empty": Draws("net = nn.Module(); net._modules[''] = nn.Linear(3, 2); return net", LINEAR),
            "dots": Draws("net = nn.Module(); net._modules['a.b..c'] = nn.Linear(3, 2); return net", LINEAR),
            "the same twice": Draws(
                "net = nn.Module(); net._modules['a.b'] = nn.Linear(3, 2)\n"
                "net.a = nn.Module(); net.a.b = nn.Linear(4, 4); return net",
                r"\[4, 4\]",
            ),
            "not text": Draws("net = nn.Module(); net._modules[5] = nn.Linear(3, 2); return net", LINEAR),
            "lone surrogates": Draws(
                r"net = nn.Module(); net._modules['\ud800'] = nn.Linear(3, 2); return net",
                rf"ud800 \(Linear\) {LINEAR}",
            ),
            "long": Draws("net = nn.Module(); net._modules['x' * 10**6] = nn.Linear(3, 2); return net", LINEAR),
            "HTML": Draws("net = nn.Module(); net._modules['</ul><script>'] = nn.Linear(3, 2); return net", LINEAR),
            "of a class": Draws(r"Net = type('</ul>\x1b[31m\n::error::', (nn.Linear,), {}); return Net(3, 2)", LINEAR),
            "without end": Draws("class Net(nn.Linear): pass\nNet.__name__ = 'x' * 10**6\nreturn Net(3, 2)", LINEAR),
        },
    ),
    Kind(
        "contents that are none",
        "https://github.com/pytorch/pytorch/blob/main/torch/nn/modules/module.py",
        {
            "never initialized": Fails(
                "class Net(nn.Module):\n    def __init__(self): pass\nreturn Net()",
                "no '_modules': its __init__ did not call",
            ),
            "initialized too late": Fails(
                "class Net(nn.Module):\n    def __init__(self): self.a = nn.Linear(3, 2)\nreturn Net()",
                "cannot assign module before",
            ),
            "a module inside was never initialized": Fails(
                "class Net(nn.Module):\n    def __init__(self): pass\n"
                "net = nn.Sequential(nn.Linear(3, 2), Net()); return net",
                r"module '1' \(Net\) is not valid",
            ),
            "modules are none": Fails(
                "net = nn.Linear(3, 2); net.__dict__['_modules'] = None; return net", "no '_modules'"
            ),
            "modules are a number": Fails(
                "net = nn.Linear(3, 2); net.__dict__['_modules'] = 3; return net", "'_modules' is an int, not a dict"
            ),
            "modules are zero": Fails("net = nn.Linear(3, 2); net.__dict__['_modules'] = 0; return net", "is an int"),
            "a module is an int": Fails("net = nn.Linear(3, 2); net._modules['a'] = 5; return net", "'a'. is an int"),
            "a parameter is an int": Fails(
                "net = nn.Linear(3, 2); net._parameters['a'] = 5; return net", "'a'. is an int"
            ),
            "a buffer is text": Fails("net = nn.Linear(3, 2); net._buffers['a'] = 'b'; return net", "'a'. is a str"),
            "modules without end": Fails(
                "class D(dict):\n    def items(self):\n        while True: yield 'a', nn.Linear(3, 2)\n"
                "    values = items\n"
                "net = nn.Linear(3, 2); net.__dict__['_modules'] = D(a=1); return net",
                "timed out after|emory|Error",
            ),
        },
    ),
    Kind(
        "pickles",
        "https://docs.python.org/3/library/pickle.html#module-pickle",
        {
            "exits": Fails(
                "import io\nclass P: __reduce__ = lambda self: (os._exit, (7,))\nfile = io.BytesIO(); torch.save(P(), file)\n"
                "file.seek(0); return torch.load(file, weights_only=False)",
                "exit code 7",
            ),
            "is refused": Fails(
                "import io\nclass P: __reduce__ = lambda self: (os._exit, (7,))\nfile = io.BytesIO(); torch.save(P(), file)\n"
                "file.seek(0); return torch.load(file, weights_only=True)",
                "UnpicklingError",
            ),
            "ways to copy": draws("import copyreg; copyreg.dispatch_table[nn.Linear] = lambda _: 1 / 0"),
        },
    ),
]
