"""Compare the rows of random models with a slow reference that uses only PyTorch's own attributes."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from bs4 import BeautifulSoup
from examples import EXAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st
from large_libraries import transformers
from torch import nn

from bmvis import capture
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.view.layout import layout

# --- Random models. A plan is built at each place, so siblings are often equal; a plan with a slot is built once.


class A(nn.Module):
    pass


class B(nn.Module):
    pass


class Plan(NamedTuple):
    kind: type[nn.Module]
    tensors: dict[str, tuple[int, bool] | int]
    """Size, and whether it trains, of a parameter; or the number of one that all plans share."""
    buffers: int
    """0 for none, 1 for one of its own, 2 for one that all plans share."""
    below: list[tuple[list[str], "Plan"]]
    slot: int | None


def plans(below: st.SearchStrategy) -> st.SearchStrategy:
    return st.builds(
        Plan,
        st.sampled_from([A, B]),
        st.dictionaries(
            st.sampled_from("pq"), st.one_of(st.tuples(st.integers(1, 2), st.booleans()), st.integers(0, 1))
        ),
        st.sampled_from([0, 0, 1, 2]),
        below,
        st.sampled_from([None, None, None, 0, 1]),
    )


NAMES = st.lists(st.sampled_from("0123xy"), min_size=1, max_size=3, unique=True)
PLANS = st.recursive(
    plans(st.just([])), lambda below: plans(st.lists(st.tuples(NAMES, below), max_size=2)), max_leaves=8
)


class Builder:
    def __init__(self) -> None:
        self.tensors = [nn.Parameter(torch.empty(3, device="meta")), nn.Parameter(torch.empty(5, device="meta"))]
        self.buffer = torch.empty(2, device="meta")
        self.slots: dict[int, nn.Module] = {}

    def build(self, plan: Plan) -> nn.Module:
        if plan.slot in self.slots:
            return self.slots[plan.slot]
        module = plan.kind()
        for name, tensor in plan.tensors.items():
            module.register_parameter(name, self.tensors[tensor] if isinstance(tensor, int) else parameter(*tensor))
        if plan.buffers:
            module.register_buffer("b", self.buffer if plan.buffers == 2 else torch.empty(2, device="meta"))
        for names, below in plan.below:
            for name in names:
                module.add_module(name, self.build(below))
        if plan.slot is not None:
            self.slots[plan.slot] = module
        return module


def parameter(size: int, trains: bool) -> nn.Parameter:
    return nn.Parameter(torch.empty(size, device="meta"), requires_grad=trains)


# --- The slow reference.

Path = tuple[str, ...]


class Reference:
    """The expected rows of a model, from `_modules`, `_parameters` and `parameters()` alone."""

    def __init__(self, model: nn.Module, depth: int | None, non_params: bool, buffers: bool) -> None:
        self.depth, self.non_params, self.buffers = depth, non_params, buffers
        self.module_at: dict[int, Path] = {}
        self.tensor_at: dict[int, list[Path]] = {}
        self._meet(model, ())
        self.model = model

    def _meet(self, module: nn.Module, path: Path) -> None:
        is_new = self.module_at.setdefault(id(module), path) == path
        for name, tensor in module._parameters.items():
            self.tensor_at.setdefault(id(tensor), []).append((*path, name))
        for name, child in module._modules.items() if is_new else ():
            self._meet(child, (*path, name))

    def below(self, module: nn.Module, path: Path) -> list[tuple[nn.Module, Path]]:
        found = [(child, (*path, name)) for name, child in module._modules.items()]
        is_first = self.module_at[id(module)] == path
        return [(child, place) for child, place in found if is_first and self._is_shown(child)]

    def _is_shown(self, module: nn.Module) -> bool:
        tensors = [*module.parameters(), *(module.buffers() if self.buffers else ())]
        return self.non_params or bool(tensors)

    def is_cut(self, path: Path) -> bool:
        return self.depth is not None and len(path) >= self.depth

    def form(self, module: nn.Module, path: Path) -> object:
        """Return all that is shown of a module but for its name."""
        tensors = [(name, p.shape, p.requires_grad, self.ties(p, path, name)) for name, p in module._parameters.items()]
        buffers = [(name, buffer.shape) for name, buffer in module.named_buffers(recurse=False)] if self.buffers else []
        first = self.module_at[id(module)]
        own = (type(module), tensors, buffers, None if first == path else relative(path, first))
        below = self.below(module, path)
        if self.is_cut(path):
            return own, sums(module), len(list(self.everything_below(module, path)))
        return own, [(place[-1], self.form(child, place)) for child, place in below]

    def ties(self, tensor: nn.Parameter, path: Path, name: str) -> tuple[bool, list[object]]:
        """Return the other places of the tensor: the first one if this is a later one, else all later ones."""
        first, *later = self.tensor_at[id(tensor)]
        is_first = first == (*path, name)
        return is_first, [relative(path, place) for place in (later if is_first else [first])]

    def everything_below(self, module: nn.Module, path: Path) -> Iterator[Path]:
        for child, place in self.below(module, path):
            yield place
            yield from self.everything_below(child, place)

    def rows(self) -> list[tuple[object, ...]]:
        return list(self._rows([(self.model, ())], [(self.model, ())]))

    def _rows(self, alike: list[tuple[nn.Module, Path]], everyone: list[tuple[nn.Module, Path]]) -> Iterator[tuple]:
        """Yield the row of siblings that are alike; `everyone` are those of all modules above as well."""
        (module, path), *_ = alike
        elements = {id(p): p.numel() for one, _ in everyone for p in one.parameters()}
        first = sum(n for key, n in elements.items() if self._is_first_in(key, [place for _, place in everyone]))
        names = tuple(place[-1] if place else "" for _, place in alike)
        yield len(path), names, ".".join(path), sums(module), len(everyone), sum(elements.values()), first
        if self.is_cut(path):
            return
        groups: list[tuple[object, list[tuple[nn.Module, Path]]]] = []
        for child in self.below(module, path):
            form = self.form(*child)
            known = next((group for other, group in groups if other == form), None)
            known.append(child) if known is not None else groups.append((form, [child]))
        for _, group in groups:
            again = [self._at((*above, p[-1])) for _, above in everyone for _, p in group]
            yield from self._rows(group, again)

    def _at(self, path: Path) -> tuple[nn.Module, Path]:
        return self.model.get_submodule(".".join(path)), path

    def _is_first_in(self, tensor: int, places: list[Path]) -> bool:
        first = self.tensor_at[tensor][0]
        return any(first[: len(place)] == place for place in places)


def sums(module: nn.Module) -> tuple[int, int]:
    tensors = list(module.parameters())
    return sum(p.numel() for p in tensors), sum(p.numel() for p in tensors if p.requires_grad)


def relative(here: Path, there: Path) -> tuple[int, Path]:
    """Return how many levels to go up, and what to go down, from one place to another."""
    common = len([None for n in range(1, 1 + min(len(here), len(there))) if here[:n] == there[:n]])
    return len(here) - common, there[common:]


SHOWN = st.fixed_dictionaries(
    {"depth": st.sampled_from([None, None, 1, 2]), "non_params": st.booleans(), "buffers": st.booleans()}
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(PLANS, SHOWN)
def test_rows_equal_the_slow_reference(plan, shown):
    model = Builder().build(plan)
    rows = layout(capture(model), Options(**shown)).rows
    assert [
        (r.depth, r.names, r.path, (r.totals.count, r.totals.trainable), r.times, r.elements, r.first) for r in rows
    ] == Reference(model, **shown).rows()


def repeated() -> nn.Module:
    """Return a model in which twelve places share a block with a tenth of the parameters."""
    block = nn.Sequential(nn.Linear(9, 10))
    return nn.ModuleDict({"emb": nn.Embedding(90, 10), "layers": nn.ModuleList([block] * 12)})


def titles(html: str, element: str) -> list[str]:
    return [found.get("title") or found.title.text for found in BeautifulSoup(html, "html.parser").find_all(element)]


def test_share_counts_shared_tensors_once():
    shares = titles(to_html(layout(capture(repeated()), Options()), "m"), "data")
    assert shares[:2] == ["1,000 parameters: 100 %; 4 KB", "900 parameters: 90 %; 3.6 KB"]
    assert shares[-1] == "100 parameters each, 11 times, together 10 %; 400 bytes"


def test_map_counts_shared_tensors_at_their_first_place():
    with torch.device("meta"):
        model = transformers.T5ForConditionalGeneration(
            transformers.T5Config(d_model=8, d_kv=4, d_ff=8, num_layers=2, vocab_size=1000)
        )
    page = layout(capture(model), Options(depth=1, map=True))
    cells = titles(to_html(page, "m"), "g")
    count = {cell.partition(":")[0]: int(cell.split()[1].replace(",", "")) for cell in cells}
    assert count["root"] == sum(p.numel() for p in model.parameters()) == sum(count.values()) - count["root"]
    assert count["encoder"] == sum(p.numel() for p in model.encoder.parameters()) - count["shared"]
