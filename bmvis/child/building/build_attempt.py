"""Build a model once, on one device, capture it, and call it if there are inputs. Runs in the child process."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from bmvis.child.building import loader
from bmvis.child.building.model_call import call_model
from bmvis.errors import FactoryError
from bmvis.extraction import optimizers
from bmvis.extraction.meta_device import meta_failures
from bmvis.extraction.meta_device.known_values import KnownValues
from bmvis.extraction.meta_device.sparse_elements import unknown_sparse
from bmvis.extraction.modules import capture_live
from bmvis.model.tree import Model
from bmvis.reference import Reference
from bmvis.worker.protocol import Request

if TYPE_CHECKING:
    from bmvis.extraction.meta_device.meta_failures import FailureLog


class Attempt(NamedTuple):
    """A model that was built on one device."""

    model: Model
    log: FailureLog | None
    """What the factory did that can differ on the CPU."""
    call_log: FailureLog | None = None
    """What the call of the model did that can differ on the CPU."""
    unknown: str = ""
    """The key of a sparse tensor whose number of elements the meta device does not know."""


class Task(NamedTuple):
    """A factory and how to call it."""

    target: Any
    reference: Reference
    request: Request
    started: float
    """When the build began, of the clock `time.monotonic`."""


def attempt(task: Task, device: str, log: FailureLog | None = None, *, call_log: FailureLog | None = None) -> Attempt:
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
        return Attempt(live.tree, log, unknown=unknown)
    return Attempt(call_model(live, task.request, call_log), log, call_log, unknown)
