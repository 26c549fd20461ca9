"""What a pattern matches: names of pyproject.toml, references with a snapshot; and what it skips. Internal.

Only the worker finds the factories of a module (`bmvis.child.building.listing`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

import msgspec

from bmvis.errors import ProjectError, first_of
from bmvis.reference import parse_reference
from bmvis.reference_patterns import parse_pattern
from bmvis.source.dependencies import entry_dependency
from bmvis.source.name_patterns import NamePattern
from bmvis.source.pyproject import Project, require_file_names
from bmvis.untrusted.log_text import one_line
from bmvis.worker.protocol import Listed

MAX_NAMES = 10
"""Maximum number of names in the message about names that a pattern skips."""
WHAT_MATCHES = "a pattern matches public functions and classes that create a model without arguments"
"""Hint for a pattern that matches no model."""


def matching_names(project: Project, pattern: str, find_named: Callable[[NamePattern], Listed] | None) -> Listed:
    """Return the names of `[tool.bmvis.models]` that match, with what they depend on.

    Args:
        project: the settings in pyproject.toml.
        pattern: `*` or `bert-*`.
        find_named: returns the names that a pattern in pyproject.toml gives to models; None to use the names of the
            snapshots instead.

    Raises:
        BmvisError: as from `find_named`; or a name can't be that of a file.
    """
    if not project.has_names:
        return Listed(())
    listed = Listed((), (str(project.file),), (entry_dependency(project.file, ""),))
    names = list(project.models)
    if find_named is None:
        names += project.recorded_names()
    else:
        for more in map(find_named, project.patterns):
            names += more.references
            listed = _joined(listed, more)
    require_file_names(names, project.file)
    matching = (name for name in dict.fromkeys(names) if fnmatchcase(name, pattern))
    return msgspec.structs.replace(listed, references=tuple(matching))


def _joined(listed: Listed, more: Listed) -> Listed:
    return msgspec.structs.replace(
        listed,
        sources=(*listed.sources, *more.sources),
        dependencies=(*listed.dependencies, *more.dependencies),
        installed=(*listed.installed, *more.installed),
        passed_over=(*listed.passed_over, *more.passed_over),
    )


def matching_records(project: Project, pattern: str) -> Listed:
    """Return the references with a name, thus with a snapshot, that match a pattern which names a module."""
    names = (*project.models, *project.recorded_names())
    targets = (project.find(name).reference for name in names)
    return Listed(tuple(text for text in targets if _matches(text, pattern)))


def with_names(project: Project, pattern: NamePattern, listed: Listed) -> Listed:
    """Return the names of the references that a pattern in pyproject.toml matches, instead of the references.

    Raises:
        ProjectError: two models would have one name, or a name can't be that of a file.
    """
    own = {model.reference for model in project.models.values()}
    names = []
    for reference in listed.references:
        name = "" if reference in own else pattern.name_of(reference)
        if name and (known := project.find(name).reference) != reference:
            raise ProjectError(
                f"the name {name!r} matches both {known!r} and {reference!r} in {project.file}",
                hint=f'set a rule there: "{pattern.pattern.text}" = {{name = "{{module}}.{{factory}}"}}',
            )
        names += [name] if name else []
    require_file_names((*project.models, *names), project.file)
    return msgspec.structs.replace(listed, references=tuple(names))


def require_match(project: Project, pattern: NamePattern, listed: Listed) -> None:
    """Require that a pattern in pyproject.toml matches a model, be it one that has a name of its own.

    Args:
        project: the settings in pyproject.toml.
        pattern: one of its patterns.
        listed: the names that the pattern gives.

    Raises:
        ProjectError: it matches none.
    """
    if not listed.references and not any(pattern.name_of(model.reference) for model in project.models.values()):
        text = pattern.pattern.text
        hint = passed_over_text(text, listed.passed_over) or WHAT_MATCHES
        raise ProjectError(f"the pattern {text!r} in [tool.bmvis.models] matches no model", hint=hint)


def _matches(reference: str, pattern: str) -> bool:
    """Return whether a pattern that names a module matches a reference, as far as its text shows."""
    wanted = parse_pattern(pattern)
    found = parse_reference(reference)
    if wanted.each is None:
        return found.module == wanted.module and fnmatchcase(found.attribute, wanted.attribute)
    is_kind = len(found.keys) == 1 if wanted.each == "" else len(found.arguments) == 1 + len(wanted.arguments)
    return is_kind and (found.module, found.attribute) == (wanted.module, wanted.attribute)


def passed_over_text(pattern: str, names: Sequence[str]) -> str:
    """Return the message about names that match a pattern and give no model; '' if there are none."""
    if not names:
        return ""
    count = "1 name" if len(names) == 1 else f"{len(names)} names"
    return f"{pattern!r} skips {count}: {one_line(first_of(names, MAX_NAMES))}"
