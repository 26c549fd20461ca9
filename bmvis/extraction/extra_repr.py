"""Call `extra_repr()`, the only code of a model that a capture runs.

It has facts that are nowhere else in a common form, such as the `p` of a dropout or the stride of a convolution. As
user code, it can raise, be slow, or return very long text, or text that differs from run to run.
"""

from __future__ import annotations

import re
import time

from torch import nn

from bmvis.extraction import introspection
from bmvis.extraction.adapter_facts import adapter_facts, is_adapter_class
from bmvis.extraction.shortened import digest
from bmvis.untrusted import user_text

MAX_LENGTH = 200
"""Maximum number of characters for one module. Longer text is truncated."""
MAX_READ = 1_000_000
"""Characters of truncated text that count for its digest."""
TIME_LIMIT = 2.0
"""Seconds for the slow calls of one model together. After that, no more modules are called."""
SLOW_CALL = 0.01
"""Seconds from which a call counts as slow. Faster calls are not limited."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_SET = re.compile(r"\{([^{}:()[\]]+)\}")
_REDUNDANT = (nn.ParameterList, nn.ParameterDict)
"""Classes whose `extra_repr()` lists the parameters, which the row shows anyway."""


class ExtraReprReader:
    """Reads the `extra_repr()` of the modules of one model, within a time limit."""

    def __init__(self) -> None:
        self.time_left = TIME_LIMIT
        self.has_none: dict[type, bool] = {}
        self.adapters: set[type] = set()
        """Classes of adapter layers, among those in `has_none`."""
        self.whole = ""
        """If the last text was truncated, its length and a digest of all of it."""

    def read(self, module: nn.Module) -> str:
        """Return the module's `extra_repr()` as one line without memory addresses; '' if it has none or fails.

        A parametrized module is not called: reading its weights computes them, which changes spectral norms.
        """
        cls = type(module)
        self.whole = ""
        if cls not in self.has_none:
            if is_adapter_class(cls):
                self.adapters.add(cls)
            self.has_none[cls] = _has_none(cls, is_adapter=cls in self.adapters)
        if self.has_none[cls] or self.time_left <= 0 or introspection.has_entry(module, "_modules", "parametrizations"):
            return ""
        started = time.perf_counter()
        try:
            returned = module.extra_repr()
            if cls in self.adapters:
                returned += adapter_facts(module, returned)
            text = _one_line(returned) if isinstance(returned, str) else ""
            self.whole = _whole(returned) if text.endswith("…") else ""
        except (Exception, SystemExit):
            text = ""  # user code: its failure does not concern the structure
        seconds = time.perf_counter() - started
        self.time_left -= seconds if seconds > SLOW_CALL else 0
        return text


def _has_none(cls: type[nn.Module], *, is_adapter: bool) -> bool:
    """Return whether the class has no `extra_repr()` that adds facts."""
    return (
        (cls.extra_repr is nn.Module.extra_repr and not is_adapter)
        or issubclass(cls, _REDUNDANT)
        or introspection.class_module(cls).startswith("torch.jit")
    )


def _one_line(text: str) -> str:
    is_plain = type(text) is str and len(text) <= MAX_LENGTH and text.isascii() and text.isprintable()
    if is_plain and "  " not in text and " at 0x" not in text and "{" not in text:
        return text.strip()
    start = str.__getitem__(text, slice(0, 4 * MAX_LENGTH))
    line = user_text.safe_text(_reproducible(" ".join(start.split())))
    return line if len(line) <= MAX_LENGTH else line[: MAX_LENGTH - 1] + "…"


def _whole(text: str) -> str:
    """Return the length of a truncated text and its digest, which is not that of the memory addresses in it."""
    plain = _reproducible(" ".join(str.__getitem__(text, slice(0, MAX_READ)).split()))
    return f"{len(plain)} characters {digest(plain)}"


def _reproducible(text: str) -> str:
    """Return a text without memory addresses, and with the items of sets in order: they depend on the hash seed."""
    return _SET.sub(lambda found: f"{{{', '.join(sorted(found[1].split(', ')))}}}", _ADDRESS.sub("", text))
