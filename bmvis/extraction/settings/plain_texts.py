"""The texts of strings and numbers, and which of them are not recorded."""

from __future__ import annotations

import re
import time
from typing import Any

from bmvis.extraction.shortened import digest
from bmvis.untrusted import user_text

MAX_STRING = 80
"""Maximum length of the text of a string, in characters. A longer one is recorded as its length and a digest."""
MAX_READ = 1_000_000
"""Characters of a string that count."""
_SECRET = re.compile(r"(?:^|[_.])(?:token|key|secret|password|passwd|credential|auth)s?(?:$|[_.\d])", re.IGNORECASE)
_PART_OF_MODEL = re.compile(
    r"(?:^|[_.])(?:token|key)s?_(?:mix|pool|norm|type|merg|aggreg|init|proj|mode|act|embed|reduc|layer|layout)|"
    r"(?:^|[_.])(?:mask|cls|sep|pad|bos|eos|sos|unk|special|image|audio|video|start|end)_tokens?$|"
    r"(?:^|[_.])(?:in|out|input|output|query|image|label|target|batch|loss|state|obs|action|feature|attn|attention)_keys?$"
)
"""Names that `_SECRET` finds, but that are words of networks, such as `token_mixer`, `mask_token` and `in_keys`."""
_LOCAL = re.compile(r"(?:^|[_.])(?:path|dir|directory|folder|file|filename|url|host|hostname|user)$", re.IGNORECASE)
_VOLATILE = re.compile(
    r"(?:^|[_.])devices?(?:$|[_.])|(?:^|\.)_*(?:pid|uuid|time|timestamp|start_time|created_at|session_id|run_id)$",
    re.IGNORECASE,
)
_TIME = re.compile(r"(?:^|\.)time$", re.IGNORECASE)
_CLOCK = re.compile(r"(?:^|[_.])(?:t0|tic|now|last|start|started|begin|began|mono|monotonic|clock|time)(?:$|[_.])")
"""Names of what has the state of a clock that begins with the machine."""
_MAX_STEPS = 100_000
"""Integers up to here are numbers of time steps, not times."""
_ABSOLUTE = re.compile(r"(?:^|[\s=:,;'\"(\[])(?:/[\w.]|~[/\\]|[A-Za-z]:[\\/]|\\\\)")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d[ T_]\d\d:?\d\d")
_LIKE_OTHER = re.compile(
    r"(?:None|True|False|-|nan|[-+]?inf|[-+]?[\d.][\d.eE+-]*|[-+]?0x\w*|.*\.\.\d.*|.* x\d+|.*\)|['({].*|torch\..*|)",
    re.DOTALL,
)
_LARGE = 2**40
"""Integers from here on are sentinels such as `sys.maxsize`, or ids and hashes, which differ between processes."""
_ENDLESS = 10**100
"""Integers from here on are too long to read. Python writes no integer of more than 4300 digits."""
_DAY = 86_400
_HOUR = 3_600


def is_volatile(name: str, value: Any) -> bool:
    """Return whether a setting differs between two builds by its name: a device, a process id, a time."""
    is_step = type(value) is int and abs(value) <= _MAX_STEPS and _TIME.search(name) is not None
    return (_VOLATILE.search(name) is not None and not is_step) or _is_clock(name, value)


def _is_clock(name: str, value: Any) -> bool:
    """Return whether a number is the state of `time.perf_counter()` or `time.monotonic()` of the last hour."""
    if type(value) is not float or not _CLOCK.search(name):
        return False
    return any(0 <= now - value < _HOUR for now in (time.perf_counter(), time.monotonic())) and not value.is_integer()


def string_text(value: str, name: str) -> str | None:
    """Return the text of a string, quoted if it reads like another value; None if it is not recorded.

    Args:
        value: the string.
        name: the name of the setting that has it.
    """
    is_secret = _SECRET.search(name) and not _PART_OF_MODEL.search(name)
    if is_secret or _LOCAL.search(name):
        return None
    if _ABSOLUTE.search(value) or _ADDRESS.search(value) or _UUID.search(value) or _DATE.search(value):
        return None
    if len(value) > MAX_STRING:
        return f"{len(value)} characters {digest(value)}"
    value = user_text.safe_text(value)
    return repr(value) if _LIKE_OTHER.fullmatch(value) or not value.isprintable() or ", " in value else value


def number_text(value: int | float) -> str | None:
    """Return the text of a number; floats have 8 digits, so that machines that round otherwise agree."""
    if issubclass(type(value), int):
        integer: int = int.__index__(value)  # type: ignore[arg-type]
        size = abs(integer)
        if size >= _ENDLESS:
            return None
        is_round = size % 10**9 == 0 or size & (size - 1) == 0 or size & (size + 1) == 0
        return None if (size >= _LARGE and not is_round) or _is_now(integer) else int.__repr__(integer)
    number = float.__float__(value)
    if _is_now(number):
        return None
    exact = float.__repr__(number)
    return exact if len(exact) <= 10 or number.is_integer() else f"{number:.8g}"


def _is_now(value: float) -> bool:
    """Return whether a number is a time of today, in seconds, or in a thousandth, millionth or billionth of them."""
    return abs(value) > 1e9 and any(abs(value / scale - time.time()) < _DAY for scale in (1, 1e3, 1e6, 1e9))
