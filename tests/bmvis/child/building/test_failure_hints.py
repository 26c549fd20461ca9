"""The exceptions that a failure comes from, in which hints and causes are found."""

import pytest

from bmvis.child.building.failure_hints import GPU, WEIGHTS, exception_chain, hint_for, hint_for_package


def raised(function):
    try:
        function()
    except BaseException as error:
        return error


def from_cause():
    try:
        raise ConnectionError("reset")
    except ConnectionError as error:
        raise ValueError("no weights") from error


def from_context():
    try:
        raise ConnectionError("reset")
    except ConnectionError:
        raise ValueError("no weights")  # noqa: B904


def from_none():
    try:
        raise ConnectionError("reset")
    except ConnectionError:
        raise ValueError("no weights") from None


class GroupError(Exception):
    """An exception group, which Python 3.10 does not have."""

    exceptions = (ValueError("first"), ConnectionError("reset"))


def in_group():
    raise GroupError


def in_circle():
    first, second = ValueError("first"), KeyError("second")
    first.__cause__, second.__cause__ = second, first
    raise first


@pytest.mark.parametrize(
    ("function", "shown", "hidden"),
    [
        (from_cause, [ValueError, ConnectionError], []),
        (from_context, [ValueError, ConnectionError], []),
        (from_none, [ValueError], [ConnectionError]),
        (in_group, [GroupError, ValueError, ConnectionError], []),
        (in_circle, [ValueError, KeyError], []),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_exception_chain_has_causes_and_optionally_hidden_ones(function, shown, hidden):
    error = raised(function)
    assert [type(one) for one in exception_chain(error)] == shown
    assert [type(one) for one in exception_chain(error, with_hidden=True)] == shown + hidden


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (None, ""),
        (ValueError("no such size"), ""),
        (raised(from_cause), WEIGHTS),
        (raised(from_none), ""),
        (raised(in_group), WEIGHTS),
        (AssertionError("Torch not compiled with CUDA enabled"), GPU),
        (FileNotFoundError(2, "No such file or directory", "net.pth"), WEIGHTS),
        (FileNotFoundError(2, "No such file or directory", "net.json"), ""),
    ],
    ids=["none", "other", "cause", "hidden", "group", "no GPU", "no weights", "no data"],
)
def test_hint_of_a_failure_follows_its_cause(error, hint):
    assert hint_for(error) == hint


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (ModuleNotFoundError("No module named 'einops'", name="einops"), "install einops where the docs are built"),
        (ModuleNotFoundError("No module named 'torch.nets'", name="torch.nets"), ""),
        (ModuleNotFoundError("no GPU kernels"), ""),
        (ModuleNotFoundError("", name="a b\n"), ""),
        (ImportError("cannot import name 'x'", name="einops"), ""),
    ],
    ids=["package", "submodule", "no-name", "no-identifier", "import-error"],
)
def test_hint_for_package(error, hint):
    assert hint_for_package(error).partition(",")[0] == hint
