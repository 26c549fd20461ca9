"""Names for all models of a Python module: `"zoo:bert_*" = {}` in `[tool.bmvis.models]`.

A rule makes the name of each model from its factory. It can be read backwards, so that a name on a page, or a snapshot,
finds its factory without an import of the module. Internal.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import cached_property

import msgspec

from bmvis.errors import InvalidReferenceError, OptionError, ProjectError
from bmvis.options.definitions import Device
from bmvis.options.inputs import parse_inputs
from bmvis.reference import Reference
from bmvis.reference_patterns import parse_pattern
from bmvis.source.settings_table import settings_of_table

FACTORY = "{factory}"
_MODULE = "{module}"


class ModelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to build one model, or all models of a pattern."""

    device: Device = "auto"
    python: str = ""
    """Another Python for a model with conflicting dependencies; torch and msgspec must be installed there. The path is
    relative to the project."""
    recorded: bool = False
    """Whether pages always show the snapshot, for a model that cannot be built in the environment of the docs build."""
    timeout: float = 0.0
    """Timeout in seconds. 0 uses the site's setting."""
    memory: int = 0
    """Memory limit in bytes. 0 uses the site's setting."""
    inputs: str = ""
    """The inputs of a forward pass, as for the option `inputs`. Snapshots record its output shapes and MACs, and pages
    show them unless they set other inputs."""
    flow: bool = False
    """Whether snapshots record the dataflow of a call with default inputs. With `inputs`, they always do."""

    def __post_init__(self) -> None:
        if self.inputs:
            try:
                parse_inputs(self.inputs)
            except OptionError as error:
                raise ValueError(f"{error.message} ({error.hint})") from None


class NamedModel(ModelSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model of `[tool.bmvis.models]`: a table, or only its reference."""

    reference: str
    columns: dict[str, str | int | float | bool] = {}
    """Values for the columns of tables that bmvis can't compute, such as `{accuracy = 76.1}`."""


class PatternSettings(ModelSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of `[tool.bmvis.models]` whose key is a pattern of factories."""

    name: str = FACTORY
    """Template for the names of the models: `{factory}`, and optionally `{module}`."""
    exclude: tuple[str, ...] = ()
    """Patterns of callables to skip."""


class NamePattern(msgspec.Struct, frozen=True, dict=True):
    """A pattern of factories, and how their models are named and built."""

    pattern: Reference
    settings: PatternSettings

    def name_of(self, reference: str) -> str:
        """Return the name of a reference with the arguments of the pattern; '' if the pattern does not match it."""
        module, _, factory = reference.strip().partition(":")
        if not factory.endswith(self._call):
            return ""
        factory = factory.removesuffix(self._call)
        if module != self.pattern.module or not self._matches(factory):
            return ""
        return self._rule.replace(FACTORY, factory)

    def model(self, name: str) -> NamedModel | None:
        """Return the model with a name; None if the pattern gives no model this name."""
        found = self._name.fullmatch(name)
        if not found or not self._matches(found[1]):
            return None
        shared = {field: getattr(self.settings, field) for field in ModelSettings.__struct_fields__}
        return NamedModel(reference=f"{self.pattern.module}:{found[1]}{self._call}", **shared)

    @property
    def _call(self) -> str:
        return f"({self.pattern.given})" if self.pattern.called else ""

    @cached_property
    def _rule(self) -> str:
        return self.settings.name.replace(_MODULE, self.pattern.module)

    @cached_property
    def _name(self) -> re.Pattern[str]:
        before, _, after = self._rule.partition(FACTORY)
        return re.compile(rf"{re.escape(before)}(\w+){re.escape(after)}")

    def _matches(self, factory: str) -> bool:
        if factory.startswith("_") or not factory.isidentifier():
            return False
        is_excluded = any(fnmatchcase(factory, pattern) for pattern in self.settings.exclude)
        return fnmatchcase(factory, self.pattern.attribute) and not is_excluded


def read_pattern(key: str, written: object, file: str) -> NamePattern:
    """Return the pattern of an entry in `[tool.bmvis.models]`.

    Raises:
        ProjectError: the key is not a pattern, or the settings are wrong.
    """
    where = f"[tool.bmvis.models] in {file}, {key!r}"
    hint = 'write "package.module:bert_*" = {}'
    try:
        found = NamePattern(parse_pattern(key), settings_of_table(written, PatternSettings, where, hint=hint))
    except InvalidReferenceError as error:
        raise ProjectError(f"{where}: {error}", hint=hint) from None
    if found.pattern.each is not None:
        raise ProjectError(
            f"{where}: a pattern of named models matches names of callables",
            hint='write "package.module:bert_*" = {}, or name each model',
        )
    if found.settings.name.count(FACTORY) != 1:
        raise ProjectError(
            f"{where}: the naming rule {found.settings.name!r} needs {FACTORY} once",
            hint=f'write name = "{FACTORY}" or name = "{_MODULE}.{FACTORY}"',
        )
    return found
