"""Blocks that are tied or shared in pairs, such as those of two towers, fold as equal ones do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from torch import nn

from bmvis import capture
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.render.text import to_text
from bmvis.view.layout import layout
from bmvis.view.page import Page


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin, self.out = nn.Linear(4, 4), nn.Linear(4, 4)


def tower(blocks: int = 4) -> nn.Module:
    made = nn.Module()
    made.layers = nn.ModuleList(Block() for _ in range(blocks))
    return made


def page_of(*towers: nn.Module) -> Page:
    return layout(capture(nn.ModuleDict(dict(zip("abc", towers, strict=False)))), Options())


def labels(page: Page) -> list[str]:
    return [row.label for row in page.rows if row.depth == 3]


def tied_in_pairs(order: Callable[[list[nn.Module]], list[nn.Module]] = list) -> Page:
    one, other = tower(), tower()
    for left, right in zip(one.layers, order(list(other.layers)), strict=True):
        right.lin.weight = left.lin.weight
    return page_of(one, other)


def test_blocks_with_weights_tied_in_pairs_fold() -> None:
    page = tied_in_pairs()
    assert labels(page) == ["0-3", "0-3"]
    html = to_html(page, "m")
    assert "tied to b.layers.0-3.lin.weight" in html
    assert "tied to a.layers.0-3.lin.weight" in html
    assert page.ties == (("b.layers.0-3.lin.weight", "a.layers.0-3.lin.weight"),)
    first, second = (row for row in page.rows if row.label == "lin")
    assert (first.elements, first.first, second.elements, second.first) == (80, 80, 80, 16)


def test_blocks_tied_in_another_order_do_not_fold() -> None:
    page = tied_in_pairs(lambda blocks: blocks[::-1])
    assert labels(page) == ["0", "1", "2", "3"] * 2
    assert ("b.layers.0.lin.weight", "a.layers.3.lin.weight") in page.ties


def test_block_with_another_tie_does_not_fold() -> None:
    one, other = tower(), tower()
    for number in (0, 1, 2):
        other.layers[number].lin.weight = one.layers[number].lin.weight
    other.layers[3].lin.weight = one.layers[0].out.weight
    assert labels(page_of(one, other)) == ["0", "1-2", "3", "0-2", "3"]


def test_shared_blocks_fold() -> None:
    one, other = tower(), nn.Module()
    other.layers = nn.ModuleList(one.layers)
    assert "0-3(Block) (same module as a.layers.0-3)" in to_text(page_of(one, other))


def test_layers_shared_in_pairs_fold() -> None:
    one, other, third = tower(), tower(), tower()
    for blocks in zip(one.layers, other.layers, third.layers, strict=True):
        for block in blocks:
            block.lin = blocks[0].lin
    page = page_of(one, other, third)
    assert labels(page) == ["0-3", "0-3"]
    assert [row.label for row in page.rows if row.depth == 1] == ["a", "b,c"]
    assert "(same module as a.layers.0-3.lin)" in to_text(page)


@pytest.mark.parametrize("number", [0, 2])
def test_blocks_tied_to_one_block_elsewhere_fold(number: int) -> None:
    one, other = tower(), tower()
    for block in other.layers:
        block.lin.weight = one.layers[number].lin.weight
    page = page_of(one, other)
    assert labels(page)[-1] == "0-3"
    assert f"tied to a.layers.{number}.lin.weight" in to_html(page, "m")


def test_pairs_at_two_levels() -> None:
    def stages() -> nn.Module:
        return nn.ModuleList(tower(2) for _ in range(3))

    one, other = stages(), stages()
    for left, right in zip(one, other, strict=True):
        for block, same in zip(left.layers, right.layers, strict=True):
            same.lin = block.lin
    text = to_text(page_of(one, other))
    assert "(same module as a.0-2.layers.0-1.lin)" in text


def test_tie_inside_a_block_has_the_name_in_the_first_block() -> None:
    blocks = tower()
    for block in blocks.layers:
        block.out.weight = block.lin.weight
    html = to_html(page_of(blocks), "m")
    assert "tied to a.layers.0.lin.weight" in html
    assert "0-3.lin.weight" not in html
