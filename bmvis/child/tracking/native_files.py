"""Find the files that native code opens, of which Python reports nothing.

Runs in the child process. The readers of some libraries are wrapped. Files that are mapped into memory when the model
has been built are listed: shared libraries with their dependencies, and memory-mapped tensors.
"""

from __future__ import annotations

import fnmatch
import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

READERS: Mapping[str, tuple[str, ...]] = {
    "cv2": ("imread",),
    "h5py.h5f": ("open", "is_hdf5"),
    "lxml.etree": ("parse", "iterparse"),
    "onnxruntime": ("InferenceSession.__init__",),
    "polars": ("read_*", "scan_*"),
    "pyarrow._csv": ("read_csv", "open_csv"),
    "pyarrow._json": ("read_json",),
    "pyarrow.dataset": ("dataset", "parquet_dataset"),
    "pyarrow.parquet.core": ("ParquetFile.__init__", "ParquetDataset.__init__", "read_*"),
    "safetensors._safetensors_rust": ("safe_open.__init__",),
    "sentencepiece": ("SentencePieceProcessor.LoadFromFile",),
    "tokenizers": ("Tokenizer.from_file",),
    "tokenizers.models": ("*.from_file", "*.read_file", "BPE.__init__", "Word*.__init__"),
    "torch": ("_C.PyTorchFileReader.__init__", "UntypedStorage.from_file", "from_file"),
    "torchvision.io.image": ("read_file",),
}
"""Functions that open the files which their arguments name, without Python; `*` matches any part of a name."""
_originals: dict[int, tuple[object, object]] = {}
"""Each function that was put in place of a reader, by its `id`, with the reader."""
_MAPS = Path("/proc/self/maps")
Note = Callable[[object], None]


class NativeReaders:
    """The readers of `READERS`, which are wrapped when their modules have been imported.

    Args:
        note: called with each path that a reader opens.
    """

    def __init__(self, note: Note) -> None:
        self._note = note
        self._watched: set[str] = set()
        self.expected = READERS.keys() & sys.modules.keys()
        """Modules of `READERS` whose import has started; most are imported, and `watch` wraps their readers."""

    def expect(self, module: str) -> None:
        """Note that the import of a module starts."""
        if module in READERS and module not in self._watched:
            self.expected.add(module)

    def watch(self) -> None:
        """Wrap the readers of expected modules that are imported now."""
        for name in self.expected & sys.modules.keys():
            module = sys.modules[name]
            if not getattr(getattr(module, "__spec__", None), "_initializing", False):
                self.expected.discard(name)
                self._watched.add(name)
                self._watch(name, module)

    def _watch(self, name: str, module: ModuleType) -> None:
        for pattern in READERS[name]:
            for holder, attribute in list(_matches(module, pattern.split("."))):
                _wrap(holder, attribute, self._note)


def _matches(holder: Any, parts: list[str]) -> Iterator[tuple[Any, str]]:
    """Yield each holder and name of the attributes that match a dotted pattern."""
    first, *rest = parts
    names = fnmatch.filter(vars(holder), first) if "*" in first else [first] * hasattr(holder, first)
    for name in names:
        if not rest:
            yield holder, name
        elif isinstance(found := getattr(holder, name), type | ModuleType):
            yield from _matches(found, rest)


def _wrap(holder: Any, name: str, note: Note) -> None:
    reader = getattr(holder, name)
    if reader is object.__init__:
        reader = _initialize_nothing  # the class opens the file in `__new__`, before Python calls this
    is_method = name == "__init__" or isinstance(vars(holder).get(name), FunctionType)

    @functools.wraps(reader)
    def read(*arguments: Any, **keywords: Any) -> Any:
        for argument in (*arguments, *keywords.values()):
            if isinstance(argument, str | bytes | os.PathLike):
                note(argument)
        return reader(*arguments, **keywords)

    _originals[id(read)] = read, reader
    try:
        setattr(holder, name, staticmethod(read) if isinstance(holder, type) and not is_method else read)
    except (AttributeError, TypeError):
        pass  # a class of C that cannot be changed


def original(value: object) -> object:
    """Return the reader that a function was put in place of, or the value itself if it is no such function."""
    return _originals.get(id(value), (value, value))[1]


def _initialize_nothing(self: object, *_: object, **__: object) -> None:
    """Do what `object.__init__` does, with any arguments."""


def mapped_files() -> dict[str, bool]:
    """Return the files that are mapped into memory, and whether this process can write them there. Linux only.

    https://man7.org/linux/man-pages/man5/proc_pid_maps.5.html
    """
    try:
        lines = _MAPS.read_bytes().splitlines()
    except OSError:
        return {}
    found: dict[str, bool] = {}
    for _, access, _, _, _, path in (line.split(maxsplit=5) for line in lines if b"/" in line):
        name = path.decode(errors="surrogateescape")
        found[name] = found.get(name, False) or (b"w" in access and b"s" in access)
    return found
