r"""Key addressing: which modules a pattern names, by the rules of OpenDelta's `modified_modules`.

A pattern names each module whose path ends with it, in whole names: `output.dense` is the end of
`layer.0.attention.output.dense`, and not of `layer.0.myoutput.dense`. After `[r]` stands a regular
expression: `[r]layer\.[0-5]\.output`. What it finds must be such an end.
"""

from __future__ import annotations

import difflib
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path

from bmvis.errors import HighlightError, OptionError
from bmvis.model.tree import Model

REGEX = "[r]"
TIMEOUT = 5.0
"""Seconds for a regular expression on all paths of a model; the hundred thousand of a big one take 0.2."""
LONGEST = 1000
"""Characters of a regular expression."""
_MOST_NAMES = 5000
"""Different ends of paths that a pattern which names nothing is compared with."""


def match(model: Model, pattern: str | Iterable[str]) -> list[str]:
    """Return the paths of the modules that a pattern, or any of several, names; in the model's order.

    Args:
        model: a captured model.
        pattern: one pattern, several in one text as in the option `highlight`, or a sequence of them.

    Raises:
        OptionError: a regular expression that does not compile.
        AddressError: a regular expression that does not come to an end.

    Examples:
        >>> match(bert, "layer.0.attention.output.dense")
        ['bert.encoder.layer.0.attention.output.dense']
    """
    places = model.paths
    patterns = (
        parse_patterns(pattern) if isinstance(pattern, str) else [p for text in pattern for p in parse_patterns(text)]
    )
    return [places[index] for index in sorted({index for one in patterns for index in find(places, one)})]


def parse_patterns(text: str) -> tuple[str, ...]:
    """Read patterns that are separated by spaces or commas; a regular expression ends at a space only.

    Raises:
        ValueError: there is none.
        OptionError: a regular expression that does not compile.
    """
    found: list[str] = []
    for word in text.split():
        found += [word] if word.startswith(REGEX) else [part for part in word.split(",") if part]
    if not found:
        raise ValueError
    for pattern in found:
        if pattern.startswith(REGEX):
            _require_compiles(pattern.removeprefix(REGEX))
    return tuple(found)


def _require_compiles(expression: str) -> None:
    try:
        if len(expression) > LONGEST:
            raise ValueError(f"it has more than {LONGEST} characters")
        re.compile(expression)
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        shown = expression if len(expression) < 80 else f"{expression[:79]}…"
        raise OptionError(f"the regular expression {shown!r} cannot be read: {error}") from None


def find(places: Sequence[str], pattern: str) -> Sequence[int]:
    """Return the indices of the paths that one pattern names. The root, whose path is empty, has no name.

    Raises:
        AddressError: a regular expression that does not come to an end.
    """
    if pattern.startswith(REGEX):
        found = _search(pattern.removeprefix(REGEX), tuple(places))
        if isinstance(found, HighlightError):
            raise found
        return found
    end = f".{pattern}"
    return [index for index, path in enumerate(places) if path == pattern or path.endswith(end)]


@lru_cache(maxsize=16)
def _search(expression: str, places: tuple[str, ...]) -> Sequence[int] | HighlightError:
    """Search in a process that ends after `TIMEOUT`: who writes a page may not hang the build.

    A failure is returned, not raised, so that it is remembered as well.
    """
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("regex_search.py"))]
    question = json.dumps([expression, places])
    try:
        ran = subprocess.run(command, input=question, capture_output=True, text=True, timeout=TIMEOUT, check=True)
    except subprocess.TimeoutExpired:
        return HighlightError(
            f"the regular expression {expression!r} takes longer than {TIMEOUT:g} seconds",
            hint="write it without a repeat inside a repeat, such as (a+)+",
        )
    except (OSError, subprocess.CalledProcessError) as error:
        detail = getattr(error, "stderr", "") or str(error)
        return HighlightError(f"the regular expression {expression!r} could not be searched for", detail=detail)
    return tuple(json.loads(ran.stdout))


def missing(model: Model, places: Sequence[str], pattern: str) -> HighlightError:
    """Return what to say of a pattern that names no module: the nearest that would."""
    plain = re.sub(r"\\(.)", r"\1", pattern.removeprefix(REGEX)).strip("^$")
    near = _nearest(places, plain)
    if _is_tensor(model, places, plain):
        hint = f"it is a parameter; its module is {plain.rpartition('.')[0]!r}"
    elif near:
        hint = f"did you mean {' or '.join(map(repr, near))}?"
    else:
        names = dict.fromkeys(path for path in places if path and "." not in path)
        hint = f"the first modules are {', '.join(islice(names, 8))}" if names else "the model has no modules"
    return HighlightError(f"{pattern!r} names no module of this {model.root.type}", hint=hint)


def _nearest(places: Iterable[str], wanted: str) -> list[str]:
    """Return the ends of paths, of as many names as were written, that look most like them; of a numbered one, one."""
    level = wanted.count(".") + 1
    ends = (".".join(path.split(".")[-level:]) for path in places if path)
    alike = {re.sub(r"\d+", "0", end): end for end in reversed(list(islice(dict.fromkeys(ends), _MOST_NAMES)))}
    close = difflib.get_close_matches(re.sub(r"\d+", "0", wanted), alike, n=3, cutoff=0.6)
    return [alike[end] for end in close if _likeness(end, wanted) > _likeness(close[0], wanted) - 0.1]


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def _is_tensor(model: Model, places: Sequence[str], wanted: str) -> bool:
    above, _, name = wanted.rpartition(".")
    return bool(above) and any(
        (path == above or path.endswith(f".{above}")) and any(p.name == name for p in module.parameters)
        for path, module in zip(places, model.modules, strict=True)
    )
