"""What a process does before and after user code: its path, the modules that bmvis needs itself, the reply file."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys

from bmvis.worker.protocol import Request

REFUSED = 75
"""Exit code of a process in which the model must not be built."""
CUDA_CHECK = "PYTORCH_NVML_BASED_CUDA_CHECK"
"""Environment variable with which a library that asks for CUDA when it is imported does not initialize it: that
would keep forks from using it."""
OWN_MODULES = ("msgspec", "resource", "sysconfig", "decimal", "_decimal", "pkgutil", "tomllib", "tomli", "faulthandler")
"""Modules that bmvis imports, and that neither Python nor torch does: a module of the project may have the name."""


def use_path(request: Request, path: list[str]) -> None:
    """Give user code the arguments and the path that a script of its own would have."""
    sys.argv[:] = ["bmvis"]
    sys.path[:] = [*request.path, *path]


def import_own_modules() -> None:
    """Import what bmvis needs while a model is built: later on, a module of the project could have the name."""
    for name in ("bmvis.extraction", "bmvis.extraction.adapters"):
        package = importlib.import_module(name)
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    torch = importlib.import_module("torch")
    with torch.device("meta"):
        torch.nn.Linear(1, 1)  # C code imports modules here, and keeps them; nothing is computed


def hide_own_modules(request: Request) -> None:
    """Let the project import its own modules that are named as one of those that bmvis alone has imported."""
    for name in names_in(request.path) & set(OWN_MODULES):
        for module in [other for other in sys.modules if other.partition(".")[0] == name]:
            del sys.modules[module]


def names_in(folders: tuple[str, ...]) -> set[str]:
    """Return the names that could be those of modules in some folders."""
    names: set[str] = set()
    for folder in folders:
        try:
            names.update(entry.partition(".")[0] for entry in os.listdir(folder))  # noqa: PTH208  # it may be any text
        except OSError:
            continue  # it is no folder: nothing is imported from there
    return names
