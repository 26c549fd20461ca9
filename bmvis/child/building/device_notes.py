"""Notes of models whose code can do something else on the meta device than on the CPU."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import msgspec

from bmvis.child import tracebacks
from bmvis.child.building import loader
from bmvis.model.tree import Model, Problem
from bmvis.reference import Reference

if TYPE_CHECKING:
    from bmvis.extraction.meta_device.device_reads import DeviceReads
    from bmvis.extraction.meta_device.meta_failures import Failure, FailureLog

MAX_PLACES = 3
"""Maximum number of lines in the note about code that checks the device or address of a tensor."""


def with_notes(model: Model, notes: tuple[str, ...]) -> Model:
    """Return a model with more notes, in front of its own."""
    return msgspec.structs.replace(model, notes=(*(note for note in notes if note not in model.notes), *model.notes))


def with_failure(model: Model, reference: Reference, failure: Failure, reason: str) -> Model:
    """Return a model from the meta device with the warning that an operation failed, which its factory caught.

    Args:
        model: the model.
        reference: its reference.
        failure: the failure of the operation.
        reason: why there is no model from the CPU; '' if none was requested.
    """
    where, what = reference.text, failure_text(failure)
    problem = Problem(
        f"the tree of {where!r} may be incomplete: on the meta device, {what}, which the factory caught"
        + (f"; {reason}" if reason else ""),
        hint="set device: cpu, or change the factory so that it does not read the values of tensors",
    )
    return msgspec.structs.replace(model, incomplete=problem)


def failure_text(failure: Failure) -> str:
    """Return which function failed, where, and the exception that it raised."""
    text = f"{failure.exception}: {failure.text}" if failure.text else failure.exception
    return f"{failure.function} in {_shown_place(failure.file, failure.line)} raised {loader.without_addresses(text)}"


def _shown_place(file: str, line: int) -> str:
    return f"{tracebacks.short_path(file)}, line {line}"


def difference_note(reads: DeviceReads) -> str:
    """Return the note of a model from the CPU, which code that reads the device makes another one."""
    return f"built on the CPU: on the meta device the model differs, because {_places(reads.places)}"


def call_difference_note(log: FailureLog) -> str:
    """Return the note of a call on the CPU, which does something else than on the meta device."""
    what = "called on the CPU: on the meta device"
    if log.failures:
        return f"{what}, {failure_text(log.failures[0])}, which the model caught"
    return f"{what} the call differs, because {_places(log.reads.places)}"


def call_notes(log: FailureLog) -> tuple[str, ...]:
    """Return notes that name the code whose call may be another one on the CPU."""
    if not log.failures:
        return read_notes(log.reads)
    what = f"on the meta device, {failure_text(log.failures[0])}, which the model caught"
    return (f"{what}: if its outputs depend on that, set device: cpu",)


def read_notes(reads: DeviceReads) -> tuple[str, ...]:
    """Return a note that names the code that may build a different model on the meta device."""
    decisive = [place for place, is_decisive in reads.places.items() if is_decisive]
    if not decisive:
        return ()
    return (f"{_places(decisive)}, which differ on the meta device: if the model depends on them, set device: cpu",)


def unknown_elements_text(key: str) -> str:
    """Return what is unknown about a sparse tensor.

    Args:
        key: its state-dict key.
    """
    return f"on the meta device, the number of elements of the sparse tensor {key!r} is unknown"


def _places(places: Collection[tuple[str, int]]) -> str:
    shown = "; ".join(_shown_place(*place) for place in list(places)[:MAX_PLACES])
    more = f" and {len(places) - MAX_PLACES} more places" if len(places) > MAX_PLACES else ""
    return f"{shown}{more} checked the device or address of a tensor"
