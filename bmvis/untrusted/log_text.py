"""Sanitize untrusted text for logs: names, exceptions and output of user code.

Terminals interpret control sequences, and CI systems interpret commands in the log:

- GitHub Actions: lines that start with `::`, such as `::error::`
  (https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands)
- Azure Pipelines: `##vso[` and `##[`
  (https://learn.microsoft.com/en-us/azure/devops/pipelines/scripts/logging-commands)
- TeamCity: `##teamcity[` (https://www.jetbrains.com/help/teamcity/service-messages.html)
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import NamedTuple

from bmvis.lazy_regex import lazy_regex

_COMMAND = lazy_regex(r"##(?=\[|vso\[|teamcity\[)")
_COLONS = lazy_regex(r"(?m)^(\s*):(?=:)")


def one_line(text: str) -> str:
    """Return text as one line, with control characters, direction characters and line breaks escaped."""
    return without_commands("".join(map(_escaped, text)) if not text.isprintable() else text)


def lines(text: str) -> str:
    """Return text of several lines, with `one_line` applied to each."""
    return "\n".join(map(one_line, text.replace("\t", "    ").split("\n")))


def json_document(document: str) -> str:
    r"""Return an equal JSON document for standard output, without CI commands, control and direction characters.

    All of these can only be in its strings, where JSON has escapes for them.

    Examples:
        >>> json_document('{"name": "##vso[task]"}')
        '{"name": "\\u0023#vso[task]"}'
    """
    document = _COMMAND.sub(r"\\u0023#", document)
    return document if document.isascii() else "".join(map(_json_character, document))


class Log(NamedTuple):
    """The functions of a documentation host that log a message."""

    debug: Callable[[str], object]
    """Logs what the host shows with `-v`."""
    inform: Callable[[str], object]
    warn: Callable[[str], object]


def forward(name: str, log: Log, *, is_verbose: bool, propagate: bool = True) -> None:
    """Forward the records of the logger `name` and its descendants to the log of a documentation host.

    Args:
        name: the name of the parent logger.
        log: the log of the host.
        is_verbose: whether the host shows debug messages.
        propagate: whether handlers of the root logger get the records too.
    """
    logger = logging.getLogger(name)
    logger.propagate = propagate
    for other in [other for other in logger.handlers if isinstance(other, _Forwarding)]:
        logger.removeHandler(other)  # from an earlier build in this process
    logger.addHandler(_Forwarding(log))
    logger.setLevel(logging.DEBUG if is_verbose else logging.INFO)


class _Forwarding(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Forward a message as one line."""
        text = one_line(record.getMessage())
        if record.levelno >= logging.WARNING:
            self._log.warn(text)
        else:
            (self._log.inform if record.levelno >= logging.INFO else self._log.debug)(text)


def _escaped(character: str) -> str:
    return character if character.isprintable() else f"\\u{ord(character):04x}"


def _json_character(character: str) -> str:
    return character if character.isprintable() or character == "\n" else json.dumps(character)[1:-1]


def without_commands(text: str) -> str:
    """Return text with a space in what a CI system would take for the start of a command."""
    if "##" not in text and "::" not in text:  # most texts, for which no expression is compiled
        return text
    return _COLONS.sub(r"\1: ", _COMMAND.sub("# #", text))
