"""Snapshots: the committed record of a model's structure, as JSON for review.

The file has one row on a line, in the model's order. Adjacent equal siblings are one row (`"names": "0-11"`). A sibling
that equals an earlier one refers to it (`"like": "0"`) in place of its subtree. So the file is small and exact: `load`
returns the `Model` that `dump` was given. Ties are relative to the module (`..embeddings.weight`: two levels up, then
down), so that blocks with ties are equal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from bmvis.errors import SnapshotError
from bmvis.model.consistency import inconsistency
from bmvis.model.dataflow_record import read_dataflow, write_dataflow
from bmvis.model.optimizer import Optimizer
from bmvis.model.settings import Configuration
from bmvis.model.snapshot_records import as_json, read_records, write_records
from bmvis.model.tensor_text import refuse_unknown_keys
from bmvis.model.totals import Totals, subtree_totals
from bmvis.model.tree import Model, Problem

FORMAT = 3
"""Version of the file that is written."""
UNRECORDED: Mapping[int, tuple[str, ...]] = {2: ("state_code", "settings", "adapter_facts", "dataflow"), FORMAT: ()}
"""The versions that are read, with the facts that they do not record."""
_HEAD = (
    "bmvis-snapshot",
    "reference",
    "device",
    "notes",
    "checkpoint",
    "unrecorded",
    "versions",
    "totals",
    "active",
    "inputs",
    "untraced",
    "undrawn",
    "incomplete",
    "dataflow",
    "configurations",
    "optimizers",
    "rows",
)


class Snapshot(msgspec.Struct, frozen=True):
    """A model, and the reference it was built from."""

    reference: str
    model: Model


def dump(snapshot: Snapshot) -> str:
    """Return the text of a snapshot file."""
    model = snapshot.model
    head = {
        "bmvis-snapshot": FORMAT,
        "reference": snapshot.reference,
        "device": model.device,
        "notes": list(model.notes),
        **({"checkpoint": True} if model.is_checkpoint else {}),
        **({"unrecorded": list(model.unrecorded)} if model.unrecorded else {}),
        **({"versions": model.versions} if model.versions else {}),
        "totals": msgspec.to_builtins(subtree_totals(model)[0]),
        **({"active": model.active} if model.active else {}),
        **({"inputs": model.inputs} if model.inputs else {}),
        **({"untraced": _problem(model.untraced)} if model.untraced else {}),
        **({"undrawn": _problem(model.undrawn)} if model.undrawn else {}),
        **({"incomplete": _problem(model.incomplete)} if model.incomplete else {}),
    }
    lines = [f"{as_json(name)}: {as_json(value)}," for name, value in head.items()]
    lines += write_dataflow(model.dataflow) if model.dataflow else []
    if model.configurations:
        written = [as_json(msgspec.to_builtins(configuration)) for configuration in model.configurations]
        lines += ['"configurations": [', ",\n".join(written), "],"]
    if model.optimizers:
        lines += ['"optimizers": [', ",\n".join(map(_optimizer, model.optimizers)), "],"]
    records = [f"{'  ' * record['depth']}{as_json(record)}" for record in write_records(model)]
    return "\n".join(["{", *lines, '"rows": [', ",\n".join(records), "]", "}", ""])


def load(text: str) -> Snapshot:
    """Read a snapshot file.

    Raises:
        SnapshotError: the text is not a snapshot, has another version, or is inconsistent.
    """
    try:
        content = json.loads(text)
        version = content["bmvis-snapshot"]
        if type(version) is not int or version not in UNRECORDED:
            known = " and ".join(map(str, UNRECORDED))
            raise SnapshotError(
                f"the snapshot has format {version!r}; this version of bmvis reads {known}", hint="run `bmvis snapshot`"
            )
        refuse_unknown_keys(content, _HEAD)
        model = _model(content, version)
        totals = msgspec.convert(content["totals"], Totals)
        reference = msgspec.convert(content["reference"], str)
        if wrong := inconsistency(model):
            raise ValueError(wrong)
        is_whole = subtree_totals(model)[0] == totals
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError, OverflowError) as error:
        raise SnapshotError(f"not a snapshot: {_reason(error)}", hint="run `bmvis snapshot`") from error
    if not is_whole:
        raise SnapshotError(
            "the totals of the snapshot do not match its rows", hint="it was edited or merged: run `bmvis snapshot`"
        )
    return Snapshot(reference, model)


def _model(content: dict[str, Any], version: int) -> Model:
    """Return the model of a parsed file."""
    return Model(
        tuple(read_records(content["rows"], content["device"])),
        content["device"],
        tuple(content["notes"]),
        is_checkpoint=msgspec.convert(content.get("checkpoint", False), bool),
        optimizers=msgspec.convert(content.get("optimizers", []), tuple[Optimizer, ...]),
        configurations=msgspec.convert(content.get("configurations", []), tuple[Configuration, ...]),
        versions=msgspec.convert(content.get("versions", {}), dict[str, str]),
        unrecorded=msgspec.convert(content.get("unrecorded", UNRECORDED[version]), tuple[str, ...]),
        active=msgspec.convert(content.get("active", 0), int),
        inputs=msgspec.convert(content.get("inputs", ""), str),
        untraced=msgspec.convert(content.get("untraced"), Problem | None),
        undrawn=msgspec.convert(content.get("undrawn"), Problem | None),
        dataflow=read_dataflow(content["dataflow"]) if "dataflow" in content else None,
        incomplete=msgspec.convert(content.get("incomplete"), Problem | None),
    )


def _problem(problem: Problem) -> dict[str, str]:
    """Return why facts are missing. The traceback is left out: it changes with each version of a library."""
    return {"message": problem.message, **({"hint": problem.hint} if problem.hint else {})}


def _optimizer(optimizer: Optimizer) -> str:
    """Return an optimizer with a line for each group."""
    head = as_json({name: value for name, value in msgspec.to_builtins(optimizer).items() if name != "groups"})
    groups = ",\n".join(f"  {as_json(msgspec.to_builtins(group))}" for group in optimizer.groups)
    return f'{head[:-1]}, "groups": [\n{groups}]}}'


def _reason(error: Exception) -> str:
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
