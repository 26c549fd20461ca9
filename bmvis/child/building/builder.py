"""Build one model on the requested device, capture it, and call it if there are inputs.

Runs in the child process. With `device: auto` a model is built on `torch.device("meta")`. If that fails, it is built on
the CPU: if the factory raises, or if an operation raised because of the meta device and the factory caught it. If its
code reads the device of a tensor, both models are compared.
https://docs.pytorch.org/docs/stable/meta.html
"""

from __future__ import annotations

import time
from typing import Any

from bmvis.child.building import arguments, failure_hints, loader
from bmvis.child.building.build_attempt import Task, attempt
from bmvis.child.building.cpu_build import (
    called_on_cpu,
    checked_on_cpu,
    compared_call,
    measured_on_cpu,
    on_cpu,
    uncalled_on_cpu,
)
from bmvis.child.building.defaults import require_accepted, with_defaults
from bmvis.child.building.device_comparison import is_same_tree
from bmvis.child.building.device_notes import (
    call_notes,
    difference_note,
    read_notes,
    unknown_elements_text,
    with_failure,
    with_notes,
)
from bmvis.child.tracking.import_tracker import ImportTracker
from bmvis.errors import FactoryError
from bmvis.model.tree import Model
from bmvis.reference import Reference
from bmvis.worker.protocol import Request


def build(reference: Reference, request: Request, imports: ImportTracker) -> Model:
    """Import and call the factory on the requested device, and capture the model that it returns.

    Raises:
        BmvisError: the reference cannot be imported, is not allowed, or its factory raised.
    """
    started = time.monotonic()
    target = loader.import_object(reference, request.allow)
    imports.note_loaded()
    _require_accepted(target, reference, request, imports)
    reference = with_defaults(target, reference, request.defaults)
    task = Task(target, arguments.resolve(target, reference, request.allow), request, started)
    if request.device == "auto":
        return _on_best_device(task)
    built = attempt(task, request.device)
    if built.log is not None:
        built = built._replace(model=with_notes(built.model, read_notes(built.log.reads)))
    if built.call_log is not None:
        built = built._replace(model=with_notes(built.model, call_notes(built.call_log)))
    if built.unknown:
        return with_notes(built.model, (f"{unknown_elements_text(built.unknown)}: set device: cpu",))
    if built.log is None or not built.log.failures:
        return built.model
    return with_failure(built.model, task.reference, built.log.failures[0], "")


def _require_accepted(target: Any, reference: Reference, request: Request, imports: ImportTracker) -> None:
    """Check the default arguments. The sources that this reads count only for a failure, which they can fix.

    Raises:
        FactoryError: one of them is not accepted.
    """
    imports.files.pause()
    try:
        require_accepted(target, reference, request.defaults)
        return
    except FactoryError:
        pass  # raised again below, where what is read is recorded
    finally:
        imports.files.resume()
    require_accepted(target, reference, request.defaults)


def _on_best_device(task: Task) -> Model:
    """Return the model from the meta device, or from the CPU if the model from meta is missing or may be incomplete."""
    try:
        meta = attempt(task, "meta")
    except FactoryError as error:
        if failure_hints.hint_for(error.__cause__):
            raise  # on the CPU it fails too, perhaps after a minute of retries
        return on_cpu(task, f"built on the CPU: on the meta device, {loader.first_line(error.message)}")
    assert meta.log is not None
    if meta.unknown:
        return measured_on_cpu(task, meta)
    if meta.log.failures:
        return checked_on_cpu(task, meta, meta.log)
    reads = meta.log.reads
    if reads.places:
        cpu = uncalled_on_cpu(task, meta.model)
        if cpu is not None and not is_same_tree(meta.model, cpu):
            note = difference_note(reads)
            return on_cpu(task, note) if task.request.is_called else with_notes(cpu, (note,))
        if cpu is None:
            meta = meta._replace(model=with_notes(meta.model, read_notes(reads)))
        elif meta.call_log is not None:  # `forward` can depend on what the factory has stored
            meta.call_log.reads.places.update(reads.places)
    if meta.model.untraced or meta.model.undrawn:
        return called_on_cpu(task, meta.model)
    return compared_call(task, meta)
