"""Changes of the configurations that modules share, without those that the modules or their sizes already show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set

from bmvis.comparison.lines import DriftLine, fact_line
from bmvis.comparison.setting_changes import SettingChange, impact_of, is_equal, related, setting_fact
from bmvis.comparison.setting_lines import Placed
from bmvis.model.settings import Configuration, normal
from bmvis.model.tree import Model


def configuration_changes(
    before: Model, after: Model, shown: Sequence[Placed], resized: Set[tuple[str, str]]
) -> Iterator[DriftLine]:
    """Yield the changes of the values of configurations.

    Args:
        before: the model before.
        after: the model now.
        shown: the changes of settings of modules.
        resized: pairs of sizes before and after that other changes show.
    """
    for old, new in _pairs(before.configurations, after.configurations):
        for name in dict.fromkeys([*old.values, *new.values]):
            was, is_now = old.values.get(name), new.values.get(name)
            is_repeated = (normal(was), normal(is_now)) in resized or any(
                is_equal(change.after, is_now)
                and (was is None or is_equal(change.before, was))
                and related(change.name, type_, name)
                for _, type_, _, change in shown
            )
            if not is_equal(was, is_now) and not is_repeated:
                change = SettingChange(name, was, is_now, impact_of(name, "", was, is_now))
                yield fact_line("", setting_fact(change, "default"), subject=new.type)


def _pairs(
    before: Iterable[Configuration], after: Iterable[Configuration]
) -> Iterator[tuple[Configuration, Configuration]]:
    """Yield the configurations of one type in their order. Others come and go with their modules."""
    left = list(after)
    for old in before:
        new = next((one for one in left if one.type == old.type), None)
        if new is not None:
            left.remove(new)
            yield old, new
