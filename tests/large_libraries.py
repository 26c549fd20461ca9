"""Libraries that take seconds to import: a test imports them, because each process of a run collects all files."""

import importlib
from importlib.util import find_spec
from typing import Any

import pytest


class _Library:
    """A library that is imported when a test reads one of its names."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("_", "pytest")):  # pytest reads such names of all objects in a file
            raise AttributeError(name)
        return getattr(importlib.import_module(self._name), name)


peft: Any = _Library("peft")
transformers: Any = _Library("transformers")
needs_peft = pytest.mark.skipif(not (find_spec("peft") and find_spec("transformers")), reason="PEFT is not installed")
