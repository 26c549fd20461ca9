"""Find `isinstance(x, torch.FloatTensor)` in the source of modules, as no mode of PyTorch sees it.

A tensor on the meta device is no instance of such a class.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

_NAMES = "BFloat16|Bool|Byte|Char|Double|Float|Half|Int|Long|Short"
_CHECK = re.compile(rf"\bisinstance\s*\([^#\n]*\b(?:{_NAMES})Tensor\b")
_SUFFIX = ".py"


def type_checks(modules: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield the files and lines of such checks in the source of Python modules."""
    for module in sorted(set(modules)):
        file = getattr(sys.modules.get(module), "__file__", None)
        if isinstance(file, str) and file.endswith(_SUFFIX):
            for line in _lines(file):
                yield file, line


@lru_cache(maxsize=100)
def _lines(file: str) -> tuple[int, ...]:
    try:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    return tuple(text.count("\n", 0, found.start()) + 1 for found in _CHECK.finditer(text))
