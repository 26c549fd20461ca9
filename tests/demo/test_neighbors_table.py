"""The tables of extensions and plugins in the manual name what tests use, with pinned releases."""

import msgspec
import pytest
from test_pages import DEMO, generated

ROOT = DEMO.parent
NEIGHBORS = msgspec.toml.decode((DEMO / "neighbors.toml").read_bytes())
ROWS = [row for rows in NEIGHBORS.values() for row in rows]


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_neighbor_is_pinned_and_in_its_test(row):
    assert row["name"].lower() in generated.pinned()
    assert row["word"] in (ROOT / row["test"]).read_text()


@pytest.mark.parametrize("host", NEIGHBORS)
def test_table_has_a_row_for_each_neighbor(host):
    rows = generated.filled(f"{{{{ neighbors {host} }}}}", host).splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [row["name"] for row in NEIGHBORS[host]]
