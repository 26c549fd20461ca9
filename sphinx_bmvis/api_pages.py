"""Trees below the modules that `sphinx.ext.autodoc` and autosummary document: the setting `bmvis_autodoc`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError
from sphinx.util import logging

from bmvis.errors import OptionError
from bmvis.options.class_rules import ClassRules, class_reference, parse_rules, without_tree
from sphinx_bmvis.domain import records_of
from sphinx_bmvis.records import Records

logger = logging.getLogger(__name__)
_AFTER_OTHERS = 900
"""Priority of the handler: after napoleon and others that rewrite docstrings."""
_SEEN = "bmvis_api_pages"
_NO_SUMMARY = "\\ "
"""A paragraph without text. Otherwise, autosummary would show the directive as the summary of the class."""


def setup(app: Sphinx) -> None:
    """Register the setting, and the event of autodoc if the site has it."""
    app.add_config_value("bmvis_autodoc", False, "env", (bool, dict))
    app.connect("config-inited", _check)
    app.connect("builder-inited", _connect)


def rules_of(config: Config) -> ClassRules:
    """Return the rules of a site.

    Raises:
        ConfigError: the setting is invalid.
    """
    try:
        return parse_rules(config.bmvis_autodoc, "bmvis_autodoc")
    except OptionError as error:
        raise ConfigError(f"{error} in conf.py") from error


def add_tree(app: Sphinx, what: str, name: str, documented: Any, options: Any, lines: list[str]) -> None:
    """Add a tree to the docstring of a class, as autodoc asks for it."""
    if what != "class" or not isinstance(documented, type):
        return
    rules = rules_of(app.config)
    arguments = rules.arguments(name)
    is_wanted = arguments is not None and (is_module(documented) or rules.is_named(name))
    if not is_wanted or _is_repeated(app, options, name) or any("model-structure::" in line for line in lines):
        return
    if "<locals>" in documented.__qualname__ or (not arguments and needs_arguments(documented)):
        records_of(app.env).no_tree.setdefault(app.env.docname, []).append(name)
        return
    parts = name.split(".")
    depth = documented.__qualname__.count(".") + 1
    reference = class_reference(".".join(parts[:-depth]), ".".join(parts[-depth:]), arguments or "")
    if not any(line.strip() for line in lines):
        lines.append(_NO_SUMMARY)
    lines += ["", f".. model-structure:: {reference}", ""]


def is_module(documented: type) -> bool:
    """Return whether a class is a `torch.nn.Module`, also if torch is mocked."""
    bases = [base for base in documented.__mro__ if base.__module__.startswith("torch.nn")]
    return any(base.__name__ == "Module" or hasattr(base, "__sphinx_mock__") for base in bases)


def needs_arguments(documented: type) -> bool:
    """Return whether a class cannot be created without arguments."""
    if inspect.isabstract(documented):
        return True
    try:
        parameters = list(inspect.signature(documented.__init__).parameters.values())[1:]  # type: ignore[misc]
    except (TypeError, ValueError):
        return True
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return any(each.default is each.empty and each.kind not in variable for each in parameters)


def report(records: Records, pages: Iterable[str]) -> None:
    """Log once which classes on the pages of this build have no tree."""
    names = sorted({name for page in pages for name in records.no_tree.get(page, ())})
    if names:
        logger.info("bmvis_autodoc: %s", without_tree(names, "arguments in bmvis_autodoc"))


def _is_repeated(app: Sphinx, options: Any, name: str) -> bool:
    """Return whether the same directive has asked for the class: once for its docstring, and once for `__init__`."""
    kept: Any = app.env.temp_data
    seen: list[tuple[Any, str]] = kept.setdefault(_SEEN, [])
    if any(known is options and of == name for known, of in seen):
        return True
    seen.append((options, name))
    return False


def _check(app: Sphinx, config: Config) -> None:
    rules_of(config)


def _connect(app: Sphinx) -> None:
    if "sphinx.ext.autodoc" in app.extensions:
        app.connect("autodoc-process-docstring", add_tree, priority=_AFTER_OTHERS)
