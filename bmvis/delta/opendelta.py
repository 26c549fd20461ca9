"""OpenDelta marks each delta parameter: `p._is_delta = True`."""

from __future__ import annotations

from bmvis import slots
from bmvis.delta.places import Deltas, Places


def opendelta(places: Places) -> Deltas:
    """Return the marked parameters. BitFit marks biases that were there before."""
    return {
        id(parameter): ""
        for _, module in places
        for _, parameter in slots.parameters(module)
        if slots.attribute(parameter, "_is_delta") is True
    }
