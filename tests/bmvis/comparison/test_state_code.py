"""The verdict on old checkpoints for modules whose own code takes part in their state dict."""

from collections.abc import Callable

import pytest
import torch
from state_dicts import Build, loads
from torch import nn

from bmvis.comparison import checkpoint
from bmvis.comparison.checkpoint import checkpoint_verdict
from bmvis.comparison.drift import find_drift
from bmvis.comparison.state_code_changes import state_code_changes
from bmvis.extraction.modules import capture
from bmvis.model.snapshot import Snapshot, dump, load
from bmvis.model.state_code import StateCode
from bmvis.model.tree import Module


class Renames(nn.Linear):
    """Loads files in which its weight is called `kernel`."""

    def _load_from_state_dict(self, state, prefix, *others):
        if prefix + "kernel" in state:
            state[prefix + "weight"] = state.pop(prefix + "kernel")
        super()._load_from_state_dict(state, prefix, *others)


class Keeps(nn.Linear):
    """Overrides the method and changes nothing."""

    def _load_from_state_dict(self, *arguments):
        super()._load_from_state_dict(*arguments)


class Saves(nn.Linear):
    def _save_to_state_dict(self, destination, prefix, keep_vars):
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[prefix + "kernel"] = destination.pop(prefix + "weight")


class Kernel(nn.Module):
    def __init__(self, *_):
        super().__init__()
        self.kernel = nn.Parameter(torch.zeros(3, 2))
        self.bias = nn.Parameter(torch.zeros(3))


class Both(nn.Linear):
    def get_extra_state(self):
        return torch.zeros(1)

    def set_extra_state(self, state):
        pass


class Gets(nn.Linear):
    def get_extra_state(self):
        return {"a": 1}


class Sets(nn.Linear):
    def set_extra_state(self, state):
        pass


class Norm(nn.BatchNorm1d):
    pass


class Old(nn.BatchNorm1d):
    _version = 1

    def __init__(self, *arguments):
        super().__init__(*arguments)
        del self._buffers["num_batches_tracked"]


class Root(nn.Sequential):
    def load_state_dict(self, state, strict=True):
        return super().load_state_dict({key: value for key, value in state.items() if "bias" not in key}, False)


def to_kernel(state, prefix, *_):
    state[prefix + "weight"] = state.pop(prefix + "kernel")


def hooked(register: str, hook: Callable[..., object], cls: Build = lambda: nn.Linear(2, 3)) -> Build:
    def build() -> nn.Module:
        model = nn.Sequential(cls())
        getattr(model[0], register)(hook)
        return model

    return build


def one(cls: Callable[..., nn.Module], *sizes: int) -> Build:
    return lambda: nn.Sequential(cls(*(sizes or (2, 3))))


def pre(module, state, prefix, *_):
    state[prefix + "weight"] = state.pop(prefix + "kernel")


def forgive(module, incompatible):
    incompatible.missing_keys.clear()
    incompatible.unexpected_keys.clear()


def saved_as_kernel(module, state, prefix, metadata):
    state[prefix + "kernel"] = state.pop(prefix + "weight")


CERTAIN: dict[str, tuple[Build, Build]] = {
    "the same code": (one(Renames), one(Renames)),
    "the same load hook": (hooked("register_load_state_dict_post_hook", forgive),) * 2,
    "extra state kept": (one(Both), one(Both)),
    "extra state added": (one(nn.Linear), one(Both)),
    "extra state removed": (one(Both), one(nn.Linear)),
    "extra state only saved": (one(nn.Linear), one(Gets)),
    "extra state only loaded": (one(nn.Linear), one(Sets)),
    "extra state saved, then loaded": (one(Gets), one(Sets)),
    "a subclass of a norm": (one(nn.BatchNorm1d, 3), one(Norm, 3)),
    "from a subclass of a norm": (one(Norm, 3), one(nn.BatchNorm1d, 3)),
    "a norm without the counter": (one(Old, 3), one(nn.BatchNorm1d, 3)),
    "a norm without the counter to a subclass": (one(Old, 3), one(Norm, 3)),
    "a norm where no module was": (lambda: nn.Sequential(), one(nn.BatchNorm1d, 3)),
    "spectral_norm's own hooks": (
        lambda: nn.utils.spectral_norm(nn.Linear(2, 3)),
        lambda: nn.utils.spectral_norm(nn.Linear(2, 4)),
    ),
    "lazy layer's own hooks": (one(nn.LazyLinear, 3), one(nn.LazyLinear, 4)),
    "load_state_dict of a module inside": (
        lambda: nn.Sequential(nn.Sequential(nn.Linear(2, 3, bias=False))),
        lambda: nn.Sequential(Root(nn.Linear(2, 3))),
    ),
}
UNCERTAIN: dict[str, tuple[Build, Build, str]] = {
    "a method that converts": (one(Kernel), one(Renames), "Renames._load_from_state_dict"),
    "a method that does not": (one(Kernel), one(Keeps), "Keeps._load_from_state_dict"),
    "a hook that converts": (one(Kernel), hooked("register_load_state_dict_pre_hook", pre), "pre"),
    "a hook of the older kind": (one(Kernel), hooked("_register_load_state_dict_pre_hook", to_kernel), "to_kernel"),
    "a hook that forgives": (one(Kernel), hooked("register_load_state_dict_post_hook", forgive), "forgive"),
    "a hook that is new": (one(nn.Linear), hooked("register_load_state_dict_pre_hook", pre), "pre"),
    "a method that saves": (one(Saves), one(Kernel), "Saves._save_to_state_dict"),
    "a hook that saves": (hooked("register_state_dict_post_hook", saved_as_kernel), one(Kernel), "saved_as_kernel"),
    "the same method that saves only": (one(Saves), lambda: one(Saves)().half(), "Saves._save_to_state_dict"),
    "load_state_dict of the root": (
        lambda: Root(nn.Linear(2, 3, bias=False)),
        lambda: Root(nn.Linear(2, 3)),
        "Root.load_state_dict",
    ),
}


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize(("before", "after"), CERTAIN.values(), ids=CERTAIN)
def test_verdict_agrees_with_load_state_dict(before: Build, after: Build) -> None:
    verdict = checkpoint_verdict(capture(before()), capture(after()))
    assert verdict.is_certain
    assert (verdict.loads, verdict.loads_loosely) == (
        loads(before, after, strict=True),
        loads(before, after, strict=False),
    )


@pytest.mark.parametrize(("before", "after", "name"), UNCERTAIN.values(), ids=UNCERTAIN)
def test_code_of_the_module_makes_the_verdict_uncertain(before: Build, after: Build, name: str) -> None:
    drift = find_drift(capture(before()), capture(after()))
    assert (drift.verdict.loads, drift.verdict.is_certain) == (False, False)
    assert ", unless its load hook " in drift.headline
    assert any(converter.endswith(f".{name}") for converter in drift.verdict.converters)
    assert drift.impact == "checkpoint"


@pytest.mark.parametrize("build", [one(Gets), one(Sets), one(Renames), one(Saves)])
def test_unchanged_model_has_no_drift(build: Build) -> None:
    assert not find_drift(capture(build()), capture(build()))


def test_truncated_list_of_tensors_is_never_reported_as_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "MAX_PLACES", 5)
    before, after = capture(nn.Sequential(*map(nn.Linear, [2] * 5, [2] * 5))), nn.Sequential(nn.Linear(2, 2))
    drift = find_drift(before, capture(after))
    assert (drift.verdict.loads, drift.verdict.loads_loosely) == (False, False)
    assert drift.headline == "unknown whether old checkpoints load (more than 5 tensors)"
    assert not find_drift(before, before)


def test_snapshot_of_format_2_does_not_record_the_code() -> None:
    model = capture(one(Renames)())
    text = dump(Snapshot("zoo:build", model))
    assert load(text).model == model
    kept = {"_load_from_state_dict": "", "Renames": "Linear"}
    assert all(name in text for name in kept)
    start, end = text.index(', "state_code"'), text.index("}", text.index(', "state_code"')) + 1
    older = (text[:start] + text[end:]).replace('"bmvis-snapshot": 3', '"bmvis-snapshot": 2')
    recorded = load(older).model
    assert recorded.unrecorded == ("state_code", "settings", "adapter_facts", "dataflow")
    assert not find_drift(recorded, model)
    assert load(dump(load(older))) == load(older)


@pytest.mark.parametrize(
    ("old", "new", "facts"),
    [
        (StateCode(), StateCode(), []),
        (StateCode(saves_extra=True), StateCode(), ["no longer saves _extra_state"]),
        (StateCode(), StateCode(saves_extra=True), ["now saves _extra_state"]),
        (StateCode(loads_extra=True), StateCode(), ["no longer loads _extra_state"]),
        (StateCode(), StateCode(loads_extra=True), ["now loads _extra_state"]),
        (StateCode(version=1), StateCode(version=2), ["version of the state dict: 1 → 2"]),
        (StateCode(loading=("a.B.load",)), StateCode(loading=("c.D.load",)), []),
        (StateCode(loading=("a.B.load",)), StateCode(), ["load code: a.B.load → none"]),
        (StateCode(), StateCode(saving=("a.save", "b.keep")), ["state-dict code: none → a.save, b.keep"]),
        (None, StateCode(saves_extra=True), ["now saves _extra_state"]),
    ],
    ids=[
        "same",
        "saves no longer",
        "saves",
        "loads no longer",
        "loads",
        "version",
        "moved class",
        "removed hook",
        "added hooks",
        "none before",
    ],
)
def test_each_change_of_the_code_is_listed_once(old, new, facts):
    modules = [Module("", 0, "Net", state_code=code) for code in (old, new)]
    assert [fact.text for fact in state_code_changes(*modules)] == facts
