"""Read models from snapshots, and compare built models with them. Internal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bmvis.errors import DriftError, NoTorchError, SnapshotError
from bmvis.model.call_summary import without_calls, without_dataflow
from bmvis.model.tree import Model, Problem
from bmvis.options.inputs import canonical_text
from bmvis.source.dependencies import file_dependencies
from bmvis.source.pyproject import Project
from bmvis.source.torch_finder import environment
from bmvis.untrusted.regular_file import read_regular
from bmvis.worker.protocol import Built

if TYPE_CHECKING:  # a live model that is in the cache needs no snapshot, and no comparison
    from bmvis.model.snapshot import Snapshot

MAX_BYTES = 200_000_000
_MARKERS = {b"<" * 7: "ours", b"|" * 7: "base", b"=" * 7: "theirs", b">" * 7: "both"}
"""What follows each conflict marker."""


def read_recorded(project: Project, name: str, text: str, inputs: str = "") -> Built:
    """Return the model in the snapshot of a name.

    Args:
        project: the settings in pyproject.toml.
        name: the name; '' if the project has no name for the reference.
        text: the reference or name on the page.
        inputs: the inputs whose output shapes and MACs the page shows; '' for none.

    Raises:
        SnapshotError: the reference has no name, or the snapshot cannot be read.
    """
    if not name:
        raise MissingSnapshotError(
            f"{text!r} has no name in pyproject.toml, and therefore no snapshot",
            hint=f"add to [tool.bmvis.models] in pyproject.toml: name = {text!r}",
        )
    file = project.snapshot(name)
    model = read_snapshot(file, project.find(name).reference).model
    return Built(recorded_model(model, name, inputs), (str(file),), file_dependencies([str(file)]))


def recorded_model(model: Model, name: str, inputs: str) -> Model:
    """Return a recorded model with the forward pass of these inputs, or with the reason why it is missing.

    Args:
        model: the model in the snapshot.
        name: the name of the model.
        inputs: the inputs; '' for a model without a forward pass.
    """
    wanted = canonical_text(inputs) if inputs else ""
    model = msgspec.structs.replace(model, is_recorded=True)
    if wanted == model.inputs:
        return model
    plain = without_calls(model)
    if not wanted:
        return plain  # with its dataflow: the figure states the inputs
    plain = without_dataflow(plain)
    found = f"those of {model.inputs}" if model.inputs else "none"
    problem = Problem(
        f"the snapshot of {name!r} has no output shapes and MACs for {wanted} (it has {found})",
        hint=f'set inputs = "{wanted}" for {name!r} in [tool.bmvis.models], and run `bmvis snapshot`',
    )
    return msgspec.structs.replace(plain, untraced=problem)


def with_drift(project: Project, name: str, built: Built) -> Built:
    """Return a built model with its differences from the snapshot of its name."""
    from bmvis.comparison.drift import find_drift

    file = project.snapshot(name)
    try:
        recorded = read_snapshot(file, project.find(name).reference)
        was, is_now = recorded.model, built.model
        is_same_call = was.inputs == is_now.inputs  # of the page, which can differ from those that are recorded
        if not (is_same_call and was.dataflow and is_now.dataflow):
            was, is_now = without_dataflow(was), without_dataflow(is_now)
        if not is_same_call:
            was, is_now = without_calls(was), without_calls(is_now)
        drift = str(find_drift(was, is_now, project.ignored))
    except SnapshotError as error:
        drift = str(error)
    sources = (*built.sources, str(file)) if file.is_file() else built.sources
    dependencies = (*built.dependencies, *file_dependencies([str(file)]))
    return msgspec.structs.replace(built, drift=drift, sources=sources, dependencies=dependencies)


def drift_error(reference: str, built: Built) -> DriftError | None:
    """Return the error that a host reports next to the tree if the model differs from its snapshot; else None."""
    if not built.drift:
        return None
    return DriftError(
        f"{reference!r} differs from its snapshot",
        hint="if the changes are intended, run `bmvis snapshot` and commit the result",
        detail=built.drift,
    )


def no_torch(text: str, name: str, python: str) -> NoTorchError:
    """Return the error for a model that has no snapshot where PyTorch is missing.

    Args:
        text: the reference, name or pattern on the page.
        name: its name in pyproject.toml; '' if it has none.
        python: the interpreter that has no PyTorch.
    """
    steps = "run `bmvis snapshot` where PyTorch is installed, and commit the result; or install PyTorch"
    return NoTorchError(
        f"{text!r} has no snapshot, and PyTorch is not installed in {environment(python)}",
        hint=steps if name else f"name the model in [tool.bmvis.models] of pyproject.toml, {steps}",
    )


class MissingSnapshotError(SnapshotError):
    """There is no snapshot file, or no name for one."""


class ReferenceChangedError(SnapshotError):
    """The snapshot was recorded from another reference."""


class ConflictError(SnapshotError):
    """The snapshot has git conflict markers."""


def read_snapshot(file: Path, reference: str) -> Snapshot:
    """Read the snapshot of a model.

    Raises:
        SnapshotError: there is no snapshot, it cannot be read, or it belongs to another reference.
    """
    try:
        content = read_regular(file, MAX_BYTES)
    except FileNotFoundError:
        raise MissingSnapshotError(f"no snapshot in {file}", hint="run `bmvis snapshot`, and commit it") from None
    except OSError as error:
        raise SnapshotError(f"no snapshot in {file}: {error.strerror}", hint="run `bmvis snapshot`") from None
    found = parse_snapshot(content, str(file))
    if found.reference != reference:
        raise ReferenceChangedError(
            f"{file} is the snapshot of {found.reference!r}, but pyproject.toml names {reference!r}",
            hint="run `bmvis snapshot`",
        )
    return found


def read_snapshot_file(file: Path) -> Snapshot:
    """Read a snapshot file of any reference.

    Raises:
        SnapshotError: the file cannot be read.
    """
    try:
        return parse_snapshot(read_regular(file, MAX_BYTES), str(file))
    except OSError as error:
        raise SnapshotError(f"cannot read {file}: {error.strerror}", hint="pass a snapshot file") from None


def parse_snapshot(content: bytes, file: str) -> Snapshot:
    """Return the snapshot that a file contains.

    Args:
        content: the content of the file.
        file: the name of the file in errors.

    Raises:
        SnapshotError: it cannot be read.
    """
    from bmvis.model.snapshot import load

    if conflict_sides(content):
        raise ConflictError(f"{file} has git conflict markers", hint="run `bmvis snapshot`, and commit the result")
    try:
        return load(content.decode())
    except UnicodeDecodeError:
        raise SnapshotError(f"{file} is not UTF-8 text", hint="run `bmvis snapshot`, and commit it") from None
    except SnapshotError as error:
        raise SnapshotError(f"{file}: {error.message}", hint=error.hint) from error


def conflict_sides(content: bytes) -> tuple[bytes, bytes] | None:
    """Return the two sides of a file that git could not merge; None for a file without conflict markers.

    The format is that of https://git-scm.com/docs/git-merge#_how_conflicts_are_presented, with or without the base.
    """
    sides: tuple[list[bytes], list[bytes]] = ([], [])
    state, is_conflict = "both", False
    for line in content.splitlines(keepends=True):
        marker = _MARKERS.get(line[:7]) if line[7:8] in (b"", b" ", b"\n", b"\r") else None
        if marker == "ours" or (marker and state != "both"):
            state, is_conflict = marker, True
        elif state != "base":
            for side, name in zip(sides, ("ours", "theirs"), strict=True):
                if state in ("both", name):
                    side.append(line)
    return (b"".join(sides[0]), b"".join(sides[1])) if is_conflict else None
