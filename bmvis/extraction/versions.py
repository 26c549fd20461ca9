"""The versions of torch and of the packages that define the classes of a model."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import torch

MAX_PACKAGES = 16
MAX_CHARACTERS = 40


def find_versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the version of each package that has one, sorted by name.

    The local part of a version, such as `+cpu`, is left out: it names a device.

    Args:
        packages: the Python modules that define classes, such as `torch.nn.modules.linear`.
    """
    names = sorted({package.partition(".")[0] for package in packages} | {"torch"})
    found = {name: text for name in names if (text := _version(name))}
    return dict(list(found.items())[:MAX_PACKAGES])


def _version(package: str) -> str:
    if package == "torch":
        return str(torch.__version__).partition("+")[0]
    module = sys.modules.get(package)
    if module is None:
        return ""
    slots = object.__getattribute__(module, "__dict__")
    version = slots.get("__version__") or dict(slots.get("_objects") or {}).get("__version__")
    return version.partition("+")[0][:MAX_CHARACTERS] if type(version) is str else ""
