"""Which parameters a delta (parameter-efficient) method added or took over.

Each library is one detector: OpenDelta, PEFT, AdapterHub's `adapters` and `loralib` have theirs in this
package. They tell a library's modules by the names of their classes, so none is imported and no release
of it is required. Others come by `register`, or by an entry point of the group `bmvis.deltas`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, distributions

from bmvis.errors import DetectorError
from bmvis.extraction.adapters.adapterhub import adapterhub
from bmvis.extraction.adapters.base import Deltas, Detector, Places
from bmvis.extraction.adapters.loralib import loralib
from bmvis.extraction.adapters.opendelta import opendelta
from bmvis.extraction.adapters.peft import peft

__all__ = ["GROUP", "Deltas", "Detector", "Places", "find_deltas", "register"]

GROUP = "bmvis.deltas"
"""Entry points of this group name detectors; they are looked at when their library is loaded."""
_detectors: list[Detector] = [opendelta, peft, adapterhub, loralib]


def register(detector: Detector) -> Detector:
    """Add a detector for a library that bmvis does not know; usable as a decorator.

    A detector takes every module of a model with its path, in preorder, and returns the `id` of each delta
    parameter with what the library says of it: '' while it is simply in use, or a word or two such as
    `merged`, which stands on the row. It must not change the modules.
    """
    if detector not in _detectors:
        _detectors.append(detector)
    return detector


def find_deltas(places: Places) -> Deltas:
    """Return the deltas of every library.

    Raises:
        DetectorError: a detector from elsewhere cannot be loaded, or it raised.
    """
    found: Deltas = {}
    for detector in (*_detectors, *_installed()):
        found.update(_ask(detector, places))
    return found


def _installed() -> Iterable[Detector]:
    """Yield the detectors of installed libraries; one that is not loaded cannot have touched the model."""
    for entry in find_entries():
        if entry.module.partition(".")[0] not in sys.modules:
            continue
        try:
            yield entry.load()
        except Exception as error:
            raise DetectorError(
                f"the entry point {entry.name!r} of {GROUP} cannot be loaded: {type(error).__name__}: {error}",
                hint=f"fix or uninstall {entry.dist.name if entry.dist else entry.module}",
            ) from error


def find_entries() -> tuple[EntryPoint, ...]:
    """Return the entry points below the folders of `sys.path`; looking takes longer than reading BERT does."""
    return tuple(dict.fromkeys(entry for folder in sys.path for entry in _entries_in(folder)))


@cache
def _entries_in(folder: str) -> tuple[EntryPoint, ...]:
    found = distributions(path=[folder])
    return tuple(entry for distribution in found for entry in distribution.entry_points.select(group=GROUP))


def _ask(detector: Detector, places: Places) -> Deltas:
    name = f"{getattr(detector, '__module__', '')}.{getattr(detector, '__qualname__', repr(detector))}"
    try:
        found = detector(places)
    except Exception as error:
        raise DetectorError(
            f"the delta detector {name} raised {type(error).__name__}: {error}",
            hint="fix the detector, or do not register it",
        ) from error
    if not isinstance(found, Mapping) or not all(isinstance(i, int) and isinstance(w, str) for i, w in found.items()):
        raise DetectorError(
            f"the delta detector {name} did not return a dict of id(parameter) to text",
            hint="return {id(parameter): ''} for each delta parameter",
        )
    return dict(found)
