"""Build one model on the device asked for, capture it, and call it if there are inputs.

Runs in the child process. With `device: auto` a model is built on `torch.device("meta")`, and on the CPU if that fails.
"""

from __future__ import annotations

import msgspec

from bmvis.child import loader
from bmvis.child.import_tracker import ImportTracker
from bmvis.child.model_call import call_model
from bmvis.errors import FactoryError
from bmvis.model.totals import subtree_totals
from bmvis.model.tree import Model
from bmvis.reference import Reference
from bmvis.worker.protocol import Request

MAX_CPU_BYTES = 10**9
"""Bytes of a model that is built a second time, on the CPU, when it cannot be called on meta."""


def build(reference: Reference, request: Request, imports: ImportTracker) -> Model:
    """Import and call the factory on the device asked for, and capture what it returns."""
    from bmvis.extraction import optimizers
    from bmvis.extraction.modules import capture_live

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
        live = optimizers.note_groups(capture_live(model), beside)
        live = live._replace(tree=msgspec.structs.replace(live.tree, device=device, notes=notes))
        if not request.inputs:
            return live.tree
        traced = call_model(live, request)
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


def _is_small(model: Model) -> bool:
    return subtree_totals(model)[0].stored_bytes <= MAX_CPU_BYTES
