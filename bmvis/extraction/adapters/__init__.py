"""Find the parameters that a parameter-efficient fine-tuning library added to a model ("deltas").

This package has a detector for each of OpenDelta, PEFT, AdapterHub's `adapters` and loralib. A detector recognizes the
modules of its library by the names of their classes, so that no library is imported and any release works. To add a
detector, call `bmvis.register_delta`, or declare an entry point in the group `bmvis.deltas`. The rest is internal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, distributions

from bmvis.errors import DetectorError
from bmvis.extraction.adapters.adapterhub import adapterhub
from bmvis.extraction.adapters.base import Deltas, Detector, NamedModules
from bmvis.extraction.adapters.loralib import loralib
from bmvis.extraction.adapters.opendelta import opendelta
from bmvis.extraction.adapters.peft import peft

__all__ = ["GROUP", "Deltas", "Detector", "Places", "find_deltas", "register"]

GROUP = "bmvis.deltas"
"""Group of the entry points that name detectors. One is loaded if its package is already imported."""
_detectors: list[Detector] = [opendelta, peft, adapterhub, loralib]


def register(detector: Detector) -> Detector:
    """Add a detector for an adapter library. See `bmvis.register_delta`, which calls this."""
    if detector not in _detectors:
        _detectors.append(detector)
    return detector


def find_deltas(named_modules: NamedModules) -> Deltas:
    """Return the deltas that all detectors find.

    Raises:
        DetectorError: a detector cannot be loaded, raised an exception, or returned a value of a wrong type.
    """
    found: Deltas = {}
    for detector in (*_detectors, *_installed()):
        found.update(_run(detector, named_modules))
    return found


def _installed() -> Iterable[Detector]:
    """Yield the detectors of imported packages: a package that is not imported cannot have changed the model."""
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
    """Return the entry points in the folders of `sys.path`. Cached: the search is slower than a capture of BERT."""
    return tuple(dict.fromkeys(entry for folder in sys.path for entry in _entries_in(folder)))


@cache
def _entries_in(folder: str) -> tuple[EntryPoint, ...]:
    found = distributions(path=[folder])
    return tuple(entry for distribution in found for entry in distribution.entry_points.select(group=GROUP))


def _run(detector: Detector, named_modules: NamedModules) -> Deltas:
    name = f"{getattr(detector, '__module__', '')}.{getattr(detector, '__qualname__', repr(detector))}"
    try:
        found = detector(named_modules)
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
