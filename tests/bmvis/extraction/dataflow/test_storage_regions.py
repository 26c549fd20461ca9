"""Whether two slices of a tensor overlap, compared with the elements that they have."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bmvis.extraction.dataflow.storage_regions import region_of, relation
from bmvis.extraction.dataflow.writes import StorageWrites

WHOLE = torch.arange(4 * 6 * 4).view(4, 6, 4)
part = st.tuples(*(st.tuples(st.integers(0, size - 1), st.integers(1, size)) for size in WHOLE.shape))
order = st.permutations(range(3))


def sliced(parts, order):
    cut = WHOLE[tuple(slice(start, start + length) for start, length in parts)]
    return cut.permute(order)


@given(part, part, order, order)
def test_slices_of_one_tensor(one, other, first, second) -> None:
    here, there = sliced(one, first), sliced(other, second)
    these, those = set(here.flatten().tolist()), set(there.flatten().tolist())
    expected = "disjoint" if not these & those else "inside" if these <= those else "overlapping"
    assert relation(region_of(here), region_of(there)) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (WHOLE[0], WHOLE.view(-1)[:24], "inside"),
        (WHOLE.view(-1)[:48], WHOLE[:2], "inside"),
        (WHOLE.view(-1)[48:], WHOLE[:2], "disjoint"),
        (WHOLE[:, :, ::2], WHOLE[:, :, 1::2], "disjoint"),
        (WHOLE[0, 0].expand(3, 4), WHOLE[0], "inside"),
        (WHOLE.view(-1).unfold(0, 4, 2), WHOLE[0], "overlapping"),
        (WHOLE.view(torch.int32)[:, :, :4], WHOLE[:, :, :2], "inside"),
        (WHOLE.view(torch.int32)[:, :, 4:], WHOLE[:, :, :2], "disjoint"),
    ],
    ids=["row", "rows", "other rows", "alternating", "expanded", "windows", "other type", "other half of other type"],
)
def test_relation_of_two_views_of_a_tensor(one, other, expected) -> None:
    assert relation(region_of(one), region_of(other)) == expected


def test_unknown_regions_overlap() -> None:
    assert relation(None, region_of(WHOLE)) == "overlapping"


def test_many_parts_count_as_one() -> None:
    made = []
    writes = StorageWrites(None, 400 * 8)
    for index in range(400):
        row = torch.arange(400)[index : index + 1]
        writes.add(region_of(row), index, lambda refs: made.append(refs) or 1000 + len(made), lambda: 1000 + len(made))
    assert len(made) <= 400
    assert writes.read(region_of(torch.arange(400)), None) == 1000 + len(made)
    assert writes.read(region_of(torch.arange(400)[399:]), None) == 399
