"""Notes about layers that a LightningModule makes in a hook, which only a trainer calls."""

from __future__ import annotations

import copy

import pytest
from torch import nn

from bmvis.extraction.modules import capture

MISSING = " was not called, so these attributes are missing: body, head (call it in the factory)"


class LightningModule(nn.Module):
    """A replacement of Lightning's class, which is recognized by the name of its package."""

    def configure_model(self) -> None:
        self.of_the_library = nn.Linear(1, 1)


LightningModule.__module__ = "lightning.pytorch.core.module"


class Lazy(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(2, 2)
        self.body = None

    def configure_model(self) -> None:
        if self.body is None:
            self.body = nn.Linear(2, 2)
            self.head = nn.Linear(2, 1)


class Derived(Lazy):
    pass


class Eager(LightningModule):
    pass


class Plain(nn.Module):
    def configure_model(self) -> None:
        self.body = nn.Linear(2, 2)


class SavesArguments(LightningModule):
    """Has a module as an argument, which `save_hyperparameters()` also keeps a copy of."""

    def __init__(self, net: nn.Module, *, is_registered: bool = True) -> None:
        super().__init__()
        self._hparams = {"net": net}
        self._hparams_initial = copy.deepcopy(self._hparams)
        if is_registered:
            self.net = net


def called() -> Lazy:
    model = Lazy()
    model.configure_model()
    return model


@pytest.mark.parametrize(
    ("model", "notes"),
    [
        (
            Lazy(),
            ["the model: configure_model() of Lazy" + MISSING],
        ),
        (
            nn.ModuleDict({"net": Derived()}),
            ["net: configure_model() of Derived" + MISSING],
        ),
        (called(), []),
        (Eager(), []),
        (Plain(), []),
    ],
    ids=["not called", "inherited, inside a model", "called", "not overridden", "not Lightning"],
)
def test_layers_of_configure_model_are_noted(model: nn.Module, notes: list[str]) -> None:
    assert list(capture(model).notes) == notes


@pytest.mark.parametrize(("is_registered", "attributes"), [(True, []), (False, ["_hparams"])])
def test_copies_of_arguments_are_not_noted(is_registered: bool, attributes: list[str]) -> None:
    notes = capture(SavesArguments(nn.Linear(2, 3), is_registered=is_registered)).notes
    assert [note.partition(" ")[0] for note in notes] == attributes
