"""The settings of the modules of a row come back exactly from common values and runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmvis.model.setting_runs import join_settings, read_runs, split_settings, write_runs

TEXTS = st.one_of(
    st.integers(-3, 12).map(str),
    st.sampled_from(["None", "gelu", "0..4", "4 x2", "a x3 x1", "1.0", "", " x2", "0..4 step 2", "01", "-0", "x"]),
    st.text(max_size=4).filter(lambda text: text != "-"),
)


@pytest.mark.parametrize(
    ("texts", "written"),
    [
        pytest.param(["4"], "4", id="one"),
        pytest.param(["4", "4", "4"], "4 x3", id="equal"),
        pytest.param(["0", "1", "2", "3"], "0..3", id="numbers"),
        pytest.param(["0", "2", "4"], "0..4 step 2", id="step"),
        pytest.param(["3", "2", "1"], "3..1 step -1", id="down"),
        pytest.param(["0", "1"], ["0", "1"], id="two numbers"),
        pytest.param(["0", "1", "2", "7", "7"], ["0..2", "7 x2"], id="numbers, then equal ones"),
        pytest.param(["4096", "4096", "None", "4096"], ["4096 x2", "None", "4096"], id="one differs"),
        pytest.param(["1.0", "2.0", "3.0"], ["1.0", "2.0", "3.0"], id="no integers"),
        pytest.param(["0..3", "b"], ["0..3 x1", "b"], id="reads like a range"),
        pytest.param(["a x2"], "a x2 x1", id="reads like a repetition"),
        pytest.param(["-", "-", "4"], ["- x2", "4"], id="absent"),
    ],
)
def test_runs_are_short_and_exact(texts, written):
    assert write_runs(texts) == written
    assert read_runs(written, len(texts), "name") == texts


@given(st.lists(TEXTS, min_size=1, max_size=12))
def test_any_texts_come_back(texts):
    assert read_runs(write_runs(texts), len(texts), "name") == texts


@given(st.lists(st.dictionaries(st.sampled_from("abc"), TEXTS, max_size=3), min_size=1, max_size=8))
def test_settings_of_each_module_come_back(settings):
    common, varies = split_settings([one or None for one in settings])
    assert [one or {} for one in join_settings(common, varies, len(settings))] == settings
    assert not common.keys() & varies.keys()


@pytest.mark.parametrize(
    "written", [["1", "2"], "1 x4", "0..9", [], "5..3", "0..0 step 0", "0..9999999999", "1 x9999999"]
)
def test_wrong_number_of_values_is_refused(written):
    with pytest.raises(ValueError, match=r"3 modules|must not be zero"):
        read_runs(written, 3, "name")
