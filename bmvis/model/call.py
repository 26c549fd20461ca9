"""The record of a module in a forward pass as plain data."""

from __future__ import annotations

import msgspec


class Output(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A tensor that a module returned, or was given."""

    name: str
    """Its key in a returned dictionary, or the name of the keyword argument; '' for others."""
    shape: tuple[int, ...] | None
    """The minimum size of each dimension. None if the number of dimensions varies."""
    most: tuple[int, ...] = ()
    """The maximum size of each dimension, if calls differ."""


class Call(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The record of a module in one forward pass of the model; see `bmvis.extraction.call.forward`."""

    calls: int = 0
    """Number of calls. 0 if neither the module nor any module below it was called."""
    order: int = 0
    """Rank of its first call among those of all modules."""
    outputs: tuple[Output, ...] = ()
    macs: int = 0
    """Multiply-accumulates of all calls, including the modules that it calls."""
    bytes: int = 0
    """Size in bytes of the tensors that its operations create, including the modules that it calls."""
    uncounted: tuple[str, ...] = ()
    """Sorted names of operations that `macs` does not include, such as `mylib::mm`."""
    inputs: tuple[Output, ...] = ()
    """The tensors among its arguments."""
