"""Write a short stylesheet for some trees: without comments and unused rules, nested in a selector of these trees.

https://developer.mozilla.org/en-US/docs/Web/CSS/CSS_nesting
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from functools import cache
from typing import NamedTuple

from bmvis.lazy_regex import lazy_regex

_ROOT = ".bmvis.bmvis.bmvis"
"""The selector of a tree in `bmvis/static/style/`."""
_COMMENT = lazy_regex(r"/\*.*?\*/", re.DOTALL)
_SPACE = lazy_regex(r"\s+")
_NO_SPACE = lazy_regex(r" ?([;,>{}]) ?|(?<=:) ")
"""Separators that need no space around them. A space before a colon separates two selectors."""
_INNERMOST = lazy_regex(r"\([^()]*\)")
_CLASS = lazy_regex(r"\bbmvis-[\w-]+")
_CLASS_SELECTOR = lazy_regex(r"\.(bmvis-[\w-]+)")


class _Rule(NamedTuple):
    """A rule of a stylesheet.

    Attributes:
        head: its selectors, or an at-rule such as `@media print`.
        body: its declarations; of an at-rule, the rules in it.
    """

    head: str
    body: str | tuple[_Rule, ...]


def nested_rules(css: str, classes: Set[str]) -> str:
    """Return the rules for some trees, to be nested in a selector of their elements: `{...}`.

    Args:
        css: the stylesheet, with selectors as in `bmvis/static/style/`.
        classes: the classes that the trees have, or get from the script. Rules for other classes are left out.
    """
    return f"{{{_written(_rules(css), classes)}}}"


def classes_in(text: str) -> set[str]:
    """Return the classes of bmvis that are named in HTML, a stylesheet or a script."""
    return set(_CLASS.findall(text))


@cache
def _rules(css: str) -> tuple[_Rule, ...]:
    return tuple(_parsed(_COMMENT.sub("", css)))


def _parsed(css: str) -> Iterator[_Rule]:
    """Yield the rules of a stylesheet. No text in it contains a brace."""
    start = 0
    while (opening := css.find("{", start)) >= 0:
        end = _closing(css, opening)
        head, body = css[start:opening].strip(), css[opening + 1 : end]
        yield _Rule(head, tuple(_parsed(body)) if head.startswith("@") else _short(body).rstrip("; "))
        start = end + 1


def _closing(css: str, opening: int) -> int:
    """Return where the brace is that closes the one at `opening`."""
    depth = 0
    for brace in re.finditer(r"[{}]", css[opening:]):
        depth += 1 if brace[0] == "{" else -1
        if not depth:
            return opening + brace.start()
    raise ValueError(f"unclosed brace in the stylesheet: {css[opening:][:60]!r}")


def _written(rules: tuple[_Rule, ...], classes: Set[str]) -> str:
    return "".join(_rule(rule, classes) for rule in rules)


def _rule(rule: _Rule, classes: Set[str]) -> str:
    """Return a rule as text, or "" if it applies to no element."""
    if isinstance(rule.body, str):
        used = [_nested(selector) for selector in _selectors(rule.head) if _named(selector) <= classes]
        head, body = ",".join(used), rule.body
    else:
        head, body = _short(rule.head), _written(rule.body, classes)
    return f"{head}{{{body}}}" if head and body else ""


def _selectors(head: str) -> Iterator[str]:
    """Yield the selectors of a list, which are separated by commas outside of parentheses."""
    depth, start = 0, 0
    for mark in re.finditer(r"[(),]", f"{head},"):
        depth += {"(": 1, ")": -1, ",": 0}[mark[0]]
        if mark[0] == "," and not depth:
            yield head[start : mark.start()].strip()
            start = mark.end()


def _named(selector: str) -> set[str]:
    """Return the classes without which a selector applies to nothing: those outside of `:is()` and `:not()`."""
    while _INNERMOST.search(selector):
        selector = _INNERMOST.sub("", selector)
    return set(_CLASS_SELECTOR.findall(selector))


def _nested(selector: str) -> str:
    """Return a selector relative to that of the tree, which is written `&`."""
    if selector.startswith(":where(.bmvis-"):
        return selector.replace(":where(", ":where(&", 1)
    inner = re.sub(r"(?:\.bmvis)+(?=\))", "&", selector)
    return _short(inner.replace(f"{_ROOT} ", "").replace(_ROOT, "&"))


def _short(text: str) -> str:
    """Return CSS without the spaces that it does not need. Quoted texts stay the same."""
    parts = re.split(r"(\"[^\"]*\")", text)
    return "".join(part if part.startswith('"') else _shortened(part) for part in parts).strip()


def _shortened(text: str) -> str:
    return _NO_SPACE.sub(lambda match: match[1] or "", _SPACE.sub(" ", text))
