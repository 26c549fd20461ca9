"""Where a model comes from: the one door through which every host gets a tree for a reference."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Literal

import msgspec

from bmvis import inputs as inputs_of
from bmvis.comparison.drift import find_drift
from bmvis.errors import BmvisError, DriftError, InvalidReferenceError, SnapshotError, WorkerError, nearest
from bmvis.model.snapshot import Snapshot, load
from bmvis.model.tree import Problem
from bmvis.options import Device, Options
from bmvis.reference import Reference, is_name, parse_pattern, parse_reference
from bmvis.source import checkpoint
from bmvis.source.cache import Cache
from bmvis.source.pyproject import NamedModel, Project, read_project
from bmvis.worker.client import TIMEOUT, Worker
from bmvis.worker.protocol import Built, Listed, ModelRequest

Mode = Literal["live", "snapshot", "check"]


RECORDED = "snapshot:"
"""Before the name of a model: as its snapshot has it, whatever the mode."""


class Source:
    """Builds models for one docs build; each reference once, a failing one included.

    A page names a model by a factory reference, or by a name from `[tool.bmvis.models]` of the pyproject.toml in `cwd`
    or above it.

    Args:
        cwd: the project's folder: where relative paths start.
        path: folders for the front of `sys.path`, relative ones below `cwd`.
        python: the interpreter that builds models.
        timeout: seconds per model.
        memory: bytes per model, beside what torch itself takes; 0 is half of the machine's for a model whose
            device is `auto`, and no limit else. Holds on Linux.
        cache: a folder for what was built, to be used by later builds; None keeps nothing. An entry holds
            while the project's modules that the factory imports, the data files below `cwd` and `path`
            that they open, and the installed distributions are what they were. A file that C code
            opens, and what a factory takes from the network or the environment, is not seen.
        allow: patterns, as in `fnmatch`, of the references that pages may write: `zoo.*:build_*` is held
            against `package.module:callable`. By default a page may run any importable callable. Names
            are always allowed: who writes pyproject.toml may run code.
        mode: `live` builds models; `snapshot` reads committed files only; `check` builds, and compares.
        snapshots: the folder of snapshots, where it is not the one that pyproject.toml says.
    """

    def __init__(
        self,
        cwd: Path,
        *,
        path: Sequence[str] = (),
        python: str = sys.executable,
        timeout: float = TIMEOUT,
        memory: int = 0,
        cache: Path | None = None,
        allow: Sequence[str] = ("*",),
        mode: Mode = "live",
        snapshots: Path | None = None,
    ) -> None:
        self._cwd = cwd.resolve()
        self._path = tuple(str(self._cwd / entry) for entry in path)
        self._python = python
        self._timeout = timeout
        self._memory = memory
        self._cache = self._cwd / cache if cache else None
        self._allow = tuple(allow)
        self._mode = mode
        self._snapshots = self._cwd / snapshots if snapshots else None
        self._caches: dict[Path, Cache] = {}
        self._workers: dict[tuple[object, ...], Worker] = {}
        self._lists: dict[str, Listed | BmvisError] = {}
        self._known: dict[tuple[str, Device, str], Built | BmvisError] = {}

    @cached_property
    def project(self) -> Project:
        """What pyproject.toml says."""
        found = read_project(self._cwd)
        return msgspec.structs.replace(found, snapshots=self._snapshots) if self._snapshots else found

    def resolve(self, reference: str, device: Device = "auto", inputs: str = "") -> Built:
        """Return the captured model that a factory reference, or a name, stands for.

        Raises:
            BmvisError: the reference does not parse or is not allowed, or no model came of it.
        """
        key = (reference.strip(), device, inputs)
        if key not in self._known:
            try:
                self._known[key] = self._resolve(*key)
            except BmvisError as error:
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, BmvisError):
            raise found
        return found

    def answer(self, asked: ModelRequest) -> Built:
        """Return what a page asks for: a model, and the one to compare it with.

        Raises:
            BmvisError: as from `resolve`.
        """
        built = self.resolve(asked.reference, asked.device, asked.inputs)
        if not asked.base:
            return built
        base = self.resolve(asked.base, asked.device)
        sources = tuple(dict.fromkeys((*built.sources, *base.sources)))
        return msgspec.structs.replace(built, base=base.model, sources=sources)

    def build(self, name: str) -> Built:
        """Return the model that the project has under `name` as it is now, whatever pages show of it.

        Raises:
            BmvisError: there is no such name, or no model came of it.
        """
        return self._named(self.project.find(name), "auto")

    def find_all(self, pattern: str) -> Listed:
        """Return what a gallery's pattern finds.

        `*` and `bert-*` find names of `[tool.bmvis.models]`; `zoo:bert_*` finds what the module offers (the rule is
        in `bmvis.child.listing`) and pages may name. Where only snapshots are read, it finds what has one.

        Raises:
            BmvisError: the text is no pattern, its module is not allowed or cannot be imported, or it finds nothing.
        """
        pattern = pattern.strip()
        if pattern not in self._lists:
            try:
                self._lists[pattern] = self._list(pattern)
            except BmvisError as error:
                self._lists[pattern] = error
        found = self._lists[pattern]
        if isinstance(found, BmvisError):
            raise found
        return found

    def close(self) -> None:
        """End the worker processes. A later `resolve` starts others."""
        for worker in self._workers.values():
            worker.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _resolve(self, text: str, device: Device, inputs: str) -> Built:
        self._require_inputs_allowed(inputs)
        if text.startswith(RECORDED):
            name = text.removeprefix(RECORDED)
            self.project.find(name)
            return self._recorded(name, text)
        if is_name(text) and self.project.models:
            name, model = text, self.project.find(text)
        else:
            self._require_allowed(parse_reference(text))
            name, model = self._name_of(text, device), None
        if self._mode == "snapshot" or (model and model.recorded):
            return self._recorded(name, text)
        built = self._named(model, device, inputs) if model else self._built(text, device, inputs)
        if self._mode == "check" and name:
            return self._checked(name, built)
        return built

    def _list(self, pattern: str) -> Listed:
        models = self.project.models
        if ":" not in pattern:
            files = (str(self.project.folder / "pyproject.toml"),) if models else ()
            listed = Listed(tuple(name for name in models if fnmatchcase(name, pattern)), files)
            hint = nearest(pattern, models) or "pyproject.toml names no model below [tool.bmvis.models]"
        elif self._mode == "snapshot":
            targets = {model.reference: model.reference.partition("(")[0] for model in models.values()}
            listed = Listed(tuple(text for text, target in targets.items() if fnmatchcase(target, pattern)))
            hint = "snapshots are read only: a model needs a name in [tool.bmvis.models]"
        else:
            listed = self._listed(parse_pattern(pattern))
            hint = "it finds public functions and classes that make a model without arguments"
        if not listed.references:
            raise InvalidReferenceError(f"the pattern {pattern!r} finds no model", hint=hint)
        return listed

    def _listed(self, pattern: Reference) -> Listed:
        """Return what the module offers, from the cache or from the worker, less what pages may not name."""
        if not any(fnmatchcase(pattern.module, allowed.partition(":")[0]) for allowed in self._allow):
            self._require_allowed(pattern)
        cache = self._caches.setdefault(self._cwd, Cache(self._cache, self._cwd)) if self._cache else None
        asked = ("list", pattern.text, self._path, self._python)
        listed = cache.get(*asked) if cache else None
        if not isinstance(listed, Listed):
            worker = self._worker(self._cwd, self._python, self._timeout, self._memory)
            listed = worker.find_all(pattern.text, path=self._path)
            if cache:
                cache.put(listed, *asked)
        return msgspec.structs.replace(listed, references=tuple(filter(self._is_allowed, listed.references)))

    def _is_allowed(self, target: str) -> bool:
        return any(fnmatchcase(target, pattern) for pattern in self._allow)

    def _require_allowed(self, reference: Reference) -> None:
        if not self._is_allowed(reference.target):
            raise InvalidReferenceError(
                f"{reference.target!r} is not among the models that pages may name",
                hint=f"allowed: {', '.join(self._allow) or 'none'}",
            )

    def _require_inputs_allowed(self, written: str) -> None:
        found = inputs_of.parse_inputs(written) if written else ()
        if isinstance(found, Reference):
            self._require_allowed(found)

    def _name_of(self, reference: str, device: Device) -> str:
        """Return the name of the snapshot that a reference has, if any is needed."""
        return "" if self._mode == "live" else self.project.name_of(reference, device)

    def _recorded(self, name: str, text: str) -> Built:
        if not name:
            raise SnapshotError(
                f"{text!r} has no name, and so no snapshot",
                hint=f"write in pyproject.toml, below [tool.bmvis.models]: name = {text!r}",
            )
        file = self.project.snapshot(name)
        return Built(read_snapshot(file, self.project.find(name).reference).model, (str(file),))

    def _checked(self, name: str, built: Built) -> Built:
        file = self.project.snapshot(name)
        try:
            recorded = read_snapshot(file, self.project.find(name).reference)
            drift = str(find_drift(recorded.model, built.model))
        except SnapshotError as error:
            drift = str(error)
        sources = (*built.sources, str(file)) if file.is_file() else built.sources
        return msgspec.structs.replace(built, drift=drift, sources=sources)

    def _named(self, model: NamedModel, device: Device, inputs: str = "") -> Built:
        project = self.project
        return self._built(
            model.reference,
            model.device if device == "auto" else device,
            inputs,
            cwd=project.folder,
            path=tuple(dict.fromkeys((*project.path, *self._path))),
            python=project.python(model) or self._python,
            timeout=model.timeout or self._timeout,
            memory=model.memory or self._memory,
        )

    def _built(
        self,
        reference: str,
        device: Device,
        inputs: str = "",
        *,
        cwd: Path | None = None,
        path: tuple[str, ...] | None = None,
        python: str = "",
        timeout: float = 0.0,
        memory: int = 0,
    ) -> Built:
        """Return a model from the cache, or have it built. What is not given is the site's own."""
        if parse_reference(reference).is_checkpoint:
            read = checkpoint.read((cwd or self._cwd) / parse_reference(reference).file)
            return _uncalled(read) if inputs else read
        cwd, path, python = cwd or self._cwd, self._path if path is None else path, python or self._python
        limits = (timeout or self._timeout, memory or self._memory)
        asked = (parse_reference(reference).text, device, path, python, *([inputs] if inputs else []))
        cache = self._caches.setdefault(cwd, Cache(self._cache, cwd)) if self._cache else None
        built = cache.get(*asked) if cache else None
        if isinstance(built, Built):
            return built
        worker = self._worker(cwd, python, *limits)
        try:
            built = worker.build(reference, device=device, path=path, inputs=inputs)
        except WorkerError as error:
            if not inputs:
                raise
            return _untraced(worker.build(reference, device=device, path=path), error)
        if cache:
            cache.put(built, *asked)
        return built

    def _worker(self, cwd: Path, python: str, timeout: float, memory: int) -> Worker:
        key = (cwd, python, timeout, memory)
        if key not in self._workers:
            self._workers[key] = Worker(cwd, python=python, timeout=timeout, memory=memory)
        return self._workers[key]


def model_request(reference: str, options: Options) -> ModelRequest:
    """Return what a page asks for that names `reference` with `options`."""
    return ModelRequest(reference, options.device, options.base, options.inputs)


def _untraced(built: Built, error: WorkerError) -> Built:
    """Return a model that could be built, with what ended the process when it was called."""
    problem = Problem(f"the model could not be called: {error.message}", error.hint, error.detail)
    return msgspec.structs.replace(built, model=msgspec.structs.replace(built.model, untraced=problem))


def _uncalled(built: Built) -> Built:
    problem = Problem("a checkpoint has no code to call", hint="remove the option inputs")
    return msgspec.structs.replace(built, model=msgspec.structs.replace(built.model, untraced=problem))


def drift_error(reference: str, built: Built) -> DriftError | None:
    """Return what a host warns of beside the tree: that the model differs from its snapshot."""
    if not built.drift:
        return None
    return DriftError(
        f"{reference!r} differs from its snapshot",
        hint="if that is meant, run `bmvis snapshot` and commit",
        detail=built.drift,
    )


def read_snapshot(file: Path, reference: str) -> Snapshot:
    """Read the snapshot of a model.

    Raises:
        SnapshotError: there is none, it cannot be read, or it is that of another reference.
    """
    try:
        found = load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SnapshotError(f"no snapshot in {file}: {reason}", hint="run `bmvis snapshot`, and commit it") from None
    except SnapshotError as error:
        raise SnapshotError(f"{file}: {error.message}", hint=error.hint) from error
    if found.reference != reference:
        raise SnapshotError(
            f"{file} is of {found.reference!r}, and pyproject.toml says {reference!r}", hint="run `bmvis snapshot`"
        )
    return found
