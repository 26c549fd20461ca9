"""Where a model comes from: the entry point through which every host gets a model for a reference."""

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
from bmvis.errors import BmvisError, InvalidReferenceError, nearest
from bmvis.options import Device, Options
from bmvis.reference import Reference, is_name, parse_pattern, parse_reference
from bmvis.source.allow import EVERYTHING, AllowList
from bmvis.source.builder import Builder, Job
from bmvis.source.facts import entry_fact
from bmvis.source.portable import portable_error, portable_model
from bmvis.source.pyproject import NamedModel, Project, read_project
from bmvis.source.recorded import read_recorded, with_drift
from bmvis.worker.client import TIMEOUT
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
        allow: what references on pages may name: `zoo:build` or a pattern such as `zoo:build_*` (the rules are in
            `bmvis.source.allow`). By default a page may run any importable callable. Names are always
            allowed: who writes pyproject.toml may run code.
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
        self._allow = AllowList(allow, self._cwd)
        self._mode = mode
        self._snapshots = self._cwd / snapshots if snapshots else None
        self._builder = Builder(self._cwd / cache if cache else None)
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
                built = self._resolve(*key)
                self._known[key] = msgspec.structs.replace(built, model=portable_model(built.model, self._cwd))
            except BmvisError as error:
                self._known[key] = portable_error(error, self._cwd)
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
        facts = tuple(dict.fromkeys((*built.facts, *base.facts)))
        return msgspec.structs.replace(built, base=base.model, sources=sources, facts=facts)

    def build(self, name: str) -> Built:
        """Return the model that the project has under `name` as it is now, whatever pages show of it.

        Raises:
            BmvisError: there is no such name, or no model came of it.
        """
        return self._builder.build(self._named_job(self.project.find(name), "auto"))

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
                self._lists[pattern] = portable_error(error, self._cwd)
        found = self._lists[pattern]
        if isinstance(found, BmvisError):
            raise found
        return found

    def close(self) -> None:
        """End the worker processes. A later `resolve` starts others."""
        self._builder.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _resolve(self, text: str, device: Device, inputs: str) -> Built:
        inputs_allow = self._inputs_grants(inputs)
        if text.startswith(RECORDED):
            name = text.removeprefix(RECORDED)
            self.project.find(name)
            return self._recorded(name, text)
        if is_name(text) and self.project.models:
            name, model = text, self.project.find(text)
            if self._mode == "snapshot" or model.recorded:
                return self._recorded(name, text)
            job = self._named_job(model, device)
        else:
            reference = parse_reference(text)
            allow = self._allow.grants(reference)
            name = self._name_of(text, device)
            if self._mode == "snapshot":
                return self._recorded(name, text)
            job = msgspec.structs.replace(self._job(reference), device=device, allow=allow)
        built = self._builder.build(msgspec.structs.replace(job, inputs=inputs, inputs_allow=inputs_allow))
        if self._mode == "check" and name:
            built = with_drift(self.project, name, built)
        return self._with_entry(name, built)

    def _recorded(self, name: str, text: str) -> Built:
        return self._with_entry(name, read_recorded(self.project, name, text))

    def _with_entry(self, name: str, built: Built) -> Built:
        """Return a model with facts of what is installed, and of the entry of pyproject.toml that has its name."""
        entry = (entry_fact(self.project.file, name),) if name else ()
        installed = self._builder.installed_facts(built.installed)
        return msgspec.structs.replace(built, facts=(*built.facts, *entry, *installed))

    def _list(self, pattern: str) -> Listed:
        models = self.project.models
        if ":" not in pattern:
            file = self.project.file
            names = tuple(name for name in models if fnmatchcase(name, pattern))
            listed = Listed(names, (str(file),), (entry_fact(file, ""),)) if models else Listed(())
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
        self._allow.require_module(pattern)
        listed = self._builder.find_all(self._job(pattern))
        found = (reference for reference in listed.references if self._allow.admits(*reference.split(":", 1)))
        return msgspec.structs.replace(listed, references=tuple(found))

    def _inputs_grants(self, written: str) -> tuple[str, ...]:
        """Return what allows the function that makes the inputs, if one does."""
        found = inputs_of.parse_inputs(written) if written else ()
        return self._allow.grants(found) if isinstance(found, Reference) else (EVERYTHING,)

    def _name_of(self, reference: str, device: Device) -> str:
        """Return the name of the snapshot that a reference has, if any is needed."""
        return "" if self._mode == "live" else self.project.name_of(reference, device)

    def _job(self, reference: Reference) -> Job:
        """Return what to build for a reference on a page, under the site's own settings."""
        return Job(reference, self._cwd, self._path, self._python, self._timeout, self._memory)

    def _named_job(self, model: NamedModel, device: Device) -> Job:
        """Return what to build for a name of pyproject.toml, which anybody may use."""
        project = self.project
        return Job(
            parse_reference(model.reference),
            project.folder,
            tuple(dict.fromkeys((*project.path, *self._path))),
            project.python(model) or self._python,
            model.timeout or self._timeout,
            model.memory or self._memory,
            model.device if device == "auto" else device,
        )


def model_request(reference: str, options: Options) -> ModelRequest:
    """Return what a page asks for that names `reference` with `options`."""
    return ModelRequest(reference, options.device, options.base, options.inputs)
