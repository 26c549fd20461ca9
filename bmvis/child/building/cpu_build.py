"""Build a model on the CPU if its model from the meta device is missing, can be incomplete, or can differ.

The second build ends before the timeout of the model, and is left out if the model is too large for the CPU.
"""

from __future__ import annotations

import msgspec

from bmvis import humanize
from bmvis.child import memory_limit
from bmvis.child.building import loader
from bmvis.child.building.build_attempt import Attempt, Task, attempt
from bmvis.child.building.device_comparison import is_same_call, is_same_tree
from bmvis.child.building.device_notes import (
    call_difference_note,
    call_notes,
    difference_note,
    failure_text,
    unknown_elements_text,
    with_failure,
    with_notes,
)
from bmvis.errors import FactoryError
from bmvis.extraction.meta_device import meta_failures
from bmvis.extraction.meta_device.meta_failures import FailureLog
from bmvis.model.totals import subtree_totals
from bmvis.model.tree import Model

MAX_CPU_BYTES = 10**9
"""Maximum size, in bytes, of a model that is built again on the CPU because it cannot be called on meta, or because its
code reads the device of a tensor."""
CPU_TIME = 0.7
"""Fraction of the timeout after which bmvis stops a second build on the CPU and keeps the tree from meta."""


def measured_on_cpu(task: Task, meta: Attempt) -> Model:
    """Return the model from the CPU, where the size of all sparse tensors is known."""
    text = unknown_elements_text(meta.unknown)
    reason = _too_large(task, meta.model)
    try:
        if not reason:
            return with_notes(attempt(task, "cpu", _limited_log(task)).model, (f"built on the CPU: {text}",))
    except FactoryError as error:
        reason = _failure_reason(error)
    return with_notes(meta.model, (f"{text}; {reason}",))


def compared_call(task: Task, meta: Attempt) -> Model:
    """Return the model with the call on the CPU if the one on the meta device can differ, and does."""
    log = meta.call_log
    if log is None or not log.is_decisive:
        return meta.model
    cpu: Model | None = None
    if _may_repeat(task, meta.model):
        try:
            cpu = attempt(task, "cpu", call_log=_limited_log(task)).model
        except FactoryError:
            pass  # the note below reports it
    if cpu is None or cpu.untraced or cpu.undrawn:
        return with_notes(meta.model, call_notes(log))
    return meta.model if is_same_call(meta.model, cpu) else with_notes(cpu, (call_difference_note(log),))


def called_on_cpu(task: Task, meta: Model) -> Model:
    """Return the model with the call or the dataflow from the CPU, if it is small and can be called there."""
    if not _is_small(meta):
        return meta
    if meta.undrawn:
        return _drawn_on_cpu(task, meta)
    called = on_cpu(task, "built on the CPU: on the meta device it could not be called")
    return called if called.untraced is None else msgspec.structs.replace(meta, untraced=called.untraced)


def uncalled_on_cpu(task: Task, meta: Model) -> Model | None:
    """Return the model from the CPU, which is not called; None if it is too large or slow, or fails."""
    if not _may_repeat(task, meta):
        return None
    request = msgspec.structs.replace(task.request, inputs="", figure=False)
    try:
        return attempt(task._replace(request=request), "cpu", _limited_log(task)).model
    except FactoryError:
        return None


def _limited_log(task: Task) -> FailureLog:
    """Return a log for a second build, which ends it before the timeout of the model."""
    timeout = task.request.timeout
    return meta_failures.FailureLog(task.started + timeout * CPU_TIME if timeout else None)


def _drawn_on_cpu(task: Task, meta: Model) -> Model:
    """Return the model from the meta device with the dataflow of one on the CPU, if the factory works there."""
    assert meta.undrawn is not None
    if not meta.undrawn.detail:  # nothing was raised: there are no inputs
        return meta
    try:
        called = attempt(task, "cpu").model
    except FactoryError:
        return meta
    return msgspec.structs.replace(meta, dataflow=called.dataflow, undrawn=called.undrawn)


def on_cpu(task: Task, note: str) -> Model:
    """Return the model from the CPU.

    Raises:
        FactoryError: the factory fails there too; the detail includes the note if the two failures differ.
    """
    try:
        model = attempt(task, "cpu").model
    except FactoryError as error:
        notes = () if loader.first_line(error.message) in note else (note,)
        detail = "\n".join([*notes, error.detail])
        raise FactoryError(error.message, hint=error.hint, detail=detail) from error.__cause__
    return with_notes(model, (note,))


def checked_on_cpu(task: Task, meta: Attempt, log: FailureLog) -> Model:
    """Return the model from the CPU if an operation failed only on the meta device and the factory caught that."""
    failures = log.failures
    if reason := _too_large(task, meta.model):
        return with_failure(meta.model, task.reference, failures[0], reason)
    try:
        cpu = attempt(task, "cpu", _limited_log(task))
    except FactoryError as error:
        return with_failure(meta.model, task.reference, failures[0], _failure_reason(error))
    assert cpu.log is not None
    missed = meta_failures.only_on_meta(failures, cpu.log.failures)
    if missed:
        return with_notes(
            cpu.model,
            (f"built on the CPU: on the meta device, {failure_text(missed[0])}, which the factory caught",),
        )
    if log.reads.places and not is_same_tree(meta.model, cpu.model):
        return with_notes(cpu.model, (difference_note(log.reads),))
    return compared_call(task, meta)


def _too_large(task: Task, model: Model) -> str:
    """Return why a model does not fit into the memory of the CPU; '' if it does."""
    size, limit = subtree_totals(model)[0].stored_bytes, memory_limit.allowed(task.request)
    if not limit or size <= limit:
        return ""
    return f"on the CPU it needs {humanize.size(size)}, more than the limit of {humanize.size(limit)}"


def _failure_reason(error: FactoryError) -> str:
    """Return why the second build, on the CPU, did not work."""
    is_timed_out = isinstance(error.__cause__, meta_failures.OutOfTimeError)
    return "on the CPU it takes too long" if is_timed_out else f"on the CPU, {loader.first_line(error.message)}"


def _may_repeat(task: Task, model: Model) -> bool:
    """Return whether a model is small enough for a second build on the CPU, within the memory limit of the build."""
    return _is_small(model) and not _too_large(task, model)


def _is_small(model: Model) -> bool:
    return subtree_totals(model)[0].stored_bytes <= MAX_CPU_BYTES
