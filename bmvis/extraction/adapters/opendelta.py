"""OpenDelta marks each delta parameter: `p._is_delta = True`."""

from __future__ import annotations

from bmvis.extraction import introspection
from bmvis.extraction.adapters.base import Deltas, Places


def opendelta(places: Places) -> Deltas:
    """Return the marked parameters. BitFit marks biases that were there before."""
    return {
        id(parameter): ""
        for _, module in places
        for _, parameter in introspection.parameters(module)
        if introspection.attribute(parameter, "_is_delta") is True
    }
