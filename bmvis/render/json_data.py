"""Convert a tree to plain data for other tools: the output of `bmvis show --json`.

`bmvis/schemas/` has the JSON schema. Version 1 is an object with these keys:

- `bmvis`: the version of the format.
- `reference`, `type` (class of the root), `device`.
- `checkpoint`: true for a checkpoint file. Its rows have no type, and its totals have only `elements` and `bytes`.
- `totals`: numbers of `parameters`, `trainable` and `delta` elements, and `bytes`. Of a mixture of experts, if known,
  also `active`: the elements that one token uses.
- `before`: in a comparison, the totals of the base model.
- `recorded_with`: of a model from a snapshot, the versions of torch and of its packages at that time.
- `missing`: what is unknown although it was requested: `modules`, `call`, or `recorded call` (not in the snapshot).
- `optimizers`: with the option `optimizer`. Has `heads` (one text for each optimizer), `groups` (`number`, which is
  null for the parameters in no group, `tensors`, `totals`, and the `settings` that differ), and `findings` (`kind`,
  `text`, `places`).
- `rows`: the rows in preorder.

A row has these keys. Keys that do not apply are omitted:

- `depth`, `label`, `names` (of all siblings that the row represents), `path` (of the first sibling), `type` (with its
  package), `totals` (of one sibling).
- `parameters` and `buffers`: the tensors. False and empty values are omitted, except `trainable` of a parameter and
  `persistent` of a buffer. A checkpoint does not have `trainable`. In a `shape`, -1 is a size that varies. With the
  option `optimizer`, parameters have `groups`.
- `shared_with`: the path of the first occurrence of the same module, which has its children. Of several siblings, that
  of the first one, as in `tied_to` of parameters.
- `common`: `virtual` or `other`, in a common structure.
- `varies`: of modules that differ in sizes, or that are in modules that do. Has `similar` (whether siblings differ),
  `siblings` (their least and greatest number in the modules above), and `modules`: each with its `path`, `totals`,
  `parameters`, and `hidden`. Then `totals` are those of the smallest module.
- `hidden`: the number of modules below that a depth limit hides; `left_out`: the number that is filtered out.
- `change`: of a row or parameter that differs, in a comparison.
- `extra_repr`, `match`, `differs`: see `bmvis.view.page.Row`.
- `flow`: if the model was called (option `inputs`). Has `outputs` (`name`, `shape`, and `most` with the maximum sizes
  if they vary), `inputs` (the tensors among the arguments, in the same form), and `calls`, `macs` and `bytes`, each as
  the minimum and maximum over the modules of the row.
"""

from __future__ import annotations

from typing import Any

import msgspec

from bmvis.model.call_summary import CallSummary
from bmvis.model.totals import Totals
from bmvis.model.tree import Buffer, Parameter
from bmvis.view.page import Page, Row
from bmvis.view.param_groups import ParamGroupTable
from bmvis.view.ranges import Member, Variation

VERSION = 1
"""Version of the format. Increase it with each change that older readers cannot read."""


def to_data(page: Page, reference: str, device: str) -> dict[str, Any]:
    """Return the tree as dictionaries, lists, strings and numbers, which the module `json` can write."""
    return {
        "bmvis": VERSION,
        "reference": reference,
        "type": page.type,
        "device": device,
        **({"checkpoint": True} if page.is_checkpoint else {}),
        "totals": _totals(page.totals, page.is_checkpoint) | ({"active": page.active} if page.active else {}),
        **({"before": _totals(page.before, page.is_before_checkpoint)} if page.before else {}),
        **({"recorded_with": page.recorded_with} if page.recorded_with is not None else {}),
        **({"missing": page.missing} if page.missing else {}),
        **({"optimizers": _optimizers(page.param_groups)} if page.param_groups else {}),
        "rows": [_row(row, page.is_checkpoint) for row in page.rows],
    }


def _row(row: Row, is_checkpoint: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"depth": row.depth, "label": row.label, "names": row.names, "path": row.path}
    if row.module and row.module.type:
        found["type"] = row.module.import_path
    found["totals"] = _totals(row.totals, is_checkpoint)
    found["parameters"] = [_parameter(parameter, is_checkpoint) for parameter in row.parameters]
    if row.module and row.module.shared_with is not None:
        found["shared_with"] = row.module.shared_with
    if row.module and row.module.common:
        found["common"] = row.module.common
    if row.buffers:
        found["buffers"] = list(map(_buffer, row.buffers))
    if row.module and row.module.change:
        found["change"] = msgspec.to_builtins(row.module.change)
    if row.variation:
        found["varies"] = _variation(row, row.variation, is_checkpoint)
    found |= _facts(row)
    if row.left_out:
        found["left_out"] = row.left_out
    if row.is_match:
        found["match"] = True
    if row.differs:
        found["differs"] = row.differs
    return found


def _variation(row: Row, variation: Variation, is_checkpoint: bool) -> dict[str, Any]:
    return {
        "similar": variation.is_similar,
        "siblings": variation.siblings,
        "modules": [_member(row, member, is_checkpoint) for member in variation.members],
    }


def _member(row: Row, member: Member, is_checkpoint: bool) -> dict[str, Any]:
    """Return one module of a row, with the facts that the row has."""
    found: dict[str, Any] = {"path": member.path, "totals": _totals(member.totals, is_checkpoint)}
    found["parameters"] = [_parameter(parameter, is_checkpoint) for parameter in member.parameters]
    if row.buffers:
        found["buffers"] = list(map(_buffer, member.buffers))
    return found | _facts(member)


def _facts(module: Row | Member) -> dict[str, Any]:
    """Return what is known about the modules of a row, or about one of them."""
    found: dict[str, Any] = {}
    if module.extra_repr:
        found["extra_repr"] = module.extra_repr
    if module.groups:
        found["groups"] = module.groups
    if module.call_summary:
        found["flow"] = _flow(module.call_summary)
    if module.hidden:
        found["hidden"] = module.hidden
    return found


def _buffer(buffer: Buffer) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(buffer) | {"persistent": buffer.persistent}
    return found


def _parameter(parameter: Parameter, is_checkpoint: bool) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(parameter) | {"device": parameter.device}
    return found if is_checkpoint else found | {"trainable": parameter.trainable}


def _flow(flow: CallSummary) -> dict[str, Any]:
    return {
        "outputs": [msgspec.to_builtins(output) for output in flow.outputs],
        "calls": flow.calls,
        "macs": flow.macs,
        "bytes": flow.bytes,
        **({"inputs": [msgspec.to_builtins(one) for one in flow.inputs]} if flow.inputs else {}),
        **({"uncounted": flow.uncounted} if flow.uncounted else {}),
    }


def _optimizers(table: ParamGroupTable) -> dict[str, Any]:
    return {
        "heads": table.heads,
        "groups": [
            {
                "number": group.number,
                "name": group.name,
                "optimizer": group.optimizer,
                "tensors": group.tensors,
                "totals": _totals(group.totals, False),
                "settings": dict(zip(table.columns, group.settings, strict=True)),
            }
            for group in table.groups
        ],
        "findings": [msgspec.to_builtins(finding) for finding in table.findings],
    }


def _totals(totals: Totals, is_checkpoint: bool) -> dict[str, int]:
    if is_checkpoint:
        return {"elements": totals.count, "bytes": totals.stored_bytes}
    return {
        "parameters": totals.count,
        "trainable": totals.trainable,
        "delta": totals.delta,
        "bytes": totals.stored_bytes,
    }
