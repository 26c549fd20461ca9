"""The worker's child process: imports torch and user code, so that a docs build need not.

Run as `python -m bmvis.child DIRECTORY` and imported by nobody. The contract:

- Each line on standard input is a `Request` in JSON. The end of input ends the process.
- The answer to request 7 is the file `DIRECTORY/7.reply`, a `Reply` in MessagePack. It is written
  under another name and renamed, so it is there as a whole or not at all.
- Standard output and error carry nothing but what user code prints. Standard input is moved away
  before user code runs: it sees an empty one.
- User code may raise anything; that is a `Failed` reply. It may also end the process: the parent
  (`bmvis.worker`) sees that, says so, and starts another.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import msgspec

from bmvis import factory, frames
from bmvis.errors import BmvisError, FactoryError, WorkerError, nearest
from bmvis.protocol import Built, Failed, Reply, Request
from bmvis.tree import Model


def main(directory: Path) -> None:
    """Answer requests until the end of input."""
    requests = _take_stdin()
    for line in requests:
        request = msgspec.json.decode(line, type=Request)
        with _borrowed_process_state():
            reply = _answer(request)
        _write(reply, directory / f"{request.number}.reply")


def _take_stdin() -> TextIO:
    private = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return os.fdopen(private, encoding="utf-8")


@contextmanager
def _borrowed_process_state() -> Iterator[None]:
    """Put back what one model's code may change and the next one's depends on."""
    directory, environment, path = os.getcwd(), os.environ.copy(), sys.path.copy()
    try:
        yield
    finally:
        os.chdir(directory)
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:] = path


def _write(reply: Reply, place: Path) -> None:
    partial = place.with_suffix(".partial")
    partial.write_bytes(msgspec.msgpack.encode(reply))
    partial.replace(place)


def _answer(request: Request) -> Reply:
    try:
        sys.path[:0] = request.path
        importlib.invalidate_caches()
        _require_torch()
        model = _build(factory.parse(request.reference), request)
        return Built(model, tuple(_project_sources()))
    except BmvisError as error:
        return Failed(error.kind, error.message, error.hint, error.detail)


def _require_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise WorkerError(
            f"PyTorch cannot be imported by the Python that builds the models, {sys.executable}: {error}",
            hint="install torch there, or name another Python",
            detail=frames.user_frames(error) if error.name not in ("torch", None) else "",
        ) from error


def _build(reference: factory.Reference, request: Request) -> Model:
    """Import and call the factory on the device asked for, and capture what it returns."""
    from bmvis.capturing import capture

    target = _find(reference)
    devices = ("meta", "cpu") if request.device == "auto" else (request.device,)
    notes: tuple[str, ...] = ()
    for device in devices:
        try:
            model = _call(target, reference, device)
        except FactoryError as error:
            if device == devices[-1]:
                raise
            notes = (f"built on the CPU: on the meta device, {_first_line(error.message)}",)
            continue
        return msgspec.structs.replace(capture(model), device=device, notes=notes)
    raise AssertionError("the last device either returns or raises")


def _find(reference: factory.Reference) -> Any:
    """Import the module of a reference and return the object it names."""
    try:
        found: Any = importlib.import_module(reference.module)
    except ModuleNotFoundError as error:
        if not _is_prefix(error.name, reference.module):
            raise _raised(f"importing {reference.module!r} failed", error) from error
        raise FactoryError(
            f"no module named {error.name!r}",
            hint=f"is the package installed, or its folder on the path? searched from {os.getcwd()}",
        ) from error
    except BaseException as error:
        raise _raised(f"importing {reference.module!r} failed", error) from error
    where = reference.module
    for name in reference.attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise FactoryError(f"{where!r} has no {name!r}", hint=_attribute_hint(name, found)) from error
        where = f"{where}.{name}"
    return found


def _is_prefix(missing: str | None, module: str) -> bool:
    return missing is not None and f"{module}.".startswith(f"{missing}.")


def _attribute_hint(name: str, holder: Any) -> str:
    known = [n for n in dir(holder) if not n.startswith("_") and callable(getattr(holder, n, None))]
    return nearest(name, known) if len(known) < 20 or nearest(name, known).startswith("did") else "check the spelling"


def _call(target: Any, reference: factory.Reference, device: str) -> Any:
    """Return the module that the factory makes under `device`."""
    import torch
    from torch import nn

    if isinstance(target, nn.Module) and not reference.called:
        return target
    if not callable(target) or isinstance(target, nn.Module):
        raise FactoryError(
            f"{reference.target!r} is {_a(type(target).__name__)}, not a factory",
            hint="name a function or class that returns a torch.nn.Module, or a module object without a call",
        )
    try:
        with torch.device(device):
            model = target(*reference.arguments, **reference.keywords)
    except BaseException as error:
        raise _raised(f"{reference.text!r} raised", error) from error
    if not isinstance(model, nn.Module):
        raise FactoryError(
            f"{reference.text!r} returned {_a(type(model).__name__)}", hint="a factory must return a torch.nn.Module"
        )
    return model


def _raised(what: str, error: BaseException) -> FactoryError:
    name = type(error).__name__
    text = _first_line(str(error))
    return FactoryError(
        f"{what} {name}: {text}" if text else f"{what} {name}",
        hint="mend the factory; its traceback follows",
        detail=frames.user_frames(error),
    )


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _a(noun: str) -> str:
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"


def _project_sources() -> Iterator[str]:
    """Yield the files of imported modules that belong to the project, not to an installed package."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(".py") and frames.is_project_file(file):
            yield os.path.abspath(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
