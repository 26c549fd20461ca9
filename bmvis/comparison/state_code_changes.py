"""List the changes of the code of a module that changes its state dict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bmvis.comparison.tensor_changes import ChangedFact, changed
from bmvis.model.state_code import NO_CODE
from bmvis.model.tree import Module


def state_code_changes(old: Module, new: Module) -> Iterator[ChangedFact]:
    """Yield each change. Functions are compared by name, without class and Python module, which can be renamed."""
    was, is_now = old.state_code or NO_CODE, new.state_code or NO_CODE
    if was == is_now or not (old.type and new.type):
        return
    for what, before, after in (
        ("load code", was.loading, is_now.loading),
        ("state-dict code", was.saving, is_now.saving),
    ):
        if _names(before) != _names(after):
            yield changed(_listed(before), _listed(after), "checkpoint", name=what)
    for verb, had, has in (
        ("saves", was.saves_extra, is_now.saves_extra),
        ("loads", was.loads_extra, is_now.loads_extra),
    ):
        if had != has:
            text = f"{'now' if has else 'no longer'} {verb} _extra_state"
            yield ChangedFact(text, "checkpoint", True, topic="_extra_state")
    if was.version != is_now.version and old.type == new.type:
        yield changed(str(was.version), str(is_now.version), "checkpoint", name="version of the state dict")


def _names(functions: Sequence[str]) -> list[str]:
    return [name.rpartition(".")[2] for name in functions]


def _listed(functions: Sequence[str]) -> str:
    return ", ".join(functions) or "none"
