"""What a figure draws once: chains of equal blocks, groups that repeat, and equal blocks side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from drawn_networks import figures
from edge_lists import edge_list
from torch import nn

from bmvis.render.connections import connection_lines
from bmvis.view.figure.figure import Figure, Frame


class Block(nn.Module):
    """Two layers, with a residual if `skips`."""

    def __init__(self, width: int = 4, inner: int | None = None, skips: bool = False) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(inner or width, 8), nn.Linear(8, width)
        self.skips = skips

    def forward(self, x, extra=None):
        found = self.down(self.up(x))
        found = found + x if self.skips else found
        return found if extra is None else found + extra


class Blocks(nn.Module):
    """A model whose code is a function of its blocks and the input."""

    def __init__(self, code: Callable[..., Any], blocks: list[nn.Module]) -> None:
        super().__init__()
        self.first, self.blocks = nn.Linear(4, 4), nn.ModuleList(blocks)
        self.code = code

    def forward(self, x):
        return self.code(self, self.blocks, x)


def drawn(code: Callable[..., Any], blocks: list[nn.Module], level: int = 1, **options: Any) -> Figure:
    return figures(Blocks(code, blocks), torch.ones(2, 4), options=options).at(level)


def chain(_, blocks, x):
    for block in blocks:
        x = block(x)
    return x


def residual_in_parent(_, blocks, x):
    for block in blocks:
        x = x + block(x)
    return x


def edge_into_the_middle(model, blocks, x):
    extra = model.first(x)
    for index, block in enumerate(blocks):
        x = block(x, extra if index == 3 else None)
    return x


def value_taken_from_the_middle(_, blocks, x):
    taken = None
    for index, block in enumerate(blocks):
        x = block(x)
        taken = x if index == 2 else taken
    return x, taken


def all_are_outputs(_, blocks, x):
    found = []
    for block in blocks:
        x = block(x)
        found.append(x)
    return {"last": x, "hidden": found}


def one_module_many_times(_, blocks, x):
    for _ in range(12):
        x = blocks[0](x)
    return x


def recurrent(model, blocks, x):
    state, found = torch.zeros(2, 4), torch.zeros(5, 2, 4)
    for index in range(5):
        state = torch.tanh(blocks[0](state) + model.first(x))
        found[index] = state
    return found


def recurrence_of_operations(model, blocks, x, steps=6):
    gate, value, state = blocks[0](x), model.first(x), torch.zeros(2, 4)
    found = [state := gate * state + value for _ in range(steps)]
    return torch.stack(found)


def from_a_transposed_value(_, blocks, x):
    x = x.repeat(3, 1, 1).transpose(0, 1)  # `linear` runs other operations if its input is not contiguous
    for block in blocks:
        x = block(x)
    return x


def guided(model, blocks, x):
    for _ in range(4):
        one, other = blocks[0](x), model.first(x)
        x = x - 0.1 * (one + 2 * (other - one))
    return x


def scaled_by_a_list(_, blocks, x):
    for scale, block in zip(blocks[0], blocks[1:], strict=True):
        x = block(x * scale)
    return x


def cell_with_two_states(_, blocks, x):
    hidden, cell = torch.zeros(2, 4), torch.zeros(2, 4)
    for _ in range(4):
        hidden, cell = blocks[0](x, (hidden, cell))
    return hidden


def side_by_side(_, blocks, x):
    return torch.cat([block(x) for block in blocks], 1)


def of_different_values(model, blocks, x):
    return torch.cat([blocks[0](x), blocks[1](model.first(x))], 1)


CASES = {
    "chain": (chain, [Block() for _ in range(6)], "in:x > blocks.0..x6; blocks.0..x6 > out:output"),
    "residual in the parent": (
        residual_in_parent,
        [Block() for _ in range(3)],
        "in:x > blocks.0; in:x > (+)root; blocks.0 > (+)root; (+)root > out:output",
    ),
    "periods": (
        chain,
        [Block() if index % 2 else nn.Linear(4, 4) for index in range(6)],
        "in:x > blocks.0; blocks.0 > blocks.1; blocks.1 > out:output",
    ),
    "edge into the middle": (
        edge_into_the_middle,
        [Block() for _ in range(6)],
        "in:x > blocks.0..x3; in:x > first; first > blocks.3; blocks.0..x3 > blocks.3; blocks.3 > blocks.4..x2; "
        "blocks.4..x2 > out:output",
    ),
    "value from the middle": (
        value_taken_from_the_middle,
        [Block() for _ in range(6)],
        "in:x > blocks.0..x3; blocks.0..x3 > blocks.3..x3; blocks.3..x3 > out:output 1; blocks.0..x3 > out:output 2",
    ),
    "all are outputs": (
        all_are_outputs,
        [Block() for _ in range(4)],
        "in:x > blocks.0..x4; blocks.0..x4 > out:last; blocks.0..x4 > out:hidden",
    ),
    "one module many times": (
        one_module_many_times,
        [Block()],
        "in:x > blocks.0..x12; blocks.0..x12 > out:output",
    ),
    "recurrent": (
        recurrent,
        [Block()],
        "in:x > first; blocks.0 > (+)root; first > (+)root; (+)root > (assign)root; (assign)root > out:output",
    ),
    "recurrence of operations": (
        recurrence_of_operations,
        [Block()],
        "in:x > blocks.0; in:x > first; blocks.0 > (+)root; first > (+)root; (+)root > (× +)root; "
        "blocks.0 > (× +)root; first > (× +)root; (+)root > (stack)root; (× +)root > (stack)root; "
        "(stack)root > out:output",
    ),
    "a transposed value is the first input": (
        from_a_transposed_value,
        [Block(skips=True) for _ in range(3)],
        "in:x > blocks.0..x3; blocks.0..x3 > out:output",
    ),
    "several operations in each step of a loop": (
        guided,
        [Block()],
        "in:x > blocks.0; in:x > first; in:x > (− +)root; blocks.0 > (− +)root; first > (− +)root; "
        "(− +)root > out:output",
    ),
    "parameters of a list": (
        scaled_by_a_list,
        [nn.ParameterList([torch.ones(4) for _ in range(3)]), *(Block() for _ in range(3))],
        "in:x > (× blocks.0.0-2)root; (× blocks.0.0-2)root > blocks.1; blocks.1 > out:output",
    ),
    "cell with two states": (
        cell_with_two_states,
        [nn.LSTMCell(4, 4)],
        "in:x > blocks.0..x4; blocks.0..x4 > out:output",
    ),
    "side by side": (
        side_by_side,
        [Block() for _ in range(3)],
        "in:x > blocks.0..x3; blocks.0..x3 > (concat)root; (concat)root > out:output",
    ),
    "of different values": (
        of_different_values,
        [Block() for _ in range(2)],
        "in:x > blocks.0; in:x > first; first > blocks.1; blocks.0 > (concat)root; blocks.1 > (concat)root; "
        "(concat)root > out:output",
    ),
    "other wiring": (
        chain,
        [Block(skips=index > 1) for index in range(4)],
        "in:x > blocks.0..x2; blocks.0..x2 > blocks.2..x2; blocks.2..x2 > out:output",
    ),
    "other sizes": (
        chain,
        [Block(), Block(), Block(6, 4), Block(6), Block(6)],
        "in:x > blocks.0..x2; blocks.0..x2 > blocks.2; blocks.2 > blocks.3..x2; blocks.3..x2 > out:output",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_edges(case: str) -> None:
    code, blocks, expected = CASES[case]
    assert sorted(edge_list(drawn(code, blocks)).split("; ")) == sorted(expected.split("; "))


def test_blocks_in_a_row_are_one_box_in_a_loop() -> None:
    def loop(model, blocks, x):
        for _ in range(3):
            x = chain(model, blocks, model.first(x))
        return x

    figure = drawn(loop, [Block() for _ in range(4)])
    assert edge_list(figure) == "in:x > first; first > blocks.0..x4; blocks.0..x4 > out:output"
    assert [(frame.repeats, frame.boxes) for frame in figure.frames] == [(3, ("first", "blocks.0..x4"))]


def test_group_that_repeats_has_a_frame() -> None:
    figure = drawn(residual_in_parent, [Block() for _ in range(3)])
    assert figure.frames == (Frame("", None, "", 3, ("blocks.0", "(+)root")),)


def alternating(_, blocks, x):
    for block in blocks:
        x = torch.relu(block(x)) if isinstance(block, Block) else block(x)
    return x


def loop_with_a_residual(model, _, x):
    for _ in range(5):
        x = x + model.first(x)
    return x


@pytest.mark.parametrize(
    ("code", "blocks", "names"),
    [
        (residual_in_parent, [Block() for _ in range(3)], {"blocks.0-2 (×3)", "+ in root (×3)"}),
        (
            alternating,
            [Block() if index % 2 else nn.Linear(4, 4) for index in range(6)],
            {"blocks.0,2,4 (×3)", "blocks.1,3,5 (×3)"},
        ),
        (loop_with_a_residual, [], {"first (×5, same weights)", "+ in root (×5)"}),
    ],
    ids=["residual", "period", "loop"],
)
def test_group_that_repeats_names_the_modules_of_all_repeats(
    code: Callable[..., Any], blocks: list[nn.Module], names: set[str]
) -> None:
    sources = {line.partition(" -> ")[0] for line in connection_lines(drawn(code, blocks))}
    assert sources == {"x", *names}


def test_modules_of_opened_blocks_in_a_group_have_the_names_of_all_blocks() -> None:
    lines = connection_lines(drawn(residual_in_parent, [Block() for _ in range(3)], level=2))
    assert "blocks.0-2.up (×3) -> blocks.0-2.down (×3): [2, 8]" in lines


@pytest.mark.parametrize(("steps", "frames"), [(4, 0), (5, 1)])
def test_few_operations_without_modules_have_no_frame(steps: int, frames: int) -> None:
    """The first step is apart: it has no state to multiply."""

    def code(*given):
        return recurrence_of_operations(*given, steps=steps)

    assert len(drawn(code, [Block()]).frames) == frames


def test_repeated_module_is_opened_once() -> None:
    figure = drawn(chain, [Block(skips=True) for _ in range(5)], level=2)
    assert edge_list(figure) == (
        "in:x > blocks.0.up; blocks.0.up > blocks.0.down; in:x > (+)blocks.0; blocks.0.down > (+)blocks.0; "
        "(+)blocks.0 > out:output"
    )
    (frame,) = figure.frames
    assert (frame.label, frame.path, frame.type_name, frame.repeats) == ("blocks.0-4", "blocks.0", "Block", 5)


@pytest.mark.parametrize(
    ("code", "blocks", "similar", "label", "note", "parallel"),
    [
        (chain, 3, False, "blocks.0-2", "", False),
        (one_module_many_times, 1, False, "blocks.0", "same weights", False),
        (side_by_side, 3, False, "blocks.0-2", "", True),
    ],
    ids=["chain", "one module", "side by side"],
)
def test_box(code: Any, blocks: int, similar: bool, label: str, note: str, parallel: bool) -> None:
    box = next(box for box in drawn(code, [Block() for _ in range(blocks)]).boxes if box.repeats > 1)
    assert (box.label, box.similar, box.note, box.parallel) == (label, similar, note, parallel)


def repeated_and_alone(model, blocks, x):
    first, second = blocks
    for _ in range(3):
        x = first(x)
    return first(second(x))


@pytest.mark.parametrize(
    ("level", "notes"),
    [(1, ["3 of 4 calls", "", "call 4 of 4"]), (2, ["3 of 4 calls"] * 2 + ["", ""] + ["call 4 of 4"] * 2)],
)
def test_calls_of_a_module_are_counted_in_runs_too(level: int, notes: list[str]) -> None:
    figure = drawn(repeated_and_alone, [Block(), Block()], level=level)
    assert [box.note for box in figure.boxes if box.kind == "module"] == notes


def test_similar_blocks_are_one_box_if_requested() -> None:
    blocks = [Block(4), Block(6, 4), Block(8, 6)]
    assert [box.repeats for box in drawn(chain, blocks).boxes] == [1, 1, 1, 1, 1]
    (box,) = (box for box in drawn(chain, blocks, similar=True).boxes if box.kind == "module")
    assert (box.repeats, box.similar) == (3, True)


def test_chain_of_2000_calls() -> None:
    blocks = [nn.Linear(4, 4) for _ in range(2000)]
    assert edge_list(drawn(chain, blocks)) == "in:x > blocks.0..x2000; blocks.0..x2000 > out:output"


def test_closed_module_is_one_box_at_every_level() -> None:
    figure = drawn(chain, [Block() for _ in range(2)] + [nn.Sequential(nn.Linear(4, 4))], 2, closed=["blocks.2"])
    assert [box.key for box in figure.boxes] == ["in:x", "blocks.0.up", "blocks.0.down", "blocks.2", "out:output"]


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ("joins", "in:x > blocks.0; in:x > (+)root; blocks.0 > (+)root; (+)root > out:output"),
        ("none", "in:x > blocks.0; in:x > out:output; blocks.0 > out:output"),
        (
            "all",
            "in:x > blocks.0; in:x > (+)root; blocks.0 > (+)root; (+)root > (relu)root; (relu)root > out:output",
        ),
    ],
)
def test_operations(operations: str, expected: str) -> None:
    figure = drawn(lambda _, blocks, x: torch.relu(x + blocks[0](x)), [Block()], operations=operations)
    assert sorted(edge_list(figure).split("; ")) == sorted(expected.split("; "))
