"""Write the record of a forward pass as text for a row of a snapshot, and read it.

    "call": {"outputs": "[1, 128, 768]", "macs": "75497472"}, "call_varies": {"order": ["0 x6", "+3", ...]}

Texts make equal calls comparable, and let a row write those of all its modules as runs; see `setting_runs`. The rank of
a call is written as the distance from its position in the definition order, so that a new module changes no other row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from bmvis.model.call import Call, Output

_OUTPUT = re.compile(
    r"""(?:(?P<name>[A-Za-z_][\w.]*|"(?:[^"\\]|\\.)*"):\ )?\[(?P<sizes>\?|[\d, -]*)\](?:;\ |$)""", re.VERBOSE
)
_PLAIN = re.compile(r"[A-Za-z_][\w.]*", re.ASCII)
_SIZE = re.compile(r"(\d{1,19})(?:-(\d{1,19}))?")
_NUMBERS = ("macs", "bytes")
_TENSORS = ("outputs", "inputs")
_KNOWN = ("calls", "order", *_TENSORS, *_NUMBERS, "uncounted")


def write_call(call: Call | None, rank: int) -> dict[str, str] | None:
    """Return the facts of a call that differ from the defaults, as text. None if there is no record.

    Args:
        call: the record of one module.
        rank: the number of called modules before it in the definition order.
    """
    if call is None:
        return None
    found = {} if call.calls == 1 else {"calls": str(call.calls)}
    if call.calls and call.order != rank:
        found["order"] = f"{call.order - rank:+}"
    found |= {name: write_outputs(tensors) for name in _TENSORS if (tensors := getattr(call, name))}
    found |= {name: str(number) for name in _NUMBERS if (number := getattr(call, name))}
    if call.uncounted:
        found["uncounted"] = ", ".join(call.uncounted)
    return found or {"calls": "1"}


def read_call(texts: Mapping[str, str] | None, rank: int) -> Call | None:
    """Return the record that `write_call` has written.

    Raises:
        ValueError: a text is not valid.
    """
    if not texts:
        return None
    if unknown := texts.keys() - set(_KNOWN):
        raise ValueError(f"a call has unknown facts: {', '.join(sorted(unknown))}")
    calls = int(texts.get("calls", "1"))
    return Call(
        calls,
        rank + int(texts.get("order", "0")) if calls else 0,
        _read_outputs(texts.get("outputs", "")),
        int(texts.get("macs", "0")),
        int(texts.get("bytes", "0")),
        tuple(texts["uncounted"].split(", ")) if "uncounted" in texts else (),
        _read_outputs(texts.get("inputs", "")),
    )


def write_outputs(outputs: Sequence[Output]) -> str:
    """Return the tensors that a module returned or was given: `[1, 64-224]; hidden: [1, 8]`.

    `[?]` is a tensor whose number of dimensions varies.
    """
    return "; ".join(_name(output.name) + f"[{_sizes(output)}]" for output in outputs)


def _name(name: str) -> str:
    if not name:
        return ""
    return f"{name if _PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=False)}: "


def _sizes(output: Output) -> str:
    if output.shape is None:
        return "?"
    pairs = zip(output.shape, output.most or output.shape, strict=True)
    return ", ".join(str(least) if least == most else f"{least}-{most}" for least, most in pairs)


def _read_outputs(text: str) -> tuple[Output, ...]:
    found, at = [], 0
    while at < len(text):
        match = _OUTPUT.match(text, at)
        if match is None:
            raise ValueError(f"outputs {text!r} cannot be read")
        name = match["name"] or ""
        found.append(_output(json.loads(name) if name.startswith('"') else name, match["sizes"]))
        at = match.end()
    return tuple(found)


def _output(name: str, sizes: str) -> Output:
    if sizes == "?":
        return Output(name, None)
    bounds = []
    for size in filter(None, sizes.split(", ")):
        match = _SIZE.fullmatch(size)
        if match is None:
            raise ValueError(f"{size!r} is not a size")
        bounds.append((int(match[1]), int(match[2] or match[1])))
    least, most = tuple(low for low, _ in bounds), tuple(high for _, high in bounds)
    return Output(name, least, most if most != least else ())
