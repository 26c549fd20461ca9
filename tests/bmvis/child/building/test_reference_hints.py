"""What is suggested if the module or the attribute of a reference does not exist."""

import sys

import pytest
from torch import nn

from bmvis.child.building import loader
from bmvis.errors import FactoryError
from bmvis.reference import parse_reference

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

class Kind(enum.Enum):
    SMALL = 1
    def __call__(self):
        return nn.Identity()
    def build(self):
        return nn.Identity()

ZOO = Registry()
"""


def test_registries_and_enumerations_have_keys(tmp_path, monkeypatch):
    (tmp_path / "registry_of_hints.py").write_text(REGISTRY)
    monkeypatch.syspath_prepend(tmp_path)

    def built(text):
        parsed = parse_reference(f"registry_of_hints:{text}")
        return loader.call(loader.import_object(parsed), parsed, "meta")[0]

    for text in ('ZOO["net"]', 'Kind["SMALL"]'):
        assert type(built(text)) is nn.Identity
    for text, message in (
        ('ZOO["nett"]', "has no key 'nett' (name a key of a Registry)"),
        ('ZOO["bad"]', "raised ZeroDivisionError"),
        ("Kind.build", "'Kind.build' is a method: name a function, or a class method"),
    ):
        with pytest.raises(FactoryError) as raised:
            built(text)
        assert message in str(raised.value)
