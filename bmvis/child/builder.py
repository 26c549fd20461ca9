"""Build one model on the device asked for, capture it, and call it if there are inputs.

Runs in the child process. With `device: auto` a model is built on `torch.device("meta")`, and on the CPU if that fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from bmvis import inputs
from bmvis.child import loader, tracebacks
from bmvis.child.import_tracker import ImportTracker
from bmvis.errors import BmvisError, FactoryError
from bmvis.model.totals import subtree_totals
from bmvis.model.tree import Model, Problem
from bmvis.reference import Reference
from bmvis.worker.protocol import Request

MAX_CPU_BYTES = 10**9
"""Bytes of a model that is built a second time, on the CPU, when it cannot be called on meta."""


def build(reference: Reference, request: Request, imports: ImportTracker) -> Model:
    """Import and call the factory on the device asked for, and capture what it returns."""
    from bmvis.extraction import optimizers
    from bmvis.extraction.modules import capture

    target = loader.find(reference, request.allow)
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


def _traced(model: Any, captured: Model, request: Request) -> Model:
    """Return the tree with what one call of the model did, or why it did nothing."""
    import torch

    from bmvis.extraction import forward

    first = next((tensor for _, tensor in _tensors(model)), None)
    device = captured.device if first is None else str(first.device)
    try:
        with torch.device(device):
            positional, named = _arguments(request, device)
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


def _arguments(request: Request, device: str) -> tuple[list[Any], dict[str, Any]]:
    """Return what to call the model with; a function of the user's runs on the model's device."""
    from bmvis.extraction import forward

    asked = inputs.parse_inputs(request.inputs)
    if not isinstance(asked, Reference):
        return forward.make_tensors(asked, device)
    make = loader.find(asked, request.inputs_allow)
    if not callable(make):
        raise FactoryError(f"{asked.target!r} is no function", hint="name a function that returns the inputs")
    return forward.call_arguments(make(*asked.arguments, **asked.keywords))


def _is_small(model: Model) -> bool:
    return subtree_totals(model)[0].stored_bytes <= MAX_CPU_BYTES
