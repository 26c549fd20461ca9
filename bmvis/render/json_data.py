"""A tree as plain data, for other tools: what `bmvis show --json` prints.

Version 1 is an object with `bmvis` (the version), `reference`, `type` (the root's class), `device`, `totals` and
`rows`. A row has `depth`, `label`, `names` (every sibling it stands for), `path` (of the first one), `type` (with its
package), `totals` (of one sibling; parameters, trainable, delta, bytes), `parameters` and, where they were asked for,
`buffers`. `shared_with` is the path at which the same module stands first (its children are there), `common` is
`virtual` or `other` in a common structure; `hidden` counts the modules below that a depth limit leaves out,
`left_out` those that were not to be shown. A checkpoint's object has `checkpoint` true; its rows have no type, and
its totals `elements` and `bytes` alone. In a comparison there is `before`, the totals of the other model, and rows
and parameters that differ have a `change`. Where the model was called (`inputs`), rows have `flow`: `outputs` (name,
least sizes as `shape`, greatest as `most` where they vary) and, each as the least and greatest of the modules that
the row stands for, `calls`, `macs` and `bytes`. With the option `optimizer` there is `optimizers`: `heads` (a text
for each), `groups` (`number`, null for the parameters in none; `tensors`, `totals`, and the `settings` that differ)
and `findings` (`kind`, `text`, `places`); parameters have `groups`. What is false or empty is left out of a
parameter, but for `trainable` (of a buffer, `persistent`), which stands there true or false; a checkpoint does not
know it. In a `shape`, -1 is a side that varies.
"""

from __future__ import annotations

from typing import Any

import msgspec

from bmvis.model.call_summary import CallSummary
from bmvis.model.totals import Totals
from bmvis.model.tree import Parameter
from bmvis.view.page import Page, Row
from bmvis.view.param_groups import ParamGroupTable

VERSION = 1
"""A change that an old reader would stumble over makes it another one."""


def to_data(page: Page, reference: str, device: str) -> dict[str, Any]:
    """Return the tree as objects, lists, texts and numbers that JSON knows."""
    return {
        "bmvis": VERSION,
        "reference": reference,
        "type": page.type,
        "device": device,
        **({"checkpoint": True} if page.is_checkpoint else {}),
        "totals": _totals(page.totals, page.is_checkpoint),
        **({"before": _totals(page.before, page.is_before_checkpoint)} if page.before else {}),
        **({"optimizers": _training(page.param_groups)} if page.param_groups else {}),
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
        found["buffers"] = [msgspec.to_builtins(b) | {"persistent": b.persistent} for b in row.buffers]
    if row.module and row.module.change:
        found["change"] = msgspec.to_builtins(row.module.change)
    if row.extra_repr:
        found["extra_repr"] = row.extra_repr
    if row.call_summary:
        found["flow"] = _flow(row.call_summary)
    if row.hidden:
        found["hidden"] = row.hidden
    if row.left_out:
        found["left_out"] = row.left_out
    if row.is_match:
        found["match"] = True
    if row.differs:
        found["differs"] = row.differs
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
        **({"uncounted": flow.uncounted} if flow.uncounted else {}),
    }


def _training(training: ParamGroupTable) -> dict[str, Any]:
    return {
        "heads": training.heads,
        "groups": [
            {
                "number": group.number,
                "name": group.name,
                "optimizer": group.optimizer,
                "tensors": group.tensors,
                "totals": _totals(group.totals, False),
                "settings": dict(zip(training.columns, group.settings, strict=True)),
            }
            for group in training.groups
        ],
        "findings": [msgspec.to_builtins(finding) for finding in training.findings],
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
