"""Build one model on the requested device, capture it, and call it if there are inputs.

Runs in the child process. With `device: auto` a model is built on `torch.device("meta")`. If that fails, it is built on
the CPU: if the factory raises, or if an operation raised because of the meta device and the factory caught it. If its
code reads the device of a tensor, both models are compared.
https://docs.pytorch.org/docs/stable/meta.html
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from bmvis import humanize
from bmvis.child import memory_limit
from bmvis.child.building import arguments, failure_hints, loader
from bmvis.child.building.defaults import require_accepted, with_defaults
from bmvis.child.building.device_comparison import is_same_call, is_same_tree
from bmvis.child.building.device_notes import (
    call_difference_note,
    call_notes,
    difference_note,
    failure_text,
    read_notes,
    unknown_elements_text,
)
from bmvis.child.building.model_call import call_model
from bmvis.child.tracking.import_tracker import ImportTracker
from bmvis.errors import FactoryError
from bmvis.extraction import optimizers
from bmvis.extraction.meta_device import meta_failures
from bmvis.extraction.meta_device.known_values import KnownValues
from bmvis.extraction.meta_device.sparse_elements import unknown_sparse
from bmvis.extraction.modules import capture_live
from bmvis.model.totals import subtree_totals
from bmvis.model.tree import Model, Problem
from bmvis.reference import Reference
from bmvis.worker.protocol import Request

if TYPE_CHECKING:
    from bmvis.extraction.meta_device.meta_failures import Failure, FailureLog

MAX_CPU_BYTES = 10**9
"""Maximum size, in bytes, of a model that is built again on the CPU because it cannot be called on meta, or because its
code reads the device of a tensor."""
CPU_TIME = 0.7
"""Fraction of the timeout after which bmvis stops a second build on the CPU and keeps the tree from meta."""


class _Attempt(NamedTuple):
    model: Model
    log: FailureLog | None
    """What the factory did that can differ on the CPU."""
    call_log: FailureLog | None = None
    """What the call of the model did that can differ on the CPU."""
    unknown: str = ""
    """The key of a sparse tensor whose number of elements the meta device does not know."""


class _Task(NamedTuple):
    target: Any
    reference: Reference
    request: Request
    started: float


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
    task = _Task(target, arguments.resolve(target, reference, request.allow), request, started)
    if request.device == "auto":
        return _on_best_device(task)
    attempt = _attempt(task, request.device)
    if attempt.log is not None:
        attempt = attempt._replace(model=_with_notes(attempt.model, read_notes(attempt.log.reads)))
    if attempt.call_log is not None:
        attempt = attempt._replace(model=_with_notes(attempt.model, call_notes(attempt.call_log)))
    if attempt.unknown:
        return _with_notes(attempt.model, (f"{unknown_elements_text(attempt.unknown)}: set device: cpu",))
    if attempt.log is None or not attempt.log.failures:
        return attempt.model
    return _incomplete(task, attempt.model, attempt.log.failures[0], "")


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


def _on_best_device(task: _Task) -> Model:
    """Return the model from the meta device, or from the CPU if the model from meta is missing or may be incomplete."""
    try:
        meta = _attempt(task, "meta")
    except FactoryError as error:
        if failure_hints.hint_for(error.__cause__):
            raise  # on the CPU it fails too, perhaps after a minute of retries
        return _on_cpu(task, f"built on the CPU: on the meta device, {loader.first_line(error.message)}")
    assert meta.log is not None
    if meta.unknown:
        return _measured_on_cpu(task, meta)
    if meta.log.failures:
        return _checked_on_cpu(task, meta, meta.log)
    reads = meta.log.reads
    if reads.places:
        cpu = _uncalled_on_cpu(task, meta.model)
        if cpu is not None and not is_same_tree(meta.model, cpu):
            note = difference_note(reads)
            return _on_cpu(task, note) if task.request.is_called else _with_notes(cpu, (note,))
        if cpu is None:
            meta = meta._replace(model=_with_notes(meta.model, read_notes(reads)))
        elif meta.call_log is not None:  # `forward` can depend on what the factory has stored
            meta.call_log.reads.places.update(reads.places)
    if meta.model.untraced or meta.model.undrawn:
        return _called_on_cpu(task, meta.model)
    return _compared_call(task, meta)


def _measured_on_cpu(task: _Task, meta: _Attempt) -> Model:
    """Return the model from the CPU, where the size of all sparse tensors is known."""
    text = unknown_elements_text(meta.unknown)
    reason = _too_large(task, meta.model)
    try:
        if not reason:
            return _with_notes(_attempt(task, "cpu", _limited_log(task)).model, (f"built on the CPU: {text}",))
    except FactoryError as error:
        reason = _failure_reason(error)
    return _with_notes(meta.model, (f"{text}; {reason}",))


def _compared_call(task: _Task, meta: _Attempt) -> Model:
    """Return the model with the call on the CPU if the one on the meta device can differ, and does."""
    log = meta.call_log
    if log is None or not log.is_decisive:
        return meta.model
    cpu: Model | None = None
    if _may_repeat(task, meta.model):
        try:
            cpu = _attempt(task, "cpu", call_log=_limited_log(task)).model
        except FactoryError:
            pass  # the note below reports it
    if cpu is None or cpu.untraced or cpu.undrawn:
        return _with_notes(meta.model, call_notes(log))
    return meta.model if is_same_call(meta.model, cpu) else _with_notes(cpu, (call_difference_note(log),))


def _called_on_cpu(task: _Task, meta: Model) -> Model:
    """Return the model with the call or the dataflow from the CPU, if it is small and can be called there."""
    if not _is_small(meta):
        return meta
    if meta.undrawn:
        return _drawn_on_cpu(task, meta)
    called = _on_cpu(task, "built on the CPU: on the meta device it could not be called")
    return called if called.untraced is None else msgspec.structs.replace(meta, untraced=called.untraced)


def _uncalled_on_cpu(task: _Task, meta: Model) -> Model | None:
    """Return the model from the CPU, which is not called; None if it is too large or slow, or fails."""
    if not _may_repeat(task, meta):
        return None
    request = msgspec.structs.replace(task.request, inputs="", figure=False)
    try:
        return _attempt(task._replace(request=request), "cpu", _limited_log(task)).model
    except FactoryError:
        return None


def _limited_log(task: _Task) -> FailureLog:
    """Return a log for a second build, which ends it before the timeout of the model."""
    timeout = task.request.timeout
    return meta_failures.FailureLog(task.started + timeout * CPU_TIME if timeout else None)


def _drawn_on_cpu(task: _Task, meta: Model) -> Model:
    """Return the model from the meta device with the dataflow of one on the CPU, if the factory works there."""
    assert meta.undrawn is not None
    if not meta.undrawn.detail:  # nothing was raised: there are no inputs
        return meta
    try:
        called = _attempt(task, "cpu").model
    except FactoryError:
        return meta
    return msgspec.structs.replace(meta, dataflow=called.dataflow, undrawn=called.undrawn)


def _on_cpu(task: _Task, note: str) -> Model:
    """Return the model from the CPU.

    Raises:
        FactoryError: the factory fails there too; the detail includes the note if the two failures differ.
    """
    try:
        model = _attempt(task, "cpu").model
    except FactoryError as error:
        notes = () if loader.first_line(error.message) in note else (note,)
        detail = "\n".join([*notes, error.detail])
        raise FactoryError(error.message, hint=error.hint, detail=detail) from error.__cause__
    return _with_notes(model, (note,))


def _checked_on_cpu(task: _Task, meta: _Attempt, log: FailureLog) -> Model:
    """Return the model from the CPU if an operation failed only on the meta device and the factory caught that."""
    failures = log.failures
    if reason := _too_large(task, meta.model):
        return _incomplete(task, meta.model, failures[0], reason)
    try:
        cpu = _attempt(task, "cpu", _limited_log(task))
    except FactoryError as error:
        return _incomplete(task, meta.model, failures[0], _failure_reason(error))
    assert cpu.log is not None
    missed = meta_failures.only_on_meta(failures, cpu.log.failures)
    if missed:
        return _with_notes(
            cpu.model,
            (f"built on the CPU: on the meta device, {failure_text(missed[0])}, which the factory caught",),
        )
    if log.reads.places and not is_same_tree(meta.model, cpu.model):
        return _with_notes(cpu.model, (difference_note(log.reads),))
    return _compared_call(task, meta)


def _too_large(task: _Task, model: Model) -> str:
    """Return why a model does not fit into the memory of the CPU; '' if it does."""
    size, limit = subtree_totals(model)[0].stored_bytes, memory_limit.allowed(task.request)
    if not limit or size <= limit:
        return ""
    return f"on the CPU it needs {humanize.size(size)}, more than the limit of {humanize.size(limit)}"


def _failure_reason(error: FactoryError) -> str:
    """Return why the second build, on the CPU, did not work."""
    is_timed_out = isinstance(error.__cause__, meta_failures.OutOfTimeError)
    return "on the CPU it takes too long" if is_timed_out else f"on the CPU, {loader.first_line(error.message)}"


def _incomplete(task: _Task, model: Model, failure: Failure, reason: str) -> Model:
    """Return the model from the meta device, with a warning."""
    where, what = task.reference.text, failure_text(failure)
    problem = Problem(
        f"the tree of {where!r} may be incomplete: on the meta device, {what}, which the factory caught"
        + (f"; {reason}" if reason else ""),
        hint="set device: cpu, or change the factory so that it does not read the values of tensors",
    )
    return msgspec.structs.replace(model, incomplete=problem)


def _attempt(
    task: _Task, device: str, log: FailureLog | None = None, *, call_log: FailureLog | None = None
) -> _Attempt:
    """Build the model on a device, capture it, and call it if there are inputs."""
    known = KnownValues()
    if device == "meta":
        log, call_log = meta_failures.FailureLog(call=known.call), meta_failures.FailureLog()
    with ExitStack() as stack:
        if log is not None:
            stack.enter_context(meta_failures.watched_calls(log))
        model, optimizers_found = loader.call(task.target, task.reference, device, [log] if log is not None else [])
    try:
        captured = capture_live(model, known.value)
    except FactoryError as error:
        what = f"the model of {task.reference.text!r} cannot be read: {error.message}"
        raise FactoryError(what, hint=error.hint) from error
    live = optimizers.note_groups(captured, optimizers_found)
    live = live._replace(tree=msgspec.structs.replace(live.tree, device=device))
    if device == "meta" and log is not None:
        log.reads.note_type_checks((task.target, *map(type, live.modules)))
    unknown = unknown_sparse(live) if device == "meta" else ""
    if not task.request.is_called:
        return _Attempt(live.tree, log, unknown=unknown)
    return _Attempt(call_model(live, task.request, call_log), log, call_log, unknown)


def _with_notes(model: Model, notes: tuple[str, ...]) -> Model:
    return msgspec.structs.replace(model, notes=(*(note for note in notes if note not in model.notes), *model.notes))


def _may_repeat(task: _Task, model: Model) -> bool:
    """Return whether a model is small enough for a second build on the CPU, within the memory limit of the build."""
    return _is_small(model) and not _too_large(task, model)


def _is_small(model: Model) -> bool:
    return subtree_totals(model)[0].stored_bytes <= MAX_CPU_BYTES
