"""Adapters that got another name, with the same settings or with other ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from large_libraries import needs_peft
from torch import nn

from bmvis.comparison.drift import find_drift
from bmvis.extraction.modules import capture


def adapted(name: str, *others: str, alpha: int = 8) -> nn.Module:
    import peft

    config = peft.LoraConfig(r=2, lora_alpha=alpha, target_modules=["proj"])
    model = peft.get_peft_model(nn.Sequential(Projected()), config, adapter_name=name)
    for other in others:
        model.add_adapter(other, config)
    return model


class Projected(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Linear(2, 2)


RENAMED_ADAPTERS: dict[str, tuple[Callable[[], nn.Module], Callable[[], nn.Module], bool]] = {
    "default to another": (lambda: adapted("default"), lambda: adapted("french"), False),
    "another to default": (lambda: adapted("french"), lambda: adapted("default"), False),
    "two others": (lambda: adapted("german"), lambda: adapted("french"), False),
    "one of two": (lambda: adapted("german", "basque"), lambda: adapted("french", "basque"), False),
    "with another scale": (lambda: adapted("german"), lambda: adapted("french", alpha=4), True),
    "one more": (lambda: adapted("german"), lambda: adapted("german", "french"), True),
}


@needs_peft
@pytest.mark.parametrize("case", RENAMED_ADAPTERS)
def test_settings_of_an_adapter_that_was_only_renamed_are_no_changes(case: str) -> None:
    before, after, has_settings = RENAMED_ADAPTERS[case]
    lines = [str(change) for change in find_drift(capture(before()), capture(after())).changes]
    assert any("scaling" in line for line in lines) == has_settings
    assert any("renamed" in line for line in lines) == (case != "one more")
