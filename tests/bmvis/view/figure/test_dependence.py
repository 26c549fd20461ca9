"""Which values of a frame are skips of its trunk."""

from __future__ import annotations

import pytest
from edge_lists import parse_edge_list

from bmvis.view.figure.layout.dependence import Dependence

FIGURE = parse_edge_list(
    "in:x > enc; enc > a.cross; in:y > embed; embed > a.own; a.own > a.cross; a.cross > a.ff; a.side > a.cross; "
    "a.ff > b; a.own > b; enc > b; a.side > b; b > out:z; query > b"
)
FRAMES_OF = {box.key: ("m", "a") if box.key.startswith("a.") else ("m",) for box in FIGURE.boxes}


@pytest.mark.parametrize(
    ("net", "main", "around", "expected"),
    [
        ("a.ff", "a.ff", ["m", "b"], True),
        ("query", "query", ["m", "b"], True),
        ("a.own", "a.ff", ["m", "b"], True),
        ("a.own", "a.ff", ["m", "a"], False),
        ("a.side", "a.ff", ["m", "b"], True),
        ("a.ff", "a.own", ["m", "b"], False),
        ("enc", "a.ff", ["m", "b"], False),
        ("embed", "a.own", ["m", "a"], True),
        ("enc", "query", ["m", "b"], False),
        ("enc", None, ["m", "b"], False),
    ],
    ids=[
        "value of the trunk",
        "value of a trunk of parameters",
        "computed in the frame of the trunk's value",
        "in that frame",
        "parameter in the frame of the trunk's value",
        "computed from it",
        "from another trunk",
        "the only way from an input",
        "trunk of parameters",
        "no trunk outside",
    ],
)
def test_a_skip_is_part_of_what_the_trunk_depends_on(
    net: str, main: str | None, around: list[str], expected: bool
) -> None:
    assert Dependence(FIGURE, FRAMES_OF).is_skip(net, main, around) == expected


def test_fed_boxes_depend_on_an_input() -> None:
    fed = Dependence(FIGURE, FRAMES_OF).fed
    assert {box.key for box in FIGURE.boxes} - fed == {"a.side", "query"}
