"""A model to build, with the settings of the site or of the project. Internal."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bmvis.options.definitions import Device
from bmvis.reference import Reference
from bmvis.source.allowed_references import EVERYTHING
from bmvis.source.default_arguments import Defaults
from bmvis.source.name_patterns import ModelSettings
from bmvis.source.pyproject import Project


class BuildJob(msgspec.Struct, frozen=True):
    """A model to build, and the settings of the build."""

    reference: Reference
    """The reference of a model, or the pattern of a gallery."""
    cwd: Path
    path: tuple[str, ...]
    """Absolute paths of folders for the front of `sys.path`."""
    python: str
    timeout: float
    memory: int
    device: Device = "auto"
    inputs: str = ""
    allow: tuple[str, ...] = (EVERYTHING,)
    """The entries of the allow list that match the text of the reference; the worker checks the object."""
    inputs_allow: tuple[str, ...] = (EVERYTHING,)
    """The entries that match the function that makes the inputs."""
    figure: bool = False
    """Whether to record the dataflow."""
    defaults: Defaults = ()
    """The default arguments that can apply to the reference, or to the models of the pattern."""

    @property
    def is_called(self) -> bool:
        """Return whether the model is called."""
        return bool(self.inputs) or self.figure


class SiteSettings(msgspec.Struct, frozen=True):
    """The settings of a site. Those of a model in pyproject.toml come first."""

    cwd: Path
    path: tuple[str, ...]
    """Absolute paths of folders for the front of `sys.path`."""
    python: str
    timeout: float
    memory: int

    def job(self, reference: Reference, project: Project) -> BuildJob:
        """Return the job for a reference on a page."""
        path = tuple(dict.fromkeys((*self.path, *project.shared_path)))
        given = project.defaults(reference)
        return BuildJob(reference, self.cwd, path, self.python, self.timeout, self.memory, defaults=given)

    def project_job(self, reference: Reference, model: ModelSettings, device: Device, project: Project) -> BuildJob:
        """Return the job for a reference in pyproject.toml, which every page may use.

        Args:
            reference: the reference of a model, or a pattern.
            model: the settings of its entry.
            device: the device that the page sets. If that is `auto`, the one of the entry counts.
            project: the settings in pyproject.toml.
        """
        return BuildJob(
            reference,
            project.folder,
            tuple(dict.fromkeys((*project.path, *self.path))),
            project.python(model) or self.python,
            model.timeout or self.timeout,
            model.memory or self.memory,
            model.device if device == "auto" else device,
            model.inputs,
            figure=model.flow or bool(model.inputs),
            defaults=project.defaults(reference),
        )
