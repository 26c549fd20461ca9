import tempfile

import pytest


@pytest.fixture(scope="module", autouse=True)
def workers_of_their_own(own_workers):
    """Test worker processes as builds start and end them."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """The folder for temporary files of the tests in this module."""
    folder = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        patch.setenv("TMPDIR", str(folder))
        yield folder
