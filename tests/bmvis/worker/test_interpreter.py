"""The search path of a worker has the entries of the build, and those that only a new process has, in their order."""

import pytest

from bmvis.worker.interpreter import joined_path

CASES = {
    "same": (["lib", "site"], ["lib", "site"], ["lib", "site"]),
    "default": (["lib", "site"], [], ["lib", "site"]),
    "added by the build": (["lib", "site"], ["lib", "site", "more"], ["lib", "site", "more"]),
    "added before the libraries by the build": (["lib", "site"], ["more", "lib", "site"], ["more", "lib", "site"]),
    "folder of PYTHONPATH that the build runs in": (["here", "lib", "site"], ["lib", "site"], ["here", "lib", "site"]),
    "path file installed meanwhile": (["lib", "site", "new"], ["lib", "site"], ["lib", "site", "new"]),
    "two path files": (["lib", "site", "a", "new", "z"], ["lib", "site", "a", "z"], ["lib", "site", "a", "new", "z"]),
    "path file before entries of the build": (
        ["lib", "site", "new"],
        ["lib", "site", "x"],
        ["lib", "site", "new", "x"],
    ),
    "other order": (["site", "lib", "new"], ["lib", "site"], ["lib", "site", "new"]),
}


@pytest.mark.parametrize(("own", "given", "path"), CASES.values(), ids=CASES)
def test_entries_of_a_new_process_keep_their_place(own: list[str], given: list[str], path: list[str]) -> None:
    assert joined_path(own, given) == path
