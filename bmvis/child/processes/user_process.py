"""Prepare a process for user code: `sys.path`, `sys.argv`, and the modules that bmvis itself needs."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from contextlib import suppress
from pathlib import Path

from bmvis.child import tracebacks
from bmvis.untrusted.file_names import local
from bmvis.worker.protocol import Request

REFUSED = 75
"""Exit code of a process in which the model cannot be built safely."""
CUDA_CHECK = "PYTORCH_NVML_BASED_CUDA_CHECK"
"""Environment variable that makes `torch.cuda.is_available()` use NVML. A library that calls it when imported then does
not initialize CUDA, which forks could not use. https://docs.pytorch.org/docs/stable/cuda_environment_variables.html"""
OWN_MODULES = (
    "msgspec", "resource", "sysconfig", "decimal", "_decimal", "pkgutil", "tomllib", "tomli", "faulthandler", "shlex",
    "fractions",
)  # fmt: skip
"""Modules that only bmvis imports, not Python or torch: a module of the project can have the same name."""
_MAIN_FILE = Path(__file__).parents[1] / "tracking" / "multiprocessing_reads.py"


def enter_folder(request: Request) -> None:
    """Change to the working directory of the request, which can have been replaced since this process started."""
    with suppress(OSError):  # it was deleted: user code that uses it reports that
        os.chdir(local(request.cwd) or ".")


def use_path(request: Request, path: list[str]) -> None:
    """Set `sys.argv`, `sys.path`, the main file and the working directory for user code, as if it were a script.

    `multiprocessing` runs the main file in new interpreters, which need not find bmvis by its name.
    """
    sys.argv[:] = ["bmvis"]
    main = sys.modules["__main__"]
    main.__spec__, main.__file__ = None, str(_MAIN_FILE)
    sys.path[:] = [*request.path, *path]
    enter_folder(request)
    tracebacks.start_folder()


def import_own_modules() -> None:
    """Import the modules that bmvis needs during a build, before a project module can shadow them."""
    extraction = importlib.import_module("bmvis.extraction")
    for module in pkgutil.walk_packages(extraction.__path__, f"{extraction.__name__}."):
        importlib.import_module(module.name)
    from bmvis.child.processes import dynamo_imports  # which imports torch

    torch = importlib.import_module("torch")
    dynamo_imports.avoid()
    with torch.device("meta"):
        torch.nn.Linear(1, 1)  # C code imports and caches modules here; nothing is computed


def hide_own_modules(request: Request) -> None:
    """Remove modules of `OWN_MODULES` from `sys.modules` if the project has a module with the same name."""
    for name in names_in(request.path) & set(OWN_MODULES):
        for module in [other for other in sys.modules if other.partition(".")[0] == name]:
            del sys.modules[module]


def names_in(folders: tuple[str, ...]) -> set[str]:
    """Return the names that modules in some folders could have."""
    names: set[str] = set()
    for folder in folders:
        try:
            names.update(entry.partition(".")[0] for entry in os.listdir(folder))  # noqa: PTH208  # the text may not be a valid path
        except OSError:
            continue  # not a folder: nothing is imported from there
    return names
