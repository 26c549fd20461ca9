"""The names of operations that combine two values: those of the functions that the code calls."""

from __future__ import annotations

import pytest
import torch
from drawn_networks import figures
from edge_lists import edge_list
from torch import nn
from torch.nn import functional


def scripted_sum(a, b):
    with pytest.warns(DeprecationWarning, match="deprecated"):
        return torch.jit.script(added)(a, b)


def added(a, b):
    return a + b


FUNCTIONS = {
    "cosine_similarity": lambda a, b: functional.cosine_similarity(a, b),
    "pairwise_distance": lambda a, b: functional.pairwise_distance(a, b),
    "cdist": torch.cdist,
    "linear": lambda a, b: functional.linear(a, b),
    "bilinear": lambda a, b: functional.bilinear(a, b, a.new_ones(3, 4, 4)),
    "conv1d": lambda a, b: functional.conv1d(a[None], b[None].expand(3, 2, 4)),
    "prelu": lambda a, b: functional.prelu(a, b[0]),
    "instance_norm": lambda a, b: functional.instance_norm(a[None], weight=b[0, :2], bias=b[1, :2]),
    "grid_sample": lambda a, b: functional.grid_sample(a.view(1, 1, 2, 4), b.view(1, 2, 2, 2), align_corners=False),
    "einsum": lambda a, b: torch.einsum("ij,kj->ik", a, b),
    "inner": torch.inner,
    "outer": lambda a, b: torch.outer(a[0], b[0]),
    "kron": torch.kron,
    "tensordot": lambda a, b: torch.tensordot(a, b.t(), 1),
    "addmm": lambda a, b: torch.addmm(a.new_ones(2, 2), a, b.t()),
    "baddbmm": lambda a, b: torch.baddbmm(a.new_ones(1, 2, 2), a[None], b.t()[None]),
    "addcmul": lambda a, b: torch.addcmul(a, a, b),
    "lerp": lambda a, b: torch.lerp(a, b, b.sigmoid()),
    "multi_dot": lambda a, b: torch.linalg.multi_dot([a, b.t(), a]),
    "vecdot": torch.linalg.vecdot,
    "cross": lambda a, b: torch.linalg.cross(a[:, :3], b[:, :3]),
    "isclose": torch.isclose,
    "quantile": lambda a, b: torch.quantile(a, b[0, 0].sigmoid()),
    "maximum": torch.maximum,
    "logaddexp": torch.logaddexp,
    "take_along_dim": lambda a, b: torch.take_along_dim(a, b.argsort(1), 1),
    "gather": lambda a, b: a.gather(1, b.argsort(1)),
    "index_select": lambda a, b: a.index_select(0, b.argmax(1).clamp(max=1)),
    "index": lambda a, b: a[b.argmax(1).clamp(max=1)],
    "scatter": lambda a, b: a.scatter(1, a.argsort(1), b),
    "scatter +": lambda a, b: a.index_add(0, a.argmax(1).clamp(max=1), b),
    "scatter_reduce": lambda a, b: torch.scatter_reduce(a, 1, a.argsort(1), b, "amax"),
    "where": lambda a, b: torch.where(a > 0, a, b),
    "cross_entropy": lambda a, b: functional.cross_entropy(a, b.softmax(1), label_smoothing=0.1),
    "nll_loss": lambda a, b: functional.nll_loss(a.log_softmax(1), b.argmax(1)),
    "l1_loss": lambda a, b: functional.l1_loss(a, b),
    "kl_div": lambda a, b: functional.kl_div(a.log_softmax(1), b.log_softmax(1), log_target=True, reduction="sum"),
    "cosine_embedding_loss": lambda a, b: functional.cosine_embedding_loss(a, b, a.new_ones(2)),
    "margin_ranking_loss": lambda a, b: functional.margin_ranking_loss(a[:, 0], b[:, 0], a.new_ones(2)),
    "triplet_margin_loss": lambda a, b: functional.triplet_margin_loss(a, b, a.detach()),
    "hinge_embedding_loss": lambda a, b: functional.hinge_embedding_loss(a, b.sign()),
    "attention": lambda a, b: functional.scaled_dot_product_attention(a[None], b[None], b[None]),
    "stack": lambda a, b: torch.stack([a, b]).unbind()[0],
    "concat": lambda a, b: torch.cat([a.split(2, 1)[0], b.chunk(2, 1)[1]], 1),
    "matmul": lambda a, b: functional.normalize(a) @ functional.normalize(b).T,
    "−": lambda a, b: a.roll(1, 0) - torch.std(b),
    "+": lambda a, b: functional.interpolate(a[None], size=8) + functional.pad(b, (2, 2)),
    "×": lambda a, b: functional.pixel_shuffle(a.view(1, 4, 2, 1), 2) * torch.fft.fft(b).real.view(1, 1, 4, 2),
    "÷": lambda a, b: functional.fold(functional.unfold(a.view(1, 1, 2, 4), 1), (2, 4), 1) / torch.logsumexp(b, 1)[0],
}


class Two(nn.Module):
    """Combines the values of two layers."""

    def __init__(self, function) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.function = function

    def forward(self, x):
        return self.function(self.a(x), self.b(x))


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_join_has_the_name_of_the_function(name: str, device: str) -> None:
    with torch.device(device):
        figure = figures(Two(FUNCTIONS[name]), torch.ones(2, 4)).at(1)
    expected = "in:x > a; in:x > b; a > (J)root; b > (J)root; (J)root > out:output".replace("J", name)
    assert sorted(edge_list(figure).split("; ")) == sorted(expected.split("; "))


@pytest.mark.parametrize("name", ["einsum", "baddbmm", "bmm"])
def test_attention_by_hand(name: str) -> None:
    products = {
        "einsum": lambda a, b: torch.einsum("bij,bjk->bik", a, b),
        "baddbmm": lambda a, b: torch.baddbmm(a.new_zeros(1, 1, 1), a, b),
        "bmm": torch.bmm,
    }
    product = products[name]
    model = Two(lambda a, b: product(product(a[None], b.t()[None]).softmax(-1), b[None]))
    joins = [box.label for box in figures(model, torch.ones(2, 4)).at(1).boxes if box.kind == "join"]
    assert joins == ["attention"]


class Attention(nn.Module):
    """Attention by hand, with queries, keys and values from one layer, and a bias that is added to the scores."""

    def __init__(self, bias: str) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(8, 24), nn.Linear(8, 8)
        self.table = nn.Parameter(torch.zeros(11, 2))
        self.register_buffer("places", torch.zeros(36, dtype=torch.long))
        self.bias = bias

    def forward(self, x):
        q, k, v = self.qkv(x).view(1, 6, 3, 2, 4).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2)
        if self.bias == "table":
            scores = scores + self.table[self.places].view(6, 6, 2).permute(2, 0, 1)
        if self.bias == "scale":
            return self.proj(((scores * self.table[0, 0]) @ v).transpose(1, 2).reshape(1, 6, 8))
        return self.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(1, 6, 8))


@pytest.mark.parametrize(("bias", "joins"), [("", []), ("table", ["attention table"]), ("scale", ["× matmul table"])])
def test_attention_with_a_relative_bias(bias: str, joins: list[str]) -> None:
    figure = figures(Attention(bias), torch.ones(1, 6, 8)).at(1)
    assert [box.label for box in figure.boxes if box.kind == "join"] == joins


def test_attention_whose_scores_are_an_output_is_two_products() -> None:
    class Scores(Two):
        def forward(self, x):
            keys = self.b(x)
            scores = self.a(x) @ keys.T
            return {"scores": scores, "values": scores.softmax(-1) @ keys}

    edges = edge_list(figures(Scores(None), torch.ones(2, 4)).at(1)).split("; ")
    assert "(matmul)root > (matmul)root~2" in edges


def test_label_has_operations_and_parameters_in_the_order_of_the_code() -> None:
    class Biased(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k = nn.Linear(4, 4), nn.Linear(4, 4)
            self.u, self.v = nn.Parameter(torch.zeros(4)), nn.Parameter(torch.zeros(4))

        def forward(self, x):
            q, k = self.q(x), self.k(x)
            return (q + self.u) @ k.T - (q * self.v) @ k.T

    joins = [box.label for box in figures(Biased(), torch.ones(2, 4)).at(1).boxes if box.kind == "join"]
    assert joins == ["+ matmul × … u, v"]


def test_function_is_one_operation_if_all_are_drawn() -> None:
    model = Two(lambda a, b: functional.cosine_similarity(functional.normalize(a), b).T)
    joins = [
        box.label for box in figures(model, torch.ones(2, 4), options={"operations": "all"}).at(1).boxes
        if box.kind == "join"
    ]  # fmt: skip
    assert joins[:2] == ["normalize", "cosine_similarity"]


def test_function_with_two_results_keeps_its_operations_apart() -> None:
    class Both(Two):
        def forward(self, x):
            mean, deviation = torch.std_mean(self.a(x) * self.b(x))
            return {"mean": mean, "deviation": deviation}

    edges = edge_list(figures(Both(None), torch.ones(2, 4)).at(1)).split("; ")
    assert {"(×)root > out:mean", "(×)root > out:deviation"} <= set(edges)


def test_operation_in_a_scripted_function_has_its_own_name() -> None:
    figure = figures(Two(scripted_sum), torch.ones(2, 4)).at(1)
    assert "(+)root > out:output" in edge_list(figure)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_tensors_that_the_call_makes_are_on_the_device_of_the_context(device: str) -> None:
    made = []
    with torch.device(device):
        figures(Two(lambda a, b: made.append(torch.zeros(2).device.type) or a + b), torch.ones(2, 4))
        assert torch.zeros(2).device.type == device
    assert made == [device]
    assert torch.zeros(2).device.type == "cpu"
