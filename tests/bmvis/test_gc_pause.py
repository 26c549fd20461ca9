"""The garbage collector is off while a tree is built, and has its former state afterwards."""

import gc

import pytest

from bmvis.gc_pause import paused_gc


@pytest.fixture(params=[True, False], ids=["on", "off"])
def was_enabled(request):
    before = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if before else gc.disable)()


def test_collector_is_off_inside_and_restored_afterwards(was_enabled):
    with paused_gc():
        assert not gc.isenabled()
    assert gc.isenabled() is was_enabled


def test_collector_is_restored_after_an_error(was_enabled):
    with pytest.raises(ZeroDivisionError), paused_gc():
        _ = 1 / 0
    assert gc.isenabled() is was_enabled
