"""Warnings about elements: their locations and paths, and how often each one is logged."""

import pytest

from bmvis.errors import BmvisError, NoTorchError
from mkdocs_bmvis.page import HostPage
from mkdocs_bmvis.reporting import PageError, Reporter
from mkdocs_bmvis.settings import Settings

PLACE = "page.md:3"


def test_problem_is_reported_at_its_location_or_at_that_of_the_element(caplog):
    report = Reporter(Settings()).at(lambda: PLACE)
    report(BmvisError("first"))
    report(BmvisError("second"), "page.md:5")
    assert caplog.messages == ["page.md:3: first", "page.md:5: second"]


def test_paths_in_warnings_and_boxes_are_those_in_the_project(caplog, tmp_path):
    reporter = Reporter(Settings(cwd=str(tmp_path)))
    error = BmvisError(f"cannot read {tmp_path}/zoo.py")
    reporter.at(lambda: PLACE)(error)
    assert caplog.messages == ["page.md:3: cannot read zoo.py"]
    assert str(tmp_path) not in reporter.box(error, "<model-structure>", HostPage(""), 3)


@pytest.mark.parametrize(("is_one_build", "count"), [(True, 1), (False, 2)])
def test_equal_warnings_of_one_build_are_logged_once(caplog, is_one_build, count):
    report = Reporter(Settings(), is_one_build=is_one_build).at(lambda: PLACE)
    for _ in range(2):
        report(BmvisError("first"))
    assert caplog.messages == ["page.md:3: first"] * count


def test_missing_torch_is_logged_at_the_first_element_alone(caplog):
    reporter = Reporter(Settings())
    for place in ("page.md:3", "page.md:5"):
        reporter.at(lambda place=place: place)(NoTorchError("no torch"))
    assert caplog.messages == ["page.md:3: no torch"]


def test_setting_raises_the_exception_of_the_host():
    report = Reporter(Settings(on_error="raise"), raises=ValueError).at(lambda: PLACE)
    with pytest.raises(ValueError, match=r"page\.md:3: first"):
        report(BmvisError("first"))
    with pytest.raises(PageError):
        Reporter(Settings(on_error="raise")).at(lambda: PLACE)(BmvisError("first"))
