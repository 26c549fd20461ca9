"""Resolve references to models: the entry point for all hosts."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from functools import cache as cache_of
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import msgspec

from bmvis.errors import BmvisError, FactoryError
from bmvis.model.call_summary import without_calls
from bmvis.options import inputs as inputs_of
from bmvis.options.definitions import Device
from bmvis.reference import Reference, is_name, parse_reference
from bmvis.source.allowed_references import EVERYTHING, AllowList
from bmvis.source.build_job import BuildJob, SiteSettings
from bmvis.source.cache import Cache
from bmvis.source.cached_builds import Builder
from bmvis.source.dependencies import ARGUMENTS, CHECKS, FOLDERS, entry_dependency
from bmvis.source.digest_memo import DigestMemo
from bmvis.source.modes import Mode
from bmvis.source.name_patterns import NamedModel, NamePattern
from bmvis.source.portable import portable_error, portable_model
from bmvis.source.pyproject import Project, read_project
from bmvis.source.torch_finder import environment, has_torch, install_folders
from bmvis.worker.protocol import TIMEOUT, Built, Listed, ModelRequest

if TYPE_CHECKING:  # a build without changes expands no pattern and starts no worker
    from bmvis.source.pattern_finder import PatternFinder
    from bmvis.worker.daemon_client import Session

_LOG = logging.getLogger(__name__)
_Key = TypeVar("_Key")
_Found = TypeVar("_Found", Built, Listed)


RECORDED = "snapshot:"
"""Prefix of a model name that selects its snapshot in every mode."""


class Source:
    """Builds models for one docs build. Each reference is resolved once, even if it fails.

    A page names a model by a factory reference, or by a name from `[tool.bmvis.models]` of the pyproject.toml in `cwd`
    or a folder above it.

    Args:
        cwd: the folder of the project; relative paths start there.
        path: folders for the front of `sys.path`, relative to `cwd`.
        python: the Python interpreter that builds models.
        timeout: seconds per model; 0 means no timeout.
        memory: bytes per model, in addition to the memory of torch itself. 0 is half of the machine's memory if the
            device is `auto`, else no limit. Linux only.
        cache: a folder for built models, used by later builds; None for no cache. An entry is valid while the
            modules of the project that the factory imports, the data files in `cwd` and `path` that they open, and the
            installed distributions are unchanged. Files that C code opens and the network are not tracked.
        allow: the references that pages may use: `zoo:build` or a pattern such as `zoo:build_*` (the rules are in
            `bmvis.source.allowed_references`). By default a page can run any importable callable. Names from
            pyproject.toml are always allowed, because its authors can run code anyway.
        mode: `live` builds models; `snapshot` only reads committed files; `check` builds models and compares them
            with their snapshots. `auto` is `live` if `python` has PyTorch, else `snapshot`.
        snapshots: the folder of snapshots, instead of the one in pyproject.toml.
        session: the preview server whose builds share worker processes, so that torch stays in memory between them;
            None to end the processes with `close`. Linux only.
        digests: the digests that the host has read at the start of this build; None to read them.
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
        session: Session | None = None,
        digests: DigestMemo | None = None,
    ) -> None:
        self._cwd = cwd.resolve()
        folders = tuple(str(self._cwd / entry) for entry in path)
        self._settings = SiteSettings(self._cwd, folders, python, timeout, memory)
        self._allow = AllowList(allow, self._cwd)
        self._asked_mode = mode
        self._snapshots = self._cwd / snapshots if snapshots else None
        self._builder = Builder(self._cwd / cache if cache else None, session, digests)
        self._entry_of = cache_of(lambda of: entry_dependency(self.project.file, of))
        self._lists: dict[str, Listed | BmvisError] = {}
        self._known: dict[tuple[str, Device, str, bool], Built | BmvisError] = {}

    @cached_property
    def _mode(self) -> Mode:
        if self._asked_mode != "auto":
            return self._asked_mode
        if has_torch(self._settings.python):
            return "live"
        _LOG.info("PyTorch is not installed in %s: drawing snapshots", environment(self._settings.python))
        return "snapshot"

    @property
    def _lacks_torch(self) -> bool:
        return self._asked_mode == "auto" and self._mode == "snapshot"

    @cached_property
    def project(self) -> Project:
        """The settings in pyproject.toml."""
        found = read_project(self._cwd)
        return msgspec.structs.replace(found, snapshots=self._snapshots) if self._snapshots else found

    @cached_property
    def _patterns(self) -> PatternFinder:
        from bmvis.source.pattern_finder import PatternFinder

        is_live = self._mode != "snapshot"
        return PatternFinder(
            self.project, self._settings, self._builder, self._allow, is_live=is_live, lacks_torch=self._lacks_torch
        )

    def resolve(self, reference: str, device: Device = "auto", inputs: str = "", *, figure: bool = False) -> Built:
        """Return the captured model of a factory reference or a name, with its dataflow if `figure`.

        Raises:
            BmvisError: the reference does not parse or is not allowed, or the model could not be built.
        """
        key = (reference.strip(), device, inputs, figure)

        def resolve() -> Built:
            return self._portable(self._resolve(*key))

        return self._once(self._known, key, resolve)

    def answer(self, request: ModelRequest) -> Built:
        """Return the model that a page requests, with the model to compare it with, if any.

        Raises:
            BmvisError: as from `resolve`.
        """
        built = self.resolve(request.reference, request.device, request.inputs, figure=request.figure)
        if not request.base:
            return built
        is_called = request.figure  # for the figure alone: the tree compares no calls
        base = self.resolve(request.base, request.device, request.inputs if is_called else "", figure=is_called)
        model = without_calls(base.model) if is_called else base.model
        sources = tuple(dict.fromkeys((*built.sources, *base.sources)))
        dependencies = tuple(dict.fromkeys((*built.dependencies, *base.dependencies)))
        is_retried = built.is_retried or base.is_retried
        return msgspec.structs.replace(
            built, base=model, sources=sources, dependencies=dependencies, is_retried=is_retried
        )

    def build(self, name: str) -> Built:
        """Build the model with a name from pyproject.toml, in every mode and also if it is `recorded`.

        Raises:
            BmvisError: there is no such name, or the model could not be built.
        """
        return self._portable(self._builder.build(self._named_job(self.project.find(name), "auto")))

    def find_all(self, pattern: str) -> Listed:
        """Return the references that a gallery pattern matches.

        `*` and `bert-*` match names of `[tool.bmvis.models]`. `zoo:bert_*` matches the factories of a module
        (`bmvis.child.building.listing` has the rule) that are allowed. In mode `snapshot` it matches references with a
        name.

        Raises:
            BmvisError: the text is not a pattern, its module is not allowed or cannot be imported, or nothing matches.
        """
        pattern = pattern.strip()
        return self._once(self._lists, pattern, lambda: self._patterns.find_all(pattern))

    def find_named(self, pattern: NamePattern) -> Listed:
        """Return the names that a pattern in pyproject.toml gives to models. A model that is named there has no other.

        Raises:
            BmvisError: the module cannot be imported, or a name is not valid or used twice.
        """
        return self._patterns.find_named(pattern)

    def html_cache(self) -> Cache | None:
        """Return the cache for HTML of live models; None if there is no cache, or for snapshots."""
        return self._builder.cache_of(self._cwd) if self._mode == "live" else None

    def close(self) -> None:
        """End the worker processes. A later `resolve` starts new ones."""
        self._builder.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _portable(self, built: Built) -> Built:
        return msgspec.structs.replace(built, model=portable_model(built.model, self._cwd))

    def _once(self, known: dict[_Key, _Found | BmvisError], key: _Key, find: Callable[[], _Found]) -> _Found:
        """Return or raise the result for a key; `find` is called at the first request only."""
        if key not in known:
            try:
                known[key] = find()
            except BmvisError as error:
                known[key] = portable_error(error, self._cwd)
        found = known[key]
        if isinstance(found, BmvisError):
            raise found
        return found

    def _resolve(self, text: str, device: Device, inputs: str, figure: bool) -> Built:
        inputs_allow = self._inputs_entries(inputs)
        if text.startswith(RECORDED):
            name = text.removeprefix(RECORDED)
            return self._recorded(name, text, inputs or self.project.find(name).inputs)
        if is_name(text) and self.project.has_names:
            name, model = text, self.project.find(text)
            if self._mode == "snapshot" or model.recorded:
                return self._recorded(name, text, inputs or model.inputs)
            job = self._named_job(model, device)
        else:
            reference = parse_reference(text)
            allow = self._allow.entries_for(reference)
            name = self._name_of(text, device)
            if self._mode == "snapshot" and not (self._lacks_torch and reference.is_checkpoint):
                return self._recorded(name, text, inputs)
            job = msgspec.structs.replace(self._settings.job(reference, self.project), device=device, allow=allow)
        if inputs:
            job = msgspec.structs.replace(job, inputs=inputs, inputs_allow=inputs_allow)
        try:
            built = self._builder.build(msgspec.structs.replace(job, figure=figure))
        except FactoryError as error:
            if not (is_name(text) and text not in self.project.models and error.message == job.reference.missing):
                raise
            unknown = self.project.unknown(text, error.hint)  # a pattern gives this name to no model
            unknown.dependencies = error.dependencies
            raise unknown from None
        if self._mode == "check" and name:
            from bmvis.source.recorded import with_drift

            built = with_drift(self.project, name, built)
        return self._with_entry(name, built)

    def _recorded(self, name: str, text: str, inputs: str) -> Built:
        from bmvis.source.recorded import MissingSnapshotError, no_torch, read_recorded

        try:
            built = read_recorded(self.project, name, text, inputs)
        except MissingSnapshotError as error:
            raise (no_torch(text, name, self._settings.python) if self._lacks_torch else error) from None
        if self._lacks_torch:
            built = msgspec.structs.replace(built, installed=install_folders())
        return self._with_entry(name, built)

    def _with_entry(self, name: str, built: Built) -> Built:
        """Return a model with the dependencies of the installed distributions, and of its entry in pyproject.toml."""
        names = name or FOLDERS, ARGUMENTS, *([CHECKS] if self._mode == "check" else [])
        entry = map(self._entry_of, names)
        installed = self._builder.installed_dependencies(built.installed)
        return msgspec.structs.replace(built, dependencies=(*built.dependencies, *entry, *installed))

    def _inputs_entries(self, written: str) -> tuple[str, ...]:
        """Return the allow entries that match the function that makes the inputs, if there is one."""
        found = inputs_of.parse_inputs(written) if written else ()
        return self._allow.entries_for(found) if isinstance(found, Reference) else (EVERYTHING,)

    def _name_of(self, reference: str, device: Device) -> str:
        """Return the name of a reference in pyproject.toml; '' if it has none, or if no snapshot is needed."""
        return "" if self._mode == "live" else self.project.name_of(reference, device)

    def _named_job(self, model: NamedModel, device: Device) -> BuildJob:
        return self._settings.project_job(parse_reference(model.reference), model, device, self.project)
