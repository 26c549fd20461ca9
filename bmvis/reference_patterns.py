"""Patterns that refer to several models: `zoo:bert_*`, `zoo:MODELS[*]`, and `zoo:build(*names)`."""

from __future__ import annotations

import ast

import msgspec

from bmvis.errors import InvalidReferenceError, short_text
from bmvis.lazy_regex import lazy_regex
from bmvis.reference import KEY, MAX_LENGTH, Reference, argument_values, parse_call, require_single_call
from bmvis.reference_arguments import DOTTED

_PATTERN = lazy_regex(r"[\w*?!\[\]-]+")
_ALL_KEYS = lazy_regex(rf"({DOTTED.pattern})\[\*\]")
_STARRED = lazy_regex(rf"({DOTTED.pattern})\s*\(\s*\*\s*{DOTTED.pattern}")


def parse_pattern(text: str) -> Reference:
    """Parse a pattern: a module, and which of its models.

    `zoo:bert_*` has an `fnmatch` pattern for the names of callables, `zoo:MODELS[*]` names each value of a dictionary,
    and `zoo:build(*names)` calls a function with each key or item of a dictionary or list, or of the list that a call
    returns: `zoo:build(*list_names("bert_*"))`. Arguments for each model follow: `zoo:bert_*(pretrained=False)`,
    `zoo:build(*names, pretrained=False)`.

    Raises:
        InvalidReferenceError: the text is not a valid pattern.
    """
    text = text.strip()
    module, colon, pattern = text.partition(":")
    head, bracket, rest = pattern.partition("(")
    name = head.strip()
    keys = _ALL_KEYS.fullmatch(name)
    is_starred = _STARRED.match(pattern) is not None
    if len(text) > MAX_LENGTH or not colon or not DOTTED.fullmatch(module) or not (keys or _PATTERN.fullmatch(name)):
        raise InvalidReferenceError(
            f"{short_text(text)!r} is not a valid pattern for callables",
            hint="write package.module:bert_*, package.module:*, package.module:MODELS[*]"
            " or package.module:build(*names)",
        )
    if not bracket:
        return Reference(text, module, keys[1] if keys else name, each="" if keys else None)
    call = parse_call(text, f"each({rest}")
    each, each_call = _starred(text, call) if is_starred else ("" if keys else None, "")
    arguments, keywords = argument_values(text, call)
    given, attribute = _arguments_text(call), keys[1] if keys else name
    found = Reference(text, module, attribute, (), each, arguments, keywords, called=bool(given))
    return msgspec.structs.replace(found, each_call=each_call, given=given)


def _starred(text: str, call: ast.Call) -> tuple[str, str]:
    """Remove the first argument of a call, such as `*names` or `*names("a*")`, and return its name and its call."""
    first = call.args.pop(0)
    listed = first.value if isinstance(first, ast.Starred) else first
    if not isinstance(listed, ast.Call):
        return ast.unparse(listed), ""
    argument_values(text, require_single_call(text, listed))
    return ast.unparse(listed.func), f"({_arguments_text(listed)})"


def _arguments_text(call: ast.Call) -> str:
    return ", ".join(map(ast.unparse, (*call.args, *call.keywords)))


def is_pattern(text: str) -> bool:
    """Return whether `text` is a pattern: it has a star, question mark or bracket before a call, or is `f(*names)`."""
    text = text[:MAX_LENGTH]
    if not any(sign in text for sign in "*?["):
        return False
    if _STARRED.match(text.partition(":")[2].strip()):
        return True
    return any(sign in KEY.sub("", text).partition("(")[0] for sign in "*?[")
