"""What is suggested if the module or the attribute of a reference does not exist."""

import sys

import pytest
from torch import nn

from bmvis.child.building import arguments, loader
from bmvis.errors import FactoryError
from bmvis.reference import parse_reference
from bmvis.reference_patterns import parse_pattern

FILES = {
    "hinted/__init__.py": "from torch import nn\nfrom . import blocks\nclass Head(nn.Linear): ...\n",
    "hinted/blocks/__init__.py": "",
    "hinted/blocks/unet.py": "from torch import nn\ndef unet():\n    return nn.Linear(2, 2)\nWIDE = unet\n",
    "hinted/blocks/broken.py": "raise RuntimeError('never imported')\ndef other(): ...\n",
    "hinted/blocks/not-a-name.py": "def hidden(): ...\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "hinted" / "gone.py").symlink_to("nowhere.py")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "hinted"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("hinted:unet", "did you mean 'hinted.blocks.unet:unet'?"),
        ("hinted.blocks:WIDE", "did you mean 'hinted.blocks.unet:WIDE'?"),
        ("hinted:other", "did you mean 'hinted.blocks.broken:other'?"),
        ("hinted:Heat", "did you mean 'Head'?"),
        ("hinted:hidden", "known: Head"),
        ("hinted.py:Head", "a reference names a module, not a file: write hinted:factory"),
        ("hinted.block:unet", "did you mean 'hinted.blocks'?"),
        ("C:unet", "a reference names a module: C: looks like the drive of a path; write package.module:factory"),
    ],
)
def test_missing_name_suggests_where_it_is(package, reference, hint):
    with pytest.raises(FactoryError) as raised:
        loader.import_object(parse_reference(reference))
    assert raised.value.hint == hint


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("hinted:blocks", "write package.module:factory, such as hinted.blocks:build"),
        ("hinted.blocks:unet", "write package.module:factory, such as hinted.blocks.unet:unet"),
    ],
)
def test_module_instead_of_a_factory_suggests_one_in_it(package, reference, hint):
    __import__("hinted.blocks.unet")
    parsed = parse_reference(reference)
    with pytest.raises(FactoryError) as raised:
        loader.call(loader.import_object(parsed), parsed, "meta")
    assert raised.value.hint == hint


def test_folder_that_does_not_exist_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path / "none"), str(tmp_path), *sys.path[1:], "lib/python.zip"])
    with pytest.raises(FactoryError) as raised:
        loader.import_object(parse_reference("unheard_of_name:build"))
    assert raised.value.hint.endswith(f"; {tmp_path / 'none'} in `path` does not exist")


REGISTRY = """
import enum
from torch import nn

class Registry:
    def __getitem__(self, key):
        return {"net": nn.Identity, "bad": 1 / (key != "bad")}[key]

class Registered:
    def __init__(self):
        self.nets = {"net": nn.Identity, "other": nn.Flatten, "number": 3}
    def keys(self):
        return self.nets.keys()
    def __getitem__(self, key):
        return self.nets[key]

class Broken(Registered):
    def keys(self):
        raise OSError("no keys")

class Wide(enum.Enum):
    NET = nn.Identity()

NESTED = {"bert": {"small": nn.Identity, "sizes": [nn.Flatten]}, "empty": {}}
REGISTERED, BROKEN = Registered(), Broken()

async def later():
    return nn.Identity()

def command():
    raise SystemExit(0)

def flag(bias: bool = False):
    return nn.Identity()

class Kind(enum.Enum):
    SMALL = 1
    def __call__(self):
        return nn.Identity()
    def build(self):
        return nn.Identity()

ZOO = Registry()
"""


@pytest.fixture
def registry(tmp_path, monkeypatch):
    (tmp_path / "registry_of_hints.py").write_text(REGISTRY)
    monkeypatch.syspath_prepend(tmp_path)
    yield "registry_of_hints"
    del sys.modules["registry_of_hints"]


def built(text):
    parsed = parse_reference(text)
    target = loader.import_object(parsed)
    return loader.call(target, arguments.resolve(target, parsed, ("*",)), "meta")[0]


def test_registries_enumerations_and_nested_dictionaries_have_keys(registry):
    for text in ('ZOO["net"]', 'Kind["SMALL"]', 'NESTED["bert"]["small"]', "Wide.NET.value", "Wide.NET", 'Wide["NET"]'):
        assert type(built(f"{registry}:{text}")) is nn.Identity
    assert type(built(f"{registry}:NESTED['bert']['sizes'][0](2)")) is nn.Flatten


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('ZOO["nett"]', "has no key 'nett' (name a key of a Registry)"),
        ('ZOO["bad"]', "raised ZeroDivisionError"),
        ("Kind.build", "'Kind.build' is a method: name a function, or a class method"),
        (
            "NESTED",
            "is a dict, not a factory (write a key, such as registry_of_hints:NESTED['bert'] (known: bert, empty))",
        ),
        ('NESTED["bert"]', "write a key, such as registry_of_hints:NESTED['bert']['small'] (known: small, sizes)"),
        ('NESTED["bert"]["sizes"]', "such as registry_of_hints:NESTED['bert']['sizes'][0] (it has 1 items)"),
        ('NESTED["empty"]', "it is empty"),
        (
            "NESTED.bert",
            "'registry_of_hints.NESTED' has no 'bert' (did you mean \"registry_of_hints:NESTED['bert']\"?)",
        ),
        ("NESTED.gpt", "write a key, such as registry_of_hints:NESTED['bert'] (known: bert, empty)"),
        ('NESTED["bert"]["smal"]', "\"registry_of_hints.NESTED['bert']\" has no key 'smal' (did you mean 'small'?)"),
        ('NESTED["bert"]["small"]["x"]', "is a type, not a dictionary"),
        ("later", "returned a coroutine (a factory must return a torch.nn.Module; call the coroutine function in a"),
        ("command", "raised SystemExit: 0 (name a function that returns the model"),
        (
            "flag(bias=true)",
            "cannot resolve the argument 'true' of 'registry_of_hints:flag(bias=true)' (did you mean True?)",
        ),
    ],
)
def test_error_has_what_to_name(registry, text, message):
    with pytest.raises(FactoryError) as raised:
        built(f"{registry}:{text}")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("REGISTERED[*]", ("REGISTERED['net']", "REGISTERED['other']")),
        ("Kind[*]", ("Kind['SMALL']",)),
        ("Wide[*]", ("Wide['NET']",)),
    ],
)
def test_star_names_what_registries_and_enumerations_have(registry, text, found):
    listed = loader.list_models(parse_pattern(f"{registry}:{text}"))
    assert listed.references == tuple(f"{registry}:{name}" for name in found)


def test_error_of_a_registry_names_the_pattern(registry):
    with pytest.raises(FactoryError, match=r"'registry_of_hints:BROKEN\[\*\]' raised OSError: no keys"):
        loader.list_models(parse_pattern(f"{registry}:BROKEN[*]"))


def test_folder_of_the_path_is_no_package(tmp_path, monkeypatch):
    (tmp_path / "sources_of_hints").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "sources_of_hints")
    with pytest.raises(FactoryError) as raised:
        loader.import_object(parse_reference("sources_of_hints.zoo:build"))
    assert raised.value.hint.endswith("leave 'sources_of_hints' out of the reference")
