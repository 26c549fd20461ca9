"""The worker's child process: imports torch and user code, so that a docs build need not.

Run by `runpy` with the argument DIRECTORY (`bmvis.worker.client` says how) and imported by nobody. The contract:

- Each line on standard input is a `Request` in JSON. The end of input, whenever it comes, ends the
  process and all that was started in it: the parent is gone.
- The answer to request 7 is the file `DIRECTORY/7.reply`, an `Answer` in MessagePack. It is written
  under another name and renamed, so it is there as a whole or not at all.
- Standard output and error carry nothing but what user code prints. Standard input is moved away
  before user code runs: it sees an empty one.
- User code may raise anything; that is a `Failed` reply. It may also end the process: the parent
  (`bmvis.worker.client`) sees that, says so, and starts another. What it does to the process: `bmvis.child.isolation`.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from bmvis.worker import process_tree

try:
    import msgspec
except ImportError as _missing:  # another Python finds this bmvis, but not what it needs
    print(_missing, flush=True)
    sys.exit(process_tree.UNUSABLE)

from bmvis import humanize, inputs
from bmvis.child import loader, memory_limit, tracebacks
from bmvis.child.import_tracker import ImportTracker
from bmvis.child.isolation import ProcessState
from bmvis.errors import BmvisError, FactoryError, WorkerError
from bmvis.model.totals import subtree_totals
from bmvis.model.tree import Model, Problem
from bmvis.reference import Reference, parse_pattern, parse_reference
from bmvis.worker.protocol import Answer, Built, Failed, Listed, Reply, Request, Stale

MAX_CPU_BYTES = 10**9
"""Bytes of a model that is built a second time, on the CPU, when it cannot be called on meta."""


def main(directory: Path) -> None:
    """Answer requests until the end of input."""
    process_tree.adopt_orphans()
    private = _take_stdin()
    requests: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(private, requests, directory), daemon=True).start()
    imports = ImportTracker()
    imports.install()
    while True:
        request = msgspec.json.decode(requests.get(), type=Request)
        place = directory / f"{request.number}.reply"
        _write(_answer(request, imports, private), place)


def _take_stdin() -> int:
    private = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return private


def _listen(private: int, requests: SimpleQueue[bytes], directory: Path) -> None:
    """Pass requests on; end everything at the end of input, also in the middle of a model."""
    rest = b""
    try:
        while chunk := os.read(private, 65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                requests.put(line)
    except OSError:
        pass  # user code has closed it: no request can come any more
    shutil.rmtree(directory, ignore_errors=True)
    process_tree.end_tree(os.getpid(), str(directory))
    os._exit(0)


def _write(answer: Answer, place: Path) -> None:
    partial = place.with_suffix(".partial")
    partial.write_bytes(msgspec.msgpack.encode(answer))
    partial.replace(place)


def _answer(request: Request, imports: ImportTracker, private: int) -> Answer:
    """Build what is asked for, and leave the process as it was."""
    imports.note_loaded()
    if imports.is_stale():
        return Answer(Stale())
    before = sys.path.copy()
    sys.path[:0] = request.path
    try:
        _require_torch()
        state = ProcessState(private)
        with _limited(request):
            reply = _reply(request, imports)
        return Answer(reply, state.restore())
    except BmvisError as error:
        return Answer(Failed(error.kind, error.message, error.hint, error.detail))
    finally:
        sys.path[:] = before


def _reply(request: Request, imports: ImportTracker) -> Reply:
    """Return what came of the request. Whatever user code raises, here and in its classes, is an answer."""
    try:
        parse = parse_pattern if request.listing else parse_reference
        reference = parse(request.reference)
        imports.asked = reference.module
        imports.roots = tuple(
            os.path.join(os.path.abspath(folder), "") for folder in (os.getcwd(), *request.path, *_beside(reference))
        )
        importlib.invalidate_caches()
        found = loader.list_models(reference) if request.listing else _build(reference, request, imports)
        imports.note_loaded()
        sources = imports.files_of(reference.module)
        origin = tuple(sources), tuple(imports.digests[file] for file in sources), tuple(_installed())
        return Built(found, *origin) if isinstance(found, Model) else Listed(found, *origin)
    except BmvisError as error:
        failure = _too_large(request, error) if memory_limit.is_out_of_memory(error.__cause__) else error
        return Failed(failure.kind, failure.message, failure.hint, failure.detail)
    except BaseException as error:
        failure = loader.factory_error(f"the model of {request.reference!r} cannot be read: it raised", error)
        return Failed(failure.kind, failure.message, failure.hint, failure.detail)


def _beside(reference: Reference) -> tuple[str, ...]:
    """Return the folder of a file that the reference names: the project's, wherever it is."""
    path = os.path.abspath(reference.file)
    return () if not reference.file else (path if os.path.isdir(path) else os.path.dirname(path),)  # noqa: PTH112  # it may be any text


@contextmanager
def _limited(request: Request) -> Iterator[None]:
    """Hold a model to its time and memory.

    The parent keeps the time; this is for a parent that was killed while user code, in C, lets no thread of ours run.
    """
    if request.timeout:
        faulthandler.dump_traceback_later(request.timeout + 5, exit=True, file=2)
    try:
        with memory_limit.limit_memory(_allowed(request)):
            yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _allowed(request: Request) -> int:
    """Return the bytes that a model may take: who asks for the CPU, and sets no limit, has none."""
    return request.memory or (memory_limit.default_limit() if request.device == "auto" else 0)


def _require_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise WorkerError(
            f"PyTorch cannot be imported by the Python that builds the models, {sys.executable}: {error}",
            hint="install torch there, or name another Python",
            detail=tracebacks.user_frames(error) if error.name not in ("torch", None) else "",
        ) from error


def _build(reference: Reference, request: Request, imports: ImportTracker) -> Model:
    """Import and call the factory on the device asked for, and capture what it returns."""
    from bmvis.extraction import optimizers
    from bmvis.extraction.modules import capture

    target = loader.find(reference)
    imports.note_loaded()
    devices = ("meta", "cpu") if request.device == "auto" else (request.device,)
    notes: tuple[str, ...] = ()
    meta: Model | None = None
    for device in devices:
        try:
            model, beside = loader.call(target, reference, device)
        except FactoryError as error:
            if device == devices[-1]:
                raise _with_notes(error, notes) from error.__cause__
            notes = (f"built on the CPU: on the meta device, {loader.first_line(error.message)}",)
            continue
        captured = optimizers.note_groups(capture(model), model, beside)
        captured = msgspec.structs.replace(captured, device=device, notes=notes)
        if not request.inputs:
            return captured
        traced = _traced(model, captured, request)
        if traced.untraced is None:
            return traced
        if device != devices[-1] and _is_small(traced):
            meta, notes = traced, ("built on the CPU: on the meta device it could not be called",)
            continue
        return msgspec.structs.replace(meta or traced, untraced=traced.untraced)
    raise AssertionError("the last device either returns or raises")


def _with_notes(error: FactoryError, notes: tuple[str, ...]) -> FactoryError:
    """Return what was raised on the CPU with why the model was built there, if that is something else."""
    notes = tuple(note for note in notes if loader.first_line(error.message) not in note)
    return FactoryError(error.message, hint=error.hint, detail="\n".join([*notes, error.detail]))


def _too_large(request: Request, error: BmvisError) -> BmvisError:
    """Return an error that names the limit which was met, and how to set another."""
    limit = _allowed(request)
    if not limit:
        return error
    where = "the setting memory" if request.memory else "half of this machine's memory"
    return FactoryError(
        f"the model of {request.reference!r} takes more than {humanize.size(limit)}, {where}",
        hint="let the factory make a smaller model, or set memory to more bytes; with device: cpu there is no limit",
        detail=f"{error.message}\n{error.detail}",
    )


def _traced(model: Any, captured: Model, request: Request) -> Model:
    """Return the tree with what one call of the model did, or why it did nothing."""
    import torch

    from bmvis.extraction import forward

    first = next((tensor for _, tensor in _tensors(model)), None)
    device = captured.device if first is None else str(first.device)
    try:
        with torch.device(device):
            positional, named = _arguments(request.inputs, device)
            return forward.trace_call(model, captured, positional, named)
    except BmvisError as error:
        problem = Problem(error.message, error.hint, error.detail)
    except BaseException as error:
        problem = Problem(
            f"the model of {request.reference!r} could not be called: it raised {loader.exception_text(error)}",
            hint="the tree is drawn without what flows through it; mend the option inputs",
            detail=tracebacks.user_frames(error),
        )
    return msgspec.structs.replace(captured, untraced=problem)


def _tensors(model: Any) -> Iterator[tuple[str, Any]]:
    from bmvis.extraction import introspection

    for module in model.modules():
        yield from introspection.parameters(module)
        yield from introspection.buffers(module)


def _arguments(written: str, device: str) -> tuple[list[Any], dict[str, Any]]:
    """Return what to call the model with; a function of the user's runs on the model's device."""
    from bmvis.extraction import forward

    asked = inputs.parse_inputs(written)
    if not isinstance(asked, Reference):
        return forward.make_tensors(asked, device)
    make = loader.find(asked)
    if not callable(make):
        raise FactoryError(f"{asked.target!r} is no function", hint="name a function that returns the inputs")
    return forward.call_arguments(make(*asked.arguments, **asked.keywords))


def _is_small(model: Model) -> bool:
    return subtree_totals(model)[0].stored_bytes <= MAX_CPU_BYTES


def _installed() -> Iterator[str]:
    """Yield the folders of `sys.path` that hold installed distributions."""
    for entry in dict.fromkeys(sys.path):
        if Path(entry).name in ("site-packages", "dist-packages") and Path(entry).is_dir():
            yield os.path.abspath(entry)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
