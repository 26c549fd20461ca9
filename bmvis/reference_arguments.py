"""Parse the arguments of a factory reference: a closed grammar, of which nothing is evaluated. Internal.

An argument is a Python literal, arithmetic of numbers, `float("inf")`, `dict(a=1)`, or a dotted name such as
`torch.bfloat16`. The worker resolves dotted names (`bmvis.child.building.arguments`), because they need imports.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from bmvis.lazy_regex import lazy_regex

DOTTED = lazy_regex(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
"""A dotted name, such as `torch.bfloat16`."""
MAX_BITS = 64
"""Maximum size of an integer that arithmetic yields. Constants that are written out have no limit."""
_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_FLOATS = ("inf", "nan", "infinity")


class Symbol(msgspec.Struct, frozen=True):
    """A dotted name among the arguments of a reference: `torch.bfloat16`, `Size.LARGE`, `nn.GELU`."""

    name: str


def parse_argument(node: ast.expr) -> Any:
    """Return the value of an argument, in which names are `Symbol`s.

    Raises:
        ValueError: the expression is not supported.
    """
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return _parse(node)


def _parse(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Tuple(elts=items):
            return tuple(map(parse_argument, items))
        case ast.List(elts=items):
            return list(map(parse_argument, items))
        case ast.Set(elts=items):
            return set(map(parse_argument, items))
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {parse_argument(key): parse_argument(value) for key, value in zip(keys, values, strict=True) if key}
        case ast.Name() | ast.Attribute():
            return Symbol(_dotted(node))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _number(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _compute(_OPERATORS[type(op)], _number(left), _number(right))
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str(text))], keywords=[]):
            return _float(text)
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
            return _dict(keywords)
    raise ValueError("unsupported expression")


def _dotted(node: ast.expr) -> str:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise ValueError("not a dotted name")
    return ".".join([node.id, *reversed(names)])


def _number(node: ast.expr) -> int | float:
    value = parse_argument(node)
    if type(value) not in (int, float):
        raise ValueError("operands must be numbers")
    number: int | float = value
    return number


def _compute(function: Callable[[Any, Any], Any], left: int | float, right: int | float) -> Any:
    """Return the result of an operation, whose size is known before it is computed."""
    if function is operator.pow and type(left) is type(right) is int and right * max(left.bit_length(), 1) > MAX_BITS:
        raise ValueError("the result is too large")
    try:
        result = function(left, right)
    except (ArithmeticError, ValueError) as error:
        raise ValueError(str(error)) from None
    if type(result) not in (int, float) or (type(result) is int and result.bit_length() > MAX_BITS):
        raise ValueError("the result is too large, or not a number")
    return result


def _float(text: str) -> float:
    if text.strip().lstrip("+-").lower() not in _FLOATS:
        raise ValueError("only float('inf') and float('nan')")
    value = float(text)
    assert math.isinf(value) or math.isnan(value), "the texts of _FLOATS are not finite"
    return value


def _dict(keywords: list[ast.keyword]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for keyword in keywords:
        if keyword.arg is None or keyword.arg in found:
            raise ValueError("duplicate name in dict()")
        found[keyword.arg] = parse_argument(keyword.value)
    return found
