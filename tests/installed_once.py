"""Read once for all builds of a process what is installed: the files of hundreds of distributions."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from unittest import mock

from bmvis.source import fingerprint
from bmvis.worker.interpreter import has_distributions


def read() -> None:
    """Read it now, for builds in forks of this process."""
    metadata.entry_points()
    for folder in filter(has_distributions, sys.path):
        fingerprint.of_installed(folder)


@contextmanager
def kept() -> Iterator[None]:
    """Keep entry points and digests of the folders on `sys.path`. Other folders, of tests, are read each time."""
    folders = frozenset(sys.path)
    read_digest, read_entry_points = fingerprint.of_installed, metadata.Distribution.entry_points.fget
    digest_of = cache(read_digest)
    points: dict[object, metadata.EntryPoints] = {}

    def of_installed(folder: str) -> str:
        return digest_of(folder) if folder in folders else read_digest(folder)

    def entry_points(distribution: metadata.Distribution) -> metadata.EntryPoints:
        path = getattr(distribution, "_path", None)
        if path is None or str(path.parent) not in folders:
            return read_entry_points(distribution)
        if path not in points:
            points[path] = read_entry_points(distribution)
        return points[path]

    with (
        mock.patch.object(fingerprint, "of_installed", of_installed),
        mock.patch.object(metadata.Distribution, "entry_points", property(entry_points)),
    ):
        yield
