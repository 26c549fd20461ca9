"""OpenDelta: each delta parameter has the attribute `_is_delta = True`.

https://github.com/thunlp/OpenDelta/blob/main/opendelta/basemodel.py
"""

from __future__ import annotations

from bmvis.extraction import introspection
from bmvis.extraction.adapters.base import Deltas, NamedModules


def opendelta(named_modules: NamedModules) -> Deltas:
    """Return the marked parameters. BitFit also marks biases that the model had before."""
    return {
        id(parameter): ""
        for _, module in named_modules
        for _, parameter in introspection.parameters(module)
        if introspection.attribute(parameter, "_is_delta") is True
    }
