"""A module with many parameters is one readable row, which counts them."""

from __future__ import annotations

import json

import pytest
import torch
from formats import as_json
from torch import nn

import bmvis
from bmvis.options.definitions import Options
from bmvis.render import row_tensors
from bmvis.render.html import members
from bmvis.render.text import to_text
from bmvis.view.layout import layout


def numbered(count: int, *sides: int) -> nn.ParameterList:
    return nn.ParameterList([nn.Parameter(torch.zeros(*sides)) for _ in range(count)])


def partly_frozen() -> nn.ParameterList:
    parameters = numbered(10, 2)
    for index in (3, 4):
        parameters[index].requires_grad_(False)
    return parameters


def tied() -> nn.Module:
    parameters = numbered(8, 2)
    parameters[7] = parameters[0]
    return parameters


def named(*names: str) -> nn.ParameterDict:
    return nn.ParameterDict({name: torch.zeros(2) for name in names})


def row(model: nn.Module, **options: object) -> str:
    return to_text(layout(bmvis.capture(model), Options(root_name="m", **options))).splitlines()[0]


@pytest.mark.parametrize(
    ("model", "line"),
    [
        (numbered(7, 2), "m " + " ".join(f"{n}:[2]" for n in range(7))),
        (numbered(8, 2), "m 0-7:[2] (8 parameters)"),
        (named("a" * 30, "b" * 30), f"m {'a' * 30}:[2] {'b' * 30}:[2]"),
        (named("a" * 30, "b" * 31), f"m {'a' * 30},{'b' * 31}:[2]"),
        (numbered(100, 4, 4), "m 0-99:[4, 4] (100 parameters)"),
        (
            nn.LSTM(8, 16, 3, bidirectional=True),
            "m weight_ih_l0-2,weight_ih_l0-2_reverse:[64, 8-32] weight_hh_l0-2,weight_hh_l0-2_reverse:[64, 16] "
            "bias_ih_l0-2,bias_hh_l0-2,bias_ih_l0-2_reverse,bias_hh_l0-2_reverse:[64] (24 parameters)",
        ),
        (
            nn.GRU(4, 4, 2),
            "m weight_ih_l0-1,weight_hh_l0-1:[12, 4] bias_ih_l0-1,bias_hh_l0-1:[12] (8 parameters)",
        ),
        (partly_frozen(), "m 0-2,5-9:[2] 3-4:[2] (frozen) (10 parameters)"),
        (tied(), "m 0:[2] 1-6:[2] 7:[2] (8 parameters)"),
        (named(*(f"p{chr(97 + n)}" for n in range(8))), "m pa,pb,pc,pd,pe,pf,pg,ph:[2]"),
        (
            named(*(f"p{chr(97 + n)}" for n in range(20))),
            "m pa,pb,pc,pd,pe,pf,pg,ph,pi,pj,pk,pl,pm,pn,po,pp,pq,pr,ps,pt:[2]",
        ),
        (
            named(*(f"{chr(97 + n)}" * 15 for n in range(8))),
            f"m {','.join(f'{chr(97 + n)}' * 15 for n in range(6))}:[2] {'g' * 15},{'h' * 15}:[2]",
        ),
        (
            nn.ParameterDict({f"p{chr(97 + n)}": torch.zeros(n + 2) for n in range(20)}),
            "m " + " ".join(f"p{chr(97 + n)}:[{n + 2}]" for n in range(12)) + " (12 of 20 parameters)",
        ),
    ],
    ids=[
        *("few", "short list", "short names", "two long names", "list", "LSTM", "GRU", "partly frozen", "tied"),
        *("eight names", "twenty names", "long names", "twenty shapes"),
    ],
)
def test_many_parameters_share_entries(model: nn.Module, line: str) -> None:
    assert row(model) == line


def test_expand_params_and_json_have_each_parameter() -> None:
    model = bmvis.capture(numbered(20, 2))
    assert len(layout(model, Options(expand_params=True)).rows) == 21
    data = json.loads(as_json(layout(model, Options())))
    assert [parameter["name"] for parameter in data["rows"][0]["parameters"]] == [str(n) for n in range(20)]


def test_similar_modules_have_the_entries_of_their_row() -> None:
    """In the first module, all parameters have one shape."""
    blocks = [nn.Sequential(named(*"abcdefgh"), nn.Linear(4, 4), nn.Linear(4, 4)) for _ in range(2)]
    for name in "efgh":
        blocks[1][0][name] = nn.Parameter(torch.zeros(3))
    page = layout(bmvis.capture(nn.Sequential(*blocks)), Options(fold="similar"))
    similar = next(found for found in page.rows if len(found.parameters) == 8)
    assert [row_tensors.tensor_text(parameter) for parameter in similar.shown_parameters] == [
        *(f"{name}:[2]" for name in "abcd"),
        *(f"{name}:[2-3]" for name in "efgh"),
    ]
    assert members.shapes(similar, 7) == "2 3"
