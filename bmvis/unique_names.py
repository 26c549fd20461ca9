"""Number names that are taken. Internal."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count


def unique_name(name: str, is_taken: Callable[[str], bool]) -> str:
    """Return a name, or if it is taken, the name with the first free number.

    Examples:
        >>> unique_name("bert", {"bert", "bert-2"}.__contains__)
        'bert-3'
    """
    return next(one for number in count(1) if not is_taken(one := f"{name}-{number}" if number > 1 else name))
