"""What the environment keeps of each page: between builds, and from the processes that read a part of the pages."""

from types import SimpleNamespace

import pytest

from bmvis.options.definitions import Options
from bmvis.overviews.entries import Entry
from bmvis.overviews.gallery_options import GalleryOptions
from sphinx_bmvis.domain import BmvisDomain
from sphinx_bmvis.requests import GalleryRequest, PageContent, TreeRequest

CONTENT = PageContent(
    requests=[TreeRequest("zoo:tiny", Options(name="net"), "net", "page:1")],
    galleries={"nets": GalleryRequest((Entry("zoo:tiny"),), GalleryOptions(), "page:5")},
    references={"other"},
    failed={"broken": "error-1"},
    branches={("only", "html"): True},
    has_error=True,
    title_facts=(),
)


def domain() -> BmvisDomain:
    return BmvisDomain(SimpleNamespace(domaindata={}))


@pytest.fixture
def reader(tmp_path) -> BmvisDomain:
    """Return the domain of a process that has read the pages `page` and `other`."""
    read = domain()
    for name in ("page", "other"):
        read.records.note_page(name, CONTENT)
        read.records.note_read(name, str(tmp_path))
        read.records.no_tree[name] = ["zoo.Net"]
    return read


def test_everything_that_a_process_recorded_about_its_pages_is_merged(reader):
    merged = domain()
    merged.merge_domaindata({"page", "other"}, reader.data)
    assert merged.data == reader.data


def test_other_pages_of_a_process_are_not_merged(reader):
    merged = domain()
    merged.merge_domaindata({"page"}, reader.data)
    reader.clear_doc("other")
    assert merged.data == reader.data


def test_nothing_is_left_of_a_page_that_was_removed(reader):
    for name in ("page", "other"):
        reader.clear_doc(name)
    assert reader.data == domain().data
