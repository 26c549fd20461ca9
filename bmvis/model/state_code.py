"""The code of a module that changes its part of the state dict."""

from __future__ import annotations

import msgspec


class StateCode(msgspec.Struct, frozen=True, omit_defaults=True):
    """Overridden methods, hooks and extra state of a module that take part in `state_dict` and `load_state_dict`.

    Code of PyTorch is omitted if `bmvis.comparison.checkpoint` handles it.

    Examples:
        >>> layer = nn.Linear(2, 3)
        >>> _ = layer.register_load_state_dict_pre_hook(print)
        >>> bmvis.capture(layer).root.state_code.loading
        ('builtins.print',)
    """

    saving: tuple[str, ...] = ()
    """Full names of the functions that can change what is saved: overridden methods and hooks."""
    loading: tuple[str, ...] = ()
    """Full names of the functions that can change what is loaded: overridden methods and hooks."""
    saves_extra: bool = False
    """Whether the state dict has a key `_extra_state`: the class defines `get_extra_state`."""
    loads_extra: bool = False
    """Whether `load_state_dict` expects a key `_extra_state`: the class defines `set_extra_state`."""
    version: int = 1
    """The class's `_version`, which a state dict records."""
    norm: bool = False
    """Whether loading adds a missing `num_batches_tracked`, as the normalization layers that it inherits from do."""


NO_CODE = StateCode()
"""The value for a module whose state dict only PyTorch handles."""
