r"""Select modules by path suffix or regular expression, with the rules of OpenDelta's `modified_modules`.

A pattern matches each module whose path ends with it, at a boundary between names: `output.dense` matches
`layer.0.attention.output.dense`, but not `layer.0.myoutput.dense`. A pattern that starts with `[r]` is a regular
expression, such as `[r]layer\.[0-5]\.output`. Its first match must be such a suffix.

See https://opendelta.readthedocs.io/en/latest/notes/namebasedaddr.html for OpenDelta's description.

Examples:
    >>> model = bmvis.capture(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)))
    >>> bmvis.address.match(model, "[r][02]")
    ['0', '2']
"""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path

from bmvis.errors import HighlightError, OptionError
from bmvis.model.tree import Model

REGEX = "[r]"
TIMEOUT = 5.0
"""Seconds that a regular expression can take for all paths of a model. A hundred thousand paths take 0.2 s."""
LONGEST = 1000
"""Maximum length of a regular expression, in characters."""
_MOST_NAMES = 5000
"""Maximum number of distinct path suffixes to compare with a pattern that matches no module."""


def match(model: Model, pattern: str | Iterable[str]) -> list[str]:
    r"""Return the paths of the modules that match at least one of the given patterns.

    Args:
        model: a captured model.
        pattern: one pattern, several patterns separated by spaces or commas, or an iterable of patterns.

    Returns:
        Dotted paths, in the model's order; empty if no module matches.

    Raises:
        ValueError: a pattern is empty.
        OptionError: a regular expression does not compile, or is longer than `LONGEST` characters.
        HighlightError: a regular expression takes longer than `TIMEOUT` seconds.

    Examples:
        >>> import transformers
        >>> bert = bmvis.capture(transformers.BertModel(transformers.BertConfig(num_hidden_layers=2)))
        >>> match(bert, "layer.0.attention.output.dense")
        ['encoder.layer.0.attention.output.dense']
        >>> match(bert, r"[r]layer\.\d\.output\.dense")
        ['encoder.layer.0.output.dense', 'encoder.layer.1.output.dense']
    """
    paths = model.paths
    patterns = (
        parse_patterns(pattern) if isinstance(pattern, str) else [p for text in pattern for p in parse_patterns(text)]
    )
    return [paths[index] for index in sorted({index for one in patterns for index in find(paths, one)})]


def parse_patterns(text: str) -> tuple[str, ...]:
    r"""Split a text into patterns at spaces and commas. A regular expression ends only at a space.

    Raises:
        ValueError: the text has no pattern.
        OptionError: a regular expression does not compile, or is longer than `LONGEST` characters.

    Examples:
        >>> parse_patterns(r"query,key [r]layer\.\d{1,2}")
        ('query', 'key', '[r]layer\\.\\d{1,2}')
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
        raise OptionError(f"invalid regular expression {shown!r}: {error}") from None


def find(paths: Sequence[str], pattern: str) -> Sequence[int]:
    """Return the indices of the paths that one pattern matches. No pattern matches the root, whose path is ''.

    Raises:
        HighlightError: a regular expression takes longer than `TIMEOUT` seconds.

    Examples:
        >>> find(["", "encoder", "encoder.dense"], "dense")
        [2]
    """
    if pattern.startswith(REGEX):
        found = _search(pattern.removeprefix(REGEX), tuple(paths))
        if isinstance(found, HighlightError):
            raise found
        return found
    end = f".{pattern}"
    return [index for index, path in enumerate(paths) if path == pattern or path.endswith(end)]


@lru_cache(maxsize=16)
def _search(expression: str, paths: tuple[str, ...]) -> Sequence[int] | HighlightError:
    """Search in a process that is stopped after `TIMEOUT` seconds, so that a page cannot block the build.

    Errors are returned, not raised, so that `lru_cache` caches them as well.
    """
    import subprocess  # most pages have no regular expression

    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("regex_search.py"))]
    question = json.dumps([expression, paths])
    try:
        ran = subprocess.run(command, input=question, capture_output=True, text=True, timeout=TIMEOUT, check=True)
    except subprocess.TimeoutExpired:
        slow = f"the regular expression {expression!r} takes longer than {TIMEOUT:g} seconds"
        failure = HighlightError(slow, hint="avoid nested quantifiers, such as (a+)+")
    except (OSError, subprocess.CalledProcessError) as error:
        detail = getattr(error, "stderr", "") or str(error)
        failure = HighlightError(f"the search for the regular expression {expression!r} failed", detail=detail)
    else:
        return tuple(json.loads(ran.stdout))
    failure.is_transient = True
    return failure


def missing(model: Model, paths: Sequence[str], pattern: str) -> HighlightError:
    """Return the error for a pattern that matches no module. Its hint suggests the closest path suffixes.

    Args:
        model: the model that was searched.
        paths: the paths of its modules.
        pattern: the pattern that matches none of them.

    Returns:
        The error, for the caller to raise or to report.

    Examples:
        >>> model = bmvis.capture(nn.ModuleDict({"encoder": nn.Linear(2, 3)}))
        >>> str(missing(model, model.paths, "encodr"))
        "'encodr' matches no module of this ModuleDict (did you mean 'encoder'?)"
    """
    plain = re.sub(r"\\(.)", r"\1", pattern.removeprefix(REGEX)).strip("^$")
    near = _nearest(paths, plain)
    if _is_tensor(model, paths, plain):
        hint = f"it is a parameter; its module is {plain.rpartition('.')[0]!r}"
    elif near:
        hint = f"did you mean {' or '.join(map(repr, near))}?"
    else:
        names = dict.fromkeys(path for path in paths if path and "." not in path)
        hint = f"the first modules are {', '.join(islice(names, 8))}" if names else "the model has no modules"
    return HighlightError(f"{pattern!r} matches no module of this {model.root.type}", hint=hint)


def _nearest(paths: Iterable[str], wanted: str) -> list[str]:
    """Return up to three similar path suffixes with as many names, and only one of those that differ in numbers."""
    level = wanted.count(".") + 1
    ends = (".".join(path.split(".")[-level:]) for path in paths if path)
    alike = {re.sub(r"\d+", "0", end): end for end in reversed(list(islice(dict.fromkeys(ends), _MOST_NAMES)))}
    close = difflib.get_close_matches(re.sub(r"\d+", "0", wanted), alike, n=3, cutoff=0.6)
    return [alike[end] for end in close if _likeness(end, wanted) > _likeness(close[0], wanted) - 0.1]


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def _is_tensor(model: Model, paths: Sequence[str], wanted: str) -> bool:
    above, _, name = wanted.rpartition(".")
    return bool(above) and any(
        (path == above or path.endswith(f".{above}")) and any(p.name == name for p in module.parameters)
        for path, module in zip(paths, model.modules, strict=True)
    )
