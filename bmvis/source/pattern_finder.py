"""Find the models that the patterns of galleries and of pyproject.toml match. Internal."""

from __future__ import annotations

import logging

import msgspec

from bmvis.errors import InvalidReferenceError, nearest
from bmvis.reference import Reference, parse_reference
from bmvis.reference_patterns import parse_pattern
from bmvis.source.allowed_references import AllowList
from bmvis.source.build_job import SiteSettings
from bmvis.source.cached_builds import Builder
from bmvis.source.name_patterns import NamePattern
from bmvis.source.pattern_matches import WHAT_MATCHES, matching_names, matching_records, passed_over_text, with_names
from bmvis.source.pyproject import Project
from bmvis.source.recorded import no_torch
from bmvis.worker.protocol import Listed

_LOG = logging.getLogger(__name__)


class PatternFinder:
    """Finds the models that a pattern matches: in pyproject.toml, in snapshots, or with a worker.

    Args:
        project: the settings in pyproject.toml.
        settings: the settings of the site.
        builder: lists the factories of modules.
        allow: the references that pages may use.
        is_live: whether models are built; else they are read from snapshots.
        lacks_torch: whether that is so because PyTorch is not installed.
    """

    def __init__(
        self,
        project: Project,
        settings: SiteSettings,
        builder: Builder,
        allow: AllowList,
        *,
        is_live: bool,
        lacks_torch: bool,
    ) -> None:
        self._project = project
        self._settings = settings
        self._builder = builder
        self._allow = allow
        self._is_live = is_live
        self._lacks_torch = lacks_torch

    def find_all(self, pattern: str) -> Listed:
        """Return the names or references that the pattern of a gallery matches.

        Raises:
            BmvisError: the text is not a pattern, its module is not allowed or cannot be imported, or nothing matches.
        """
        if ":" not in pattern:
            listed = matching_names(self._project, pattern, self.find_named if self._is_live else None)
            hint = nearest(pattern, self._project.models) or "pyproject.toml defines no models in [tool.bmvis.models]"
        elif not self._is_live:
            listed = matching_records(self._project, pattern)
            hint = "in mode snapshot, a model needs a name in [tool.bmvis.models]"
        else:
            listed = self._factories(parse_pattern(pattern))
            hint = WHAT_MATCHES
        if not listed.references and self._lacks_torch and ":" in pattern:
            raise no_torch(pattern, "", self._settings.python)
        if not listed.references:
            hint = passed_over_text(pattern, listed.passed_over) or hint
            raise InvalidReferenceError(f"the pattern {pattern!r} matches no model", hint=hint)
        if listed.passed_over:
            _LOG.info("%s", passed_over_text(pattern, listed.passed_over))
        return listed

    def find_named(self, pattern: NamePattern) -> Listed:
        """Return the names that a pattern in pyproject.toml gives to models. A model that is named there has no other.

        Raises:
            BmvisError: the module cannot be imported, or a name is not valid or used twice.
        """
        found = self._builder.find_all(
            self._settings.project_job(pattern.pattern, pattern.settings, "auto", self._project)
        )
        return with_names(self._project, pattern, found)

    def _factories(self, pattern: Reference) -> Listed:
        """Return the factories of the module, from the cache or the worker, that the allow list permits."""
        self._allow.require_module(pattern)
        job = self._settings.job(pattern, self._project)
        if pattern.each_call:  # a function that runs
            job = msgspec.structs.replace(
                job, allow=self._allow.entries_for(Reference("", pattern.module, pattern.each or ""))
            )
        listed = self._builder.find_all(job)
        parsed = map(parse_reference, listed.references)
        found = (reference.text for reference in parsed if self._allow.allows(reference))
        return msgspec.structs.replace(listed, references=tuple(found))
