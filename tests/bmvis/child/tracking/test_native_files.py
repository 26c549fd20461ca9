"""Functions that open files without Python report the files, and do what they did before."""

import importlib
import sys
import textwrap

import pytest

from bmvis.child.tracking import native_files
from bmvis.child.tracking.native_files import NativeReaders

MODULE = """
from datetime import date
from pathlib import PurePath

def open(name, mode="r"):
    return str(name), mode

def read_csv(*, source):
    return source

class File:
    def __init__(self, name):
        self.name = name

    def load(self, name):
        return self.name, name

    @staticmethod
    def from_file(name):
        return name

    @classmethod
    def read_file(cls, name):
        return cls(name).name

class Opener:
    def __new__(cls, name):
        return object.__new__(cls)
"""
CALLS = {
    "function": ("open", "module.open('a', mode='b')", ("a", "b"), ["a", "b"]),
    "keyword": ("read_*", "module.read_csv(source='a')", "a", ["a"]),
    "path": ("open", "module.open(module.PurePath('a'))", ("a", "r"), ["a"]),
    "other arguments": ("open", "module.open(5)[1]", "r", []),
    "constructor": ("File.__init__", "module.File('a').name", "a", ["a"]),
    "method": ("File.load", "module.File('a').load('b')", ("a", "b"), ["b"]),
    "static method": ("*.from_file", "module.File.from_file('a')", "a", ["a"]),
    "static method of an instance": ("File.from_file", "module.File('a').from_file('b')", "b", ["b"]),
    "class method": ("File.read_*", "module.File.read_file('a')", "a", ["a"]),
    "class without a constructor": ("Opener.__init__", "type(module.Opener('a')).__name__", "Opener", ["a"]),
    "missing function": ("nothing.at_all", "module.open('a')", ("a", "r"), []),
    "class of C": ("date.*", "module.open('a')", ("a", "r"), []),
}


@pytest.mark.parametrize("call", CALLS)
def test_reader_reports_the_files_that_its_arguments_name(call, tmp_path, monkeypatch):
    pattern, code, result, files = CALLS[call]
    (tmp_path / "native_reader.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(native_files, "READERS", {"native_reader": (pattern,)})
    monkeypatch.delitem(sys.modules, "native_reader", raising=False)
    seen = []
    readers = NativeReaders(lambda path: seen.append(str(path)))
    readers.expect("native_reader")
    module = importlib.import_module("native_reader")
    readers.watch()
    assert not readers.expected
    assert (eval(code, {"module": module}), seen) == (result, files)


def test_module_is_not_changed_while_it_is_imported(tmp_path, monkeypatch):
    (tmp_path / "native_reader.py").write_text(
        textwrap.dedent("""
            import sys
            def open(name): return name
            before = open
            sys.readers.watch()
            is_changed = open is not before
        """)
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(native_files, "READERS", {"native_reader": ("open",)})
    monkeypatch.delitem(sys.modules, "native_reader", raising=False)
    readers = NativeReaders(lambda path: None)
    monkeypatch.setattr(sys, "readers", readers, raising=False)
    readers.expect("native_reader")
    readers.watch()
    module = importlib.import_module("native_reader")
    assert not module.is_changed
    readers.watch()
    assert module.open is not module.before
