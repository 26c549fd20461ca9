"""Compare the verdict on old checkpoints with `load_state_dict`."""

from collections.abc import Callable

from torch import nn

Build = Callable[[], nn.Module]


def loads(before: Build, after: Build, *, strict: bool) -> bool:
    """Return whether one model loads the state dict of another one."""
    try:
        after().load_state_dict(before().state_dict(), strict=strict)
    except (RuntimeError, ValueError, KeyError):
        return False
    return True
