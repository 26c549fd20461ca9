"""Factory references: `package.module:callable`, optionally with literal arguments.

`checkpoint:path` and `config:path` refer to files instead: a checkpoint, or a transformers configuration.

Nothing is evaluated: `bmvis.reference_arguments` has the grammar of arguments. The docs build parses the text to report
errors at their line.
The worker parses it again to call the factory.
"""

from __future__ import annotations

import ast
import os
import re
from pathlib import PurePath
from typing import Any

import msgspec

from bmvis.errors import InvalidReferenceError, short_text
from bmvis.lazy_regex import lazy_regex
from bmvis.malformed_references import EXAMPLE, hint_for_names, hint_for_no_colon, hint_for_path
from bmvis.reference_arguments import DOTTED, parse_argument
from bmvis.untrusted.file_names import readable

MAX_LENGTH = 4096
"""Maximum length of a reference, in characters. People type references; a literal of a megabyte is an attack."""

_NAME = lazy_regex(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_CALLED = lazy_regex(rf"\s*{DOTTED.pattern}\s*\(")
"""`config:build()`, with a call, refers to a Python module with the name `config`, not to a file."""
KEY = lazy_regex(r"""\[\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?:0|-?[1-9]\d*)(?=\s*\]\s*(?:[(\[]|$)))\s*\]\s*""")
"""A constant subscript: `["net_5"]` or `[18]`. Another bracket is part of a pattern."""
_CALLABLE = lazy_regex(rf"(?P<attribute>[^(\[]*)(?P<keys>(?:{KEY.pattern})*)(?P<call>\(.*)?", re.DOTALL)
_ABSOLUTE = lazy_regex(r"(?:[A-Za-z]:)?[\\/]|~|file://")
"""The start of an absolute path, also of Windows."""
_CONFIG_FACTORY = "bmvis.child.transformers_config", "build_from_config"
"""The module and name of the factory of `config:` references."""


class Reference(msgspec.Struct, frozen=True):
    """A parsed factory reference."""

    text: str
    """The text as written, without leading and trailing whitespace."""
    module: str
    attribute: str
    """Dotted name in the module: `build` or `Zoo.build`."""
    keys: tuple[str | int, ...] = ()
    """The keys in dictionaries and indexes in lists: `("bert", 0)` of `mod:ZOO["bert"][0]`."""
    each: str | None = None
    """Of a pattern: the list in the module that `mod:build(*names)` calls `build` with, '' for all keys of
    `mod:ZOO[*]`. None for a pattern of names."""
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}
    called: bool = False
    """Whether the reference includes a call: `mod:factory()`, not `mod:factory`."""
    file: str = ""
    """The path after `checkpoint:` or `config:`."""
    each_call: str = ""
    """The call of `each`, if that is a function that returns the list: `("a*")` of `mod:build(*names("a*"))`."""
    given: str = ""
    """Of a pattern: the arguments for each of its models as text, `pretrained=False`."""

    @property
    def is_checkpoint(self) -> bool:
        """Return whether it refers to a checkpoint file, so that there is nothing to call."""
        return bool(self.file) and not self.called

    @property
    def target(self) -> str:
        """Return the reference without arguments.

        File paths are normalized and use `/`: `checkpoint:weights/../secret` becomes `checkpoint:secret`.
        """
        if self.file:
            return f"{'config' if self.called else 'checkpoint'}:{os.path.normpath(self.file).replace(os.sep, '/')}"
        return f"{self.module}:{self.attribute}{''.join(f'[{key!r}]' for key in self.keys)}"

    @property
    def missing(self) -> str:
        """Return the message of the error if the module does not have the callable."""
        return f"{self.module!r} has no {self.attribute!r}"


def parse_reference(text: str) -> Reference:
    """Parse a factory reference.

    Raises:
        InvalidReferenceError: the text is not a reference, or an argument is not supported.
    """
    text = text.strip()
    if not text:
        raise InvalidReferenceError("the factory reference is empty", hint=EXAMPLE)
    if len(text) > MAX_LENGTH:
        raise InvalidReferenceError(
            f"the factory reference is {len(text):,} characters long",
            hint=f"the limit is {MAX_LENGTH:,}; move the arguments into a factory function",
        )
    module, colon, call = text.partition(":")
    if module.strip() in ("checkpoint", "config") and not _CALLED.match(call):
        return _file(text, module.strip(), call.strip())
    text = readable(text)  # an argument of the command line, in a locale without UTF-8
    module, colon, call = text.partition(":")
    parts = _CALLABLE.fullmatch(call)
    if _ABSOLUTE.match(text):
        raise InvalidReferenceError(
            f"{short_text(text)!r} is a path, not a factory reference", hint=hint_for_path(text)
        )
    module, attribute = module.strip(), (parts["attribute"] if parts else call.partition("(")[0]).strip()
    if not colon:
        raise InvalidReferenceError(f"no ':' in the factory reference {text!r}", hint=hint_for_no_colon(text))
    for part, what in ((module, "module"), (attribute, "callable")):
        if not DOTTED.fullmatch(part):
            raise InvalidReferenceError(
                f"{part!r} is not a valid {what} name in the factory reference {text!r}",
                hint=hint_for_names(text, module, call),
            )
    assert parts is not None, "a text that does not match has no valid callable name"
    keys = constant_keys(parts["keys"])
    if not parts["call"]:
        return Reference(text, module, attribute, keys)
    arguments, keywords = _parse_arguments(text, f"{attribute}{parts['call']}")
    return Reference(text, module, attribute, keys, None, arguments, keywords, called=True)


def constant_keys(text: str) -> tuple[str | int, ...]:
    """Return the values of subscripts that `KEY` matches, such as `["bert"][0]`."""
    return tuple(ast.literal_eval(found[1]) for found in KEY.finditer(text)) if text else ()


def is_name(text: str) -> bool:
    """Return whether `text` is a model name from pyproject.toml rather than a reference."""
    return _NAME.fullmatch(text.strip()) is not None


def short_name(text: str) -> str:
    """Return a short name for a model: its name in pyproject.toml, its callable, or the stem of its file.

    Raises:
        InvalidReferenceError: the text is neither a name nor a reference.
    """
    if is_name(text):
        return text.strip()
    reference = parse_reference(text)
    if reference.file:
        return re.sub(r"[^\w.-]+", "-", PurePath(reference.file).stem)
    return re.sub(r"[^\w.-]+", "-", "-".join(map(str, reference.keys))) if reference.keys else reference.attribute


def _file(text: str, kind: str, path: str) -> Reference:
    if not path or "\0" in path:
        raise InvalidReferenceError(f"{text!r} has no valid path", hint=f"write {kind}:folder, or {kind}:folder/file")
    if kind == "checkpoint":
        return Reference(text, "", "", file=path)
    return Reference(text, *_CONFIG_FACTORY, arguments=(path,), called=True, file=path)


def _parse_arguments(text: str, call: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return argument_values(text, parse_call(text, call))


def parse_call(text: str, call: str) -> ast.Call:
    """Return the syntax tree of a call, such as `build(layers=2)`, in a reference.

    Raises:
        InvalidReferenceError: it does not parse, or is not a call of a name.
    """
    try:
        node = ast.parse(call.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", None) or type(error).__name__
        raise InvalidReferenceError(f"cannot parse the call in {short_text(text)!r}: {reason}", hint=EXAMPLE) from None
    return require_single_call(text, node)


def require_single_call(text: str, node: ast.expr) -> ast.Call:
    """Return an expression that is a call of a dotted name: the arguments of `build(layers=2).half()` are of `half`.

    Raises:
        InvalidReferenceError: it is another expression.
    """
    if not isinstance(node, ast.Call) or not DOTTED.fullmatch(ast.unparse(node.func)):
        raise InvalidReferenceError(
            f"{short_text(text)!r} is not a single call",
            hint="end the reference after the arguments, or write a factory that does the rest",
        )
    return node


def argument_values(text: str, node: ast.Call) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the values of the arguments of a call, by position and by name.

    Raises:
        InvalidReferenceError: an argument is not supported, or occurs twice.
    """
    arguments = tuple(_literal(argument, text) for argument in node.args)
    keywords: dict[str, Any] = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise InvalidReferenceError(
                f"'**' is not supported in {short_text(text)!r}", hint="write each argument as name=value"
            )
        if keyword.arg in keywords:
            raise InvalidReferenceError(
                f"duplicate argument {keyword.arg!r} in {short_text(text)!r}", hint="remove one of them"
            )
        keywords[keyword.arg] = _literal(keyword.value, text)
    return arguments, keywords


def _literal(node: ast.expr, text: str) -> Any:
    try:
        return parse_argument(node)
    except (ValueError, TypeError, RecursionError, MemoryError):
        raise InvalidReferenceError(
            f"the argument {short_text(ast.unparse(node))!r} of {short_text(text)!r} is not supported",
            hint="arguments can be numbers, strings, True, False, None, lists, tuples, sets, dicts, torch data types,"
            " and enum members or classes that the parameter takes; for anything else, write a factory",
        ) from None
