"""The garbage collector rests while a tree is made, and is as it was afterwards."""

import gc

import pytest

from bmvis.gc_pause import paused_gc


@pytest.fixture(params=[True, False], ids=["on", "off"])
def was_enabled(request):
    before = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if before else gc.disable)()


def test_collector_is_off_inside_and_as_before_after(was_enabled):
    with paused_gc():
        assert not gc.isenabled()
    assert gc.isenabled() is was_enabled


def test_collector_is_as_before_after_an_error(was_enabled):
    with pytest.raises(ZeroDivisionError), paused_gc():
        _ = 1 / 0
    assert gc.isenabled() is was_enabled
