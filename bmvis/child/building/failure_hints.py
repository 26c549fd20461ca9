"""Hints for common failures of factories that occur on every device: downloads, weight files, a missing GPU."""

from __future__ import annotations

import os
import re
import socket
import urllib.error
from collections.abc import Iterator

from bmvis.untrusted import user_text

WEIGHTS = "pass weights=None or pretrained=False, or build from the configuration: the tree needs no trained weights"
EXIT = (
    "name a function that returns the model: a command of argparse, click or typer ends the process;"
    ' in a module, write it below `if __name__ == "__main__":`'
)
GPU = "no GPU is needed: do not move the model to one, or to one only where torch.cuda.is_available()"
_NETWORK = frozenset((
    "ConnectError", "ConnectTimeout", "ConnectionError", "GatedRepoError", "HfHubHTTPError", "HTTPError",
    "LocalEntryNotFoundError", "MaxRetryError", "NameResolutionError", "NewConnectionError", "OfflineModeIsEnabled",
    "ProxyError", "ReadTimeout", "RepositoryNotFoundError", "SSLError",
))  # fmt: skip
"""Exceptions of requests, urllib3, httpx and huggingface_hub."""
_NO_FILES = re.compile(
    r"couldn't connect to|can't load the (model|configuration)|is not a local folder and is not a valid model|"
    r"cannot find the requested files in the (disk|local) cache|outgoing traffic has been disabled",
    re.IGNORECASE,
)
_NO_GPU = re.compile(
    r"torch not compiled with (cuda|rocm|mps|xpu)|found no nvidia driver|no cuda gpus are available|"
    r"invalid device ordinal|deserialize object on a cuda device|cuda driver version|"
    r"pytorch is not linked with support for|no accelerator device is detected",
    re.IGNORECASE,
)
_WEIGHT_FILES = (".pt", ".pth", ".bin", ".ckpt", ".safetensors", ".h5", ".npz", ".onnx", ".pkl", ".tar")


def hint_for(error: BaseException | None) -> str:
    """Return the fix for a failure that does not depend on the device of the build; '' for other failures."""
    try:
        return _hint_for(error)
    except Exception:  # the attributes of an exception can be user code
        return ""


def _hint_for(error: BaseException | None) -> str:
    for one in exception_chain(error) if error else ():
        text = user_text.exception_text(one)
        if isinstance(one, SystemExit):
            return EXIT
        if _NO_GPU.search(text):
            return GPU
        if _is_network(one) or _NO_FILES.search(text) or _is_missing_weights(one):
            return WEIGHTS
    return ""


def hint_for_package(error: BaseException) -> str:
    """Return the fix for an import of a package that is not installed; '' for other failures.

    A module that is missing in an installed package is a mistake in the import.
    """
    name = error.name if type(error) is ModuleNotFoundError else None
    if type(name) is not str or "." in name or not name.isidentifier():
        return ""
    return f"install {name} where the docs are built, or add its folder to `path`"


def exception_chain(error: BaseException, *, with_hidden: bool = False) -> Iterator[BaseException]:
    """Yield an exception and all that it comes from, each once, also the members of exception groups.

    Args:
        error: the last exception.
        with_hidden: also yield those that `raise ... from` hides from the traceback.
    """
    pending, seen = [error], set[int]()
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        group = getattr(one, "exceptions", ())  # of an ExceptionGroup
        context = one.__context__ if with_hidden or not one.__suppress_context__ else None
        others = (context, one.__cause__, *(reversed(group) if isinstance(group, tuple) else ()))
        pending += [other for other in others if isinstance(other, BaseException)]


def is_of_machine(error: BaseException) -> bool:
    """Return whether an exception reports a missing GPU, network, or download, which no file of the project brings."""
    text = user_text.exception_text(error)
    return bool(_NO_GPU.search(text) or _NO_FILES.search(text)) or _is_network(error)


def _is_network(error: BaseException) -> bool:
    if isinstance(error, socket.gaierror | ConnectionError | urllib.error.URLError):
        return True
    return any(
        user_text.class_name(cls) in _NETWORK and not cls.__module__.startswith("builtins")
        for cls in type(error).__mro__
    )


def _is_missing_weights(error: BaseException) -> bool:
    if not isinstance(error, FileNotFoundError):
        return False
    name = error.filename
    return isinstance(name, str | os.PathLike) and os.fspath(name).lower().endswith(_WEIGHT_FILES)
