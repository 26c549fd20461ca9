"""What a module says of itself, `extra_repr()`: the one piece of a model's own code that a capture runs.

It may raise, be endless, take its time, or hold what differs from run to run; nobody but it knows a
dropout's `p` or a convolution's stride.
"""

from __future__ import annotations

import re
import time

from torch import nn

from bmvis.extraction import introspection

LONGEST = 200
"""Characters that are kept of one module's words."""
PATIENCE = 2.0
"""Seconds for all slow modules of a model together; who comes later is not asked."""
SLOW = 0.01
"""Seconds from which on a module is slow: those that are quick are asked however many they are."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_SILENT = (nn.ParameterList, nn.ParameterDict)
"""They list their parameters, which stand on the row."""


class ExtraReprReader:
    """Asks the modules of one model."""

    def __init__(self) -> None:
        self.left = PATIENCE
        self.silent: dict[type, bool] = {}

    def read(self, module: nn.Module) -> str:
        """Return the module's `extra_repr()` as one line, without addresses; '' where it has none to give.

        A parametrized module is not asked: it computes its weights when they are looked at, and spectral norm
        changes by that.
        """
        cls = type(module)
        if cls not in self.silent:
            self.silent[cls] = _is_silent(cls)
        if self.silent[cls] or self.left <= 0 or introspection.has_entry(module, "_modules", "parametrizations"):
            return ""
        started = time.perf_counter()
        try:
            words = module.extra_repr()
            said = _line(words) if isinstance(words, str) else ""
        except (Exception, SystemExit):
            said = ""  # somebody else's code: that it fails is no fact about the structure
        took = time.perf_counter() - started
        self.left -= took if took > SLOW else 0
        return said


def _is_silent(cls: type[nn.Module]) -> bool:
    """Return whether modules of a class have no words of their own."""
    return (
        cls.extra_repr is nn.Module.extra_repr
        or issubclass(cls, _SILENT)
        or introspection.class_module(cls).startswith("torch.jit")
    )


def _line(words: str) -> str:
    is_plain = type(words) is str and len(words) <= LONGEST and words.isascii() and words.isprintable()
    if is_plain and "  " not in words and " at 0x" not in words:
        return words.strip()
    start = str.__getitem__(words, slice(0, 4 * LONGEST))
    line = introspection.safe_text(_ADDRESS.sub("", " ".join(start.split())))
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
