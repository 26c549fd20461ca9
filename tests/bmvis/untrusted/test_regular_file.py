"""Files that user code could have replaced are read only if they are regular and not too large."""

import os
import sys
from pathlib import Path

import pytest

from bmvis.untrusted.regular_file import read_regular


@pytest.fixture
def descriptors(tmp_path):
    """Check that the test leaves no file open."""
    if sys.platform != "linux":
        yield
        return
    before = len(list(Path("/proc/self/fd").iterdir()))
    yield
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.usefixtures("descriptors")
@pytest.mark.parametrize("size", [0, 9, 10])
def test_file_up_to_the_limit_is_read(tmp_path, size):
    (tmp_path / "file").write_bytes(b"x" * size)
    assert read_regular(tmp_path / "file", 10) == b"x" * size


def make_pipe(place):
    os.mkfifo(place)


def make_large_file(place):
    place.write_bytes(b"x" * 11)


def make_device(place):
    place.symlink_to(os.devnull)


def make_folder(place):
    place.mkdir()


@pytest.mark.usefixtures("descriptors")
@pytest.mark.skipif(os.name != "posix", reason="needs pipes and devices as POSIX has them")
@pytest.mark.parametrize(
    ("make", "error"),
    [
        (make_pipe, "not a regular file"),
        (make_large_file, "larger than 10 bytes"),
        (make_device, "not a regular file"),
        (make_folder, "not a regular file"),
        (lambda place: None, "No such file"),
    ],
    ids=["pipe", "too large", "device", "folder", "missing"],
)
def test_anything_else_is_an_error_at_once(tmp_path, make, error):
    make(tmp_path / "place")
    with pytest.raises(OSError, match=error):
        read_regular(tmp_path / "place", 10)
