"""Text of strangers in logs: names, exceptions and output of user code, as they are printed where a CI reads along.

A terminal obeys control sequences. GitHub Actions, Azure Pipelines and TeamCity obey lines such as `::error::`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

_COMMAND = re.compile(r"##(?=\[|vso\[|teamcity\[)")
_COLONS = re.compile(r"(?m)^(\s*):(?=:)")


def one_line(text: str) -> str:
    """Return text as one line: control and direction characters, and ends of lines, are written as escapes."""
    return _without_commands("".join(map(_escaped, text)) if not text.isprintable() else text)


def lines(text: str) -> str:
    """Return text with its lines, each as `one_line` writes it."""
    return "\n".join(map(one_line, text.replace("\t", "    ").split("\n")))


def forward(name: str, write: Callable[[str], object], report: Callable[[str], object], *, is_verbose: bool) -> None:
    """Send what the loggers below `name` write to a host's log.

    Args:
        name: of the parent logger.
        write: takes what `-v` shows.
        report: takes warnings.
        is_verbose: whether the host shows more than warnings.
    """
    logger = logging.getLogger(name)
    for other in [other for other in logger.handlers if isinstance(other, _Forwarding)]:
        logger.removeHandler(other)  # of an earlier build in this process
    logger.addHandler(_Forwarding(write, report))
    logger.setLevel(logging.DEBUG if is_verbose else logging.WARNING)


class _Forwarding(logging.Handler):
    def __init__(self, write: Callable[[str], object], report: Callable[[str], object]) -> None:
        super().__init__()
        self._write = write
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a message on as one line."""
        text = one_line(record.getMessage())
        (self._report if record.levelno >= logging.WARNING else self._write)(text)


def _escaped(character: str) -> str:
    return character if character.isprintable() else f"\\u{ord(character):04x}"


def _without_commands(text: str) -> str:
    return _COLONS.sub(r"\1: ", _COMMAND.sub("# #", text))
