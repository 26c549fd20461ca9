import tempfile

import pytest


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """The folder for temporary files of the tests in this module."""
    folder = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        patch.setenv("TMPDIR", str(folder))
        yield folder
