"""Wait for events in other processes."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 300.0
"""Seconds. A machine that runs several tests at once can take minutes for what usually takes a second."""
_Value = TypeVar("_Value")


def wait_until(condition: Callable[[], _Value], seconds: float = PATIENCE) -> _Value:
    """Return the value of a condition as soon as it is true, or the last one if it is still false at the end.

    Example:
        assert wait_until(file.exists)
    """
    ends = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < ends:
        time.sleep(0.02)
    return found
