"""The short notation for the edges of a figure."""

from __future__ import annotations

import pytest
from edge_lists import edge_list, parse_edge_list

EDGES = "in:x > emb; emb > layers.0..x4; layers.0..x4 > (× +)root; emb > (× +)root; (× +)root > head#2; head#2 > out:y"


def test_notation_is_written_as_it_was_read() -> None:
    assert edge_list(parse_edge_list(EDGES)) == EDGES


@pytest.mark.parametrize(
    ("key", "kind", "label", "path", "repeats", "note"),
    [
        ("in:x", "input", "x", None, 1, ""),
        ("out:y", "output", "y", None, 1, ""),
        ("emb", "module", "emb", "emb", 1, ""),
        ("layers.0..x4", "module", "layers.0", "layers.0", 4, ""),
        ("head#2", "module", "head", "head", 1, "call 2"),
        ("(× +)root", "join", "× +", "", 1, ""),
    ],
)
def test_keys(key: str, kind: str, label: str, path: str | None, repeats: int, note: str) -> None:
    box = parse_edge_list(EDGES).box_of[key]
    assert (box.kind, box.label, box.path, box.repeats, box.note) == (kind, label, path, repeats, note)


def test_inputs_are_first_and_outputs_last() -> None:
    kinds = [box.kind for box in parse_edge_list("a > out:y; in:x > a; in:z > a").boxes]
    assert kinds == ["input", "input", "module", "output"]
