"""What a module's own code does to its part of the state dict, beyond its tensors."""

from __future__ import annotations

import msgspec


class StateCode(msgspec.Struct, frozen=True, omit_defaults=True):
    """The code of a module that takes part in `state_dict` and `load_state_dict`.

    PyTorch's own code is left out where `bmvis.comparison.checkpoint` knows what it does.

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
"""The code of a module that leaves its state dict to PyTorch."""
