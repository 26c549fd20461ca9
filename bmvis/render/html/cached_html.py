"""Check HTML that was read from a cache, which is not trusted: it can have only what bmvis itself writes.

A page may show wrong text then, as it may from a wrong model in the cache, but it runs no script and loads nothing.
"""

from __future__ import annotations

from bmvis.lazy_regex import lazy_regex

_NAMES = (
    "a|autoref|b|caption|code|data|dd|desc|details|div|dl|dt|figcaption|figure|g|i|li|mark|p|path|pre|rect|section|small"
    "|span|strong|summary|svg|table|tbody|td|text|th|thead|title|tr|tspan|ul|wbr"
)
_SVG = (
    "d|dx|dy|fill|font-size|height|preserveAspectRatio|rx|ry|stroke|text-anchor|transform|viewBox|width|x|xmlns:xlink|y"
)
_ATTRIBUTES = (
    f"aria-[a-z]+|class|colspan|data-[a-z]+|dir|id|identifier|lang|open|optional|role|scope|tabindex|title|value|{_SVG}"
)
_VALUE = r'"[^"<>]*"'
_LINK = r'"(?:https?://|[#.]|[\w.%~-]+(?:/|\.html))[^"<>]*"'
"""The URL of another page, of a row, or of a website. Another scheme could run a script."""
_OWN = lazy_regex(rf"</(?:{_NAMES})>|<(?:{_NAMES})(?: (?:(?:{_ATTRIBUTES})={_VALUE}|(?:xlink:)?href={_LINK}))*/?>")
_FORBIDDEN = lazy_regex(r"[<>\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""The rest of a tag, and controls, which delimit placeholders in Python-Markdown."""


def is_own(html: str) -> bool:
    """Return whether HTML consists of text, and of elements and attributes that bmvis writes.

    Examples:
        >>> is_own('<p class="bmvis-sum">7 &lt; 8</p>')
        True
        >>> is_own('<p onclick="run()">7</p>')
        False
    """
    return not _FORBIDDEN.search(_OWN.sub("", html))
